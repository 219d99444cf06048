"""Trajectories of dynamical systems: windows of them for networks, whole ones for estimators."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spectrax.core.errors import ConfigError, UnreadableFile
from spectrax.core.protocols import DatasetSpec, FieldSpec
from spectrax.data import prepared
from spectrax.data.dynamics.simulated import Simulated
from spectrax.data.dynamics.windows import Windowing, Windows
from spectrax.data.field_moments import moments
from spectrax.data.prepared_source import PreparedSource, read_arrays, refuse_what_is_not_finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spectrax.estimators.snapshots import Pairs

_SPLITS = ("train", "validation", "test")


class Trajectories(PreparedSource):
    """A data set of trajectories, split by trajectory.

    An example has "window" (frames, *state), float32: states in a row, `dt` apart. `split`, `stored` and the sizes in
    `spec` count windows; `trajectories`, `pairs` and `weights` give what estimators take, in float64. Both see what
    is observed: noise of measurement and the choice of coordinates are applied as the data are read, to a trajectory
    as a whole, and depend on nothing but the seed and the trajectory's number.

    Args:
        source: where the trajectories come from.
        data_dir: directory under which data are prepared.
        state: shape of one observed state; models take their sizes from it.
        frames: of a window.
        dt: units of time between frames.
        stride: frames from the beginning of a window to that of the next.
        observation_noise: deviation of the noise of measurement, in deviations of each coordinate over training.
        process_noise: of the system, for people and models; it is the system that has it.
        partial: which coordinates are observed, by their numbers from 0; None for all.
        normalise: "channel" when models are to see each coordinate with mean 0 and deviation 1; None for as it is.
        lyapunov: largest Lyapunov exponent, per unit of time, where it is known.
        measure_preserving: the system is invertible and preserves the measure that its data sample, so that the
            Koopman operator is unitary.
        size, sizes: by which size, and by which settings of each, the config chose numbers; for people.

    Raises:
        ConfigError: when the config states another state than is observed, or numbers make no sense.
    """

    def __init__(
        self,
        *,
        source: Simulated,
        data_dir: str,
        state: Sequence[int],
        frames: int,
        dt: float,
        stride: int = 1,
        observation_noise: float = 0.0,
        process_noise: float = 0.0,
        partial: Sequence[int] | None = None,
        normalise: Literal["channel"] | None = None,
        lyapunov: float | None = None,
        measure_preserving: bool = False,
        size: str | None = None,
        sizes: Mapping[str, Any] | None = None,
    ):
        super().__init__(source, data_dir)
        self.frames, self.dt, self.normalise = frames, dt, normalise
        self.lyapunov, self.measure_preserving = lyapunov, measure_preserving
        self.observation_noise, self.process_noise = observation_noise, process_noise
        self.partial = None if partial is None else tuple(partial)
        self.windowing = Windowing(source.length, frames, stride)
        self._check(tuple(state))
        meaning = f"{frames} states in a row, {dt:g} units of time apart: {', '.join(self._few_names())}"
        self.spec = DatasetSpec(
            {"window": FieldSpec((frames, *state), "float32", meaning)},
            {name: size * self.windowing.count for name, size in source.splits.items()},
        )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the observed coordinates."""
        names = self.source.system.coordinates
        return names if self.partial is None else tuple(names[number] for number in self.partial)

    def split(self, name: str) -> Windows:
        """Random access to windows by TFDS, as "window" (frames, *state) float64."""
        stored = prepared.StoredSplit(self.prepared() / "tfds", name)
        return Windows(stored, self.source.splits[name], self.windowing, functools.partial(self._observed, name))

    def stored(self, name: str) -> Iterator[dict[str, Any]]:
        """All windows of a split in order, read without TFDS."""
        for number, trajectory in enumerate(self.array(name, "trajectory")):
            seen = self._observed(name, number, trajectory)
            for index in range(self.windowing.count):
                yield {"window": seen[self.windowing.place(index)[1]]}

    def transform(self, split: str, example: Mapping[str, Any], rng: np.random.Generator | None) -> dict[str, Any]:
        """A stored window as the model sees it. Raises `ConfigError` when it has another shape than stated."""
        window = np.asarray(example["window"], np.float32)
        if window.shape != self.spec.fields["window"].shape:
            raise ConfigError(f"A window is {window.shape}; the dataset says {self.spec.fields['window'].shape}.")
        return {"window": window}

    def is_random(self, split: str) -> bool:
        """Windows are seen as they are."""
        return False

    def trajectories(self, split: str) -> np.ndarray:
        """What is observed of all trajectories of a split: float64 (trajectories, length, *state); of one run the
        pieces joined, (1, frames, *state)."""
        stored = self.array(split, "trajectory")
        seen = np.stack([self._observed(split, number, trajectory) for number, trajectory in enumerate(stored)])
        return seen.reshape(1, -1, seen.shape[-1]) if self.source.one_run else seen

    def weights(self, split: str) -> np.ndarray | None:
        """Quadrature weights (trajectories,) of the initial states, where those are the nodes of a rule; else None."""
        return self.source.weights(split)

    def pairs(self, split: str, lag: int = 1) -> "Pairs":
        """All pairs of states `lag` frames apart, none across a border, with weights where there is a quadrature rule
        and second images where they were made. Raises `ConfigError` when a trajectory is too short."""
        from spectrax.estimators.snapshots import Pairs

        pairs = Pairs.of_trajectories(self.trajectories(split), lag, self.weights(split))
        if not self.source.second or lag > 1:
            return pairs
        return Pairs(pairs.x, pairs.y, pairs.weights, self._seconds(split))

    def moments(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Of "window", mean and unbiased deviation of each observed coordinate over the training trajectories:
        two float32 arrays (state,)."""
        return {"window": moments(self.trajectories("train"), "channel")}

    def read(self, path: Path) -> dict[str, Any]:
        """A person's own trajectory as a stored window: an .npy file (frames or more, *state) of observed states, or
        an .npz file of "window"; the first frames are taken. Raises `UnreadableFile`."""
        found, shape = read_arrays(path, "window"), self.spec.fields["window"].shape
        window = found.get("window")
        if window is None or window.shape[1:] != shape[1:] or len(window) < shape[0] or window.dtype.kind not in "fiu":
            has = {key: value.shape for key, value in found.items()}
            raise UnreadableFile(
                f"should hold window {shape}, or more frames, of numbers, one trajectory in a file; it holds {has}"
            )
        read = {"window": np.asarray(window[: shape[0]], np.float64)}
        refuse_what_is_not_finite(read)
        return read

    def preview(self, examples: Sequence[Mapping[str, Any]], names: Sequence[str]) -> "Figure":
        """For each window its coordinates over time, and where in the space of states it lies among others."""
        from spectrax.plots import trajectory_sheet

        others = self.trajectories("train")
        return trajectory_sheet.sheet(
            [np.asarray(example["window"]) for example in examples],
            names,
            self.coordinates,
            dt=self.dt,
            others=others[:: len(others) // 512 + 1],
            continuous=self.source.system.continuous,
        )

    def _observed(self, split: str, number: int, trajectory: np.ndarray) -> np.ndarray:
        """What is seen of a trajectory (length, dimension): (length, *state)."""
        if self.observation_noise:
            seed = [self.source.seed, _SPLITS.index(split), number, 3]
            noise = np.random.default_rng(seed).standard_normal(trajectory.shape)
            trajectory = trajectory + self.observation_noise * self._deviation * noise
        return np.array(trajectory if self.partial is None else trajectory[:, self.partial])

    @functools.cached_property
    def _deviation(self) -> np.ndarray:
        """Of each coordinate of the system over training, without noise."""
        return np.std(self.array("train", "trajectory"), axis=(0, 1))

    def _seconds(self, split: str) -> np.ndarray:
        """The other images of the states that begin pairs."""
        stored = self.array(split, "second")
        if self.observation_noise:
            raise ConfigError("Second images are exact: leave dataset.observation_noise=0 where they are used.")
        seen = np.array(stored if self.partial is None else stored[..., self.partial])
        joined = seen.reshape(1, -1, seen.shape[-1]) if self.source.one_run else seen
        return joined[:, :-1].reshape(-1, seen.shape[-1])

    def _few_names(self) -> Sequence[str]:
        names = self.coordinates
        return names if len(names) <= 4 else (names[0], names[1], "...", names[-1])

    def _check(self, state: tuple[int, ...]) -> None:
        system, source = self.source.system, self.source
        count = len(system.coordinates)
        if self.partial is not None and (
            not self.partial or len(set(self.partial)) < len(self.partial) or not set(self.partial) <= set(range(count))
        ):
            raise ConfigError(
                f"dataset.partial={list(self.partial)} should name some of the coordinates 0 to {count - 1} of "
                f"{system.name}, each once; null for all."
            )
        if state != (len(self.coordinates),):
            raise ConfigError(
                f"dataset.state={list(state)}, but a state has {len(self.coordinates)} observed coordinates "
                f"({', '.join(self._few_names())}). Set dataset.state=[{len(self.coordinates)}]."
            )
        if self.measure_preserving and not system.unitary:
            reason = "it has noise" if system.stochastic else "it preserves no measure, or is not invertible"
            raise ConfigError(
                f"dataset.measure_preserving=true, but with these settings the Koopman operator of {system.name} is "
                f"not unitary: {reason}. Set it to false."
            )
        if self.dt != source.dt:
            raise ConfigError(f"dataset.dt={self.dt:g}, but dataset.source.dt={source.dt:g}: set both alike.")
        if not 0 <= self.observation_noise < np.inf:
            raise ConfigError(
                f"dataset.observation_noise={self.observation_noise:g} is no deviation. Give 0 or a positive number."
            )
        noise = getattr(system, "process_noise", 0.0)
        if self.process_noise != noise:
            raise ConfigError(
                f"dataset.process_noise={self.process_noise:g}, but that of dataset.source.system is {noise:g}: set "
                "both alike."
            )
