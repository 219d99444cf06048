"""Trajectories of a system that a solver makes: many, from initial states of their own, or one run in pieces."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import DataCard, FieldSpec
from spectrax.data.pde.generated import Generated
from spectrax.solvers.dynamics.system import System

_AT_ONCE = 2**22  # numbers of a chunk, about


@dataclasses.dataclass(frozen=True, kw_only=True)
class Simulated(Generated):
    """A source of "trajectory" (length, dimension) float64, and of "second" where that is asked for.

    Attributes:
        system: the law.
        length: frames of a trajectory.
        dt: units of time between frames; 1 for maps.
        burn_in: units of time that are computed and left out before the first frame.
        grid: training trajectories begin at the nodes of the system's quadrature rule, so many along each axis; None:
            at random states, as those of the other splits do.
        one_run: all trajectories are pieces of a single one, which follow each other: those of training, then, `gap`
            frames later, those of validation, then those of testing.
        gap: frames left out between the splits of one run; some ten times as long as it takes to forget.
        second: also store another image of each frame, drawn independently of the trajectory's next frame: what the
            residuals of a stochastic system are computed from.

    Raises:
        ConfigError: when numbers make no sense, or do not fit the system.
    """

    system: System
    length: int
    dt: float = 1.0
    burn_in: float = 0.0
    grid: Sequence[int] | None = None
    one_run: bool = False
    gap: int = 0
    second: bool = False

    precision = "float64"
    in_processes = False  # JAX computes a chunk with all processors

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "grid", tuple(self.grid) if self.grid is not None else None)
        self.system.check(self.dt)
        if self.length < 2 or self.burn_in < 0 or self.gap < 0:
            raise ConfigError(
                f"dataset.source: a trajectory has two frames or more, and what is left out is not negative; it says "
                f"length={self.length}, burn_in={self.burn_in:g}, gap={self.gap}."
            )
        if self.second and not self.system.stochastic:
            raise ConfigError(
                f"dataset.source.second: {self.system.name} is deterministic, so that a state has one image. Set it "
                "to false, or give the system noise."
            )
        if self.grid is not None:
            self._check_grid()

    @property
    def name(self) -> str:
        """Of the prepared directory."""
        return f"{self.system.name}_generated"

    @property
    def option(self) -> str:
        """The system's name."""
        return self.system.name

    @property
    def solver(self) -> str:
        """The system's class, whose law it is."""
        return f"{type(self.system).__module__}.{type(self.system).__name__}"

    @property
    def libraries(self) -> tuple[str, ...]:
        """Of the system."""
        return self.system.libraries

    @property
    def chunk(self) -> int:
        """As many trajectories as make a few million numbers."""
        size = self.length * len(self.system.coordinates)
        return min(max(_AT_ONCE // size, 1), 1024, max(self.splits.values()))

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of a trajectory."""
        shape = (self.length, len(self.system.coordinates))
        meaning = f"{', '.join(_few(self.system.coordinates))} of {self.length} frames, {self.dt:g} units of time apart"
        fields = {"trajectory": FieldSpec(shape, "float64", meaning)}
        if self.second:
            fields["second"] = FieldSpec(shape, "float64", "for each frame another one that may follow it")
        return fields

    def examples(self, split: str, first: int, count: int) -> dict[str, np.ndarray]:
        """Some trajectories of a split; a whole chunk is computed, so that there is one program."""
        if self.one_run:
            begin = self._begins()[split] + first * self.length
            frames = _run(self)[begin : begin + count * self.length]
            trajectories = frames.reshape(count, self.length, -1)
        else:
            whole = self._compute(split, first, max(count, self.chunk), self.length)
            trajectories = whole[:count]
        found = {"trajectory": trajectories}
        if self.second:
            found["second"] = self._second(split, first, trajectories)
        return found

    def weights(self, split: str) -> np.ndarray | None:
        """Of the quadrature rule whose nodes the trajectories begin at, (trajectories,); None where they are random."""
        return self.system.nodes(self.grid)[1] if self.grid is not None and split == "train" else None

    def card(self, content_hash: str) -> DataCard:
        """The data card."""
        rule = "independent initial states; a trajectory belongs to one split, and its number and the seed decide it"
        if self.one_run:
            rule = f"pieces of one run: first those of training, last those of testing, {self.gap} frames in between"
        return dataclasses.replace(
            super().card(content_hash), split_rule=rule, normalisation="none; stored as computed, in float64"
        )

    @property
    def description(self) -> str:
        """Of the system."""
        return self.system.description

    @property
    def units(self) -> str:
        """Of the system."""
        return self.system.units

    @property
    def citation(self) -> str:
        """Of the system."""
        return self.system.citation

    def _compute(self, split: str, first: int, count: int, length: int) -> np.ndarray:
        indices = self.indices(split, first, count)
        return self.system.trajectories(
            self._initial(split, indices, first),
            length=length,
            dt=self.dt,
            skipped=math.ceil(self.burn_in / self.dt - 1e-9),
            seeds=np.stack([self._seed(index, 1) for index in indices]),
        )

    def _initial(self, split: str, indices: range, first: int) -> np.ndarray:
        if self.grid is not None and split == "train":
            nodes = self.system.nodes(self.grid)[0]
            return nodes[np.arange(first, first + len(indices)) % len(nodes)]  # past the end: never kept
        return np.stack([self.system.initial(np.random.default_rng([self.seed, index])) for index in indices])

    def _second(self, split: str, first: int, trajectories: np.ndarray) -> np.ndarray:
        """A frame from each state on, with random numbers of its own."""
        count = len(trajectories)
        seeds = [
            np.random.SeedSequence([self.seed, index, 2]).generate_state(2 * self.length).reshape(-1, 2)
            for index in self.indices(split, first, count)
        ]
        states = trajectories.reshape(count * self.length, -1)
        images = self.system.trajectories(states, length=2, dt=self.dt, seeds=np.concatenate(seeds))[:, 1]
        return images.reshape(trajectories.shape)

    def _seed(self, index: int, stream: int) -> np.ndarray:
        return np.random.SeedSequence([self.seed, index, stream]).generate_state(2)

    def _begins(self) -> dict[str, int]:
        """The first frame of each split in one run."""
        begins, frame = {}, 0
        for split, size in self.splits.items():
            begins[split] = frame
            frame += size * self.length + self.gap
        return begins

    def _check_grid(self) -> None:
        points = len(self.system.nodes(self.grid)[0])
        if self.one_run or points != self.train:
            raise ConfigError(
                f"dataset.source.grid={list(self.grid)} has {points:,} nodes, each of which a training trajectory of "
                f"its own begins at. Set dataset.source.train={points} and dataset.source.one_run=false."
            )


@functools.lru_cache(maxsize=1)
def _run(source: Simulated) -> np.ndarray:
    """All frames of one run (frames, dimension)."""
    frames = sum(source.splits.values()) * source.length + source.gap * (len(source.splits) - 1)
    return source._compute("train", 0, 1, frames)[0]


def _few(names: Sequence[str]) -> Sequence[str]:
    return names if len(names) <= 4 else (names[0], names[1], "...", names[-1])
