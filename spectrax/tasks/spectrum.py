"""Koopman spectra found in closed form: what an estimator is fitted to, and what pairs it has not seen say of it."""

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.direct_protocols import Estimator, Judgement
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.estimators.evidence import Evidence, Plan, evidence
from spectrax.estimators.snapshots import Pairs, delayed
from spectrax.estimators.spectrum import KoopmanSpectrum
from spectrax.tasks import spectrum_figures

logger = logging.getLogger("spectrax")

_STARTS = 64  # forecasts from so many states of a long trajectory


@dataclasses.dataclass(frozen=True)
class Spectrum:
    """A spectrum with its certificate, for `trainer=direct`. An estimator is given `Pairs` of the training split and
    gives a `KoopmanSpectrum`; each other split gives residuals of its own.

    Attributes:
        lag: frames between the two states of a pair.
        delays: states in a row that make one; 1 for none, see `spectrax.estimators.snapshots.delayed`.
        threshold: the largest residual of a certified eigenvalue.
        isometry: the system preserves the measure that the data sample, so that its spectrum is on the unit circle.
        points, reach: of the pseudospectrum's grid along each axis, and how far it goes; 0 points for none.
        circle: points on the unit circle where the least residual is computed, for isometries.
        most_pairs: held-out pairs, a random choice of so many.
        horizons: steps at which the error of forecasts is told; those beyond a trajectory are left out; empty: no
            forecasts.
        dt: units of time between frames.
        functions: eigenfunctions drawn.
        plane: two coordinates, by their numbers, over which they are drawn; None: the first and the last.

    Raises:
        ConfigError: for values that make no sense.
    """

    lag: int = 1
    delays: int = 1
    threshold: float = 0.1
    isometry: bool = False
    points: int = 60
    reach: float = 1.25
    circle: int = 720
    most_pairs: int = 20_000
    horizons: Sequence[int] = (1, 5, 20, 50)
    dt: float = 1.0
    functions: int = 4
    plane: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if min([self.lag, self.delays, self.most_pairs, *self.horizons]) < 1 or self.dt <= 0 or self.functions < 0:
            raise ConfigError(
                "task.lag, task.delays, task.most_pairs and task.horizons must be at least 1, task.dt above 0 and "
                "task.functions at least 0."
            )
        if self.plane is not None and (len(self.plane) != 2 or min(self.plane) < 0):
            raise ConfigError(f"task.plane={list(self.plane)} must be the numbers of two coordinates, such as [0,2].")
        _ = self.plan

    @property
    def plan(self) -> Plan:
        """What is looked at."""
        return Plan(self.threshold, self.isometry, self.points, self.reach, self.circle)

    def check_fields(self, fields: Mapping[str, FieldSpec]) -> None:
        """Raises `ConfigError` where eigenfunctions are to be drawn over a coordinate that states do not have."""
        if self.plane is not None and "window" in fields:
            self._check_plane(self.plane, math.prod(fields["window"].shape[1:]))

    def given(self, dataset: Any, split: str) -> Pairs:
        """All pairs of a split."""
        if self.delays == 1:
            return dataset.pairs(split, self.lag)
        rows = delayed(dataset.trajectories(split), self.delays)
        return Pairs.of_trajectories(rows, self.lag, dataset.weights(split))

    def judge(self, fitted: KoopmanSpectrum, dataset: Any, split: str, estimator: Estimator, seed: int) -> Judgement:
        """Residuals and forecasts on the split; the certificate, and figures."""
        pairs = self._some(self.given(dataset, split))
        found = evidence(fitted, pairs, self.plan)
        said = {"split": split, **found.certificate()}
        logger.info("Certificate on the %s split: %s", split, said["claims"][0])
        metrics, figures = found.metrics(), spectrum_figures.of_evidence(found)
        figures |= self._eigenfunctions(found, dataset, pairs)
        told, drawn = self._forecasts(fitted, dataset, split)
        return Judgement(metrics | told, figures | drawn, {"certificate": said})

    def _some(self, pairs: Pairs) -> Pairs:
        """Held-out pairs, always the same; all of a quadrature rule, whose nodes belong together."""
        if len(pairs) <= self.most_pairs or pairs.weights is not None:
            return pairs
        return pairs.take(np.sort(np.random.default_rng(0).choice(len(pairs), self.most_pairs, replace=False)))

    def _eigenfunctions(self, found: Evidence, dataset: Any, pairs: Pairs) -> dict[str, Callable[[], Any]]:
        """Over the plane of two coordinates, or over the only one."""
        dimension = pairs.dimension // self.delays
        plane = tuple(self.plane or dict.fromkeys((0, dimension - 1)))
        if not self.functions or np.iscomplexobj(pairs.x):
            return {}
        self._check_plane(plane, dimension)
        names = getattr(dataset, "coordinates", None) or [f"x{place + 1}" for place in range(dimension)]
        chosen = [names[place] for place in plane]
        return {
            "eigenfunctions": lambda: spectrum_figures.eigenfunctions(found, pairs.x, plane, chosen, self.functions)
        }

    def _check_plane(self, plane: Sequence[int], dimension: int) -> None:
        if max(plane) >= dimension:
            raise ConfigError(f"task.plane={list(plane)}: a state has the coordinates 0 to {dimension - 1}.")

    def _forecasts(
        self, fitted: KoopmanSpectrum, dataset: Any, split: str
    ) -> tuple[dict[str, float], dict[str, Callable[[], Any]]]:
        """NRMSE at horizons, over the deviations of the split, and a figure of some trajectories; nothing where the
        spectrum cannot read states or trajectories are too short."""
        if fitted.state is None or not self.horizons:
            return {}, {}
        trajectories = dataset.trajectories(split)
        trajectories = trajectories.reshape(*trajectories.shape[:2], -1)
        steps = min(max(self.horizons), (trajectories.shape[1] - self.delays) // self.lag)
        if steps < 1:
            return {}, {}
        windows = _windows(trajectories, self.delays, steps, self.lag)
        dimension = trajectories.shape[-1]
        rows = windows[:, : self.delays].reshape(len(windows), -1)
        # With delays, what a row holds already is no forecast: its last state is the one that moves on.
        prediction = fitted.predict(rows, steps)[..., -dimension:]
        truth = windows[:, self.delays - 1 :: self.lag]
        deviation = np.maximum(trajectories.std((0, 1)), 1e-300)
        errors = np.sqrt(np.mean(np.abs((prediction - truth[:, 1:]) / deviation) ** 2, axis=(0, 2)))
        told = {f"nrmse_step_{step}": float(errors[step - 1]) for step in self.horizons if step <= steps}
        names = getattr(dataset, "coordinates", None)
        times = self.dt * self.lag * np.arange(steps + 1)
        drawn = {} if steps < 4 else {
            "predictions": lambda: spectrum_figures.forecasts(truth, prediction, times, names)
        }  # fmt: skip
        return told, drawn


def _windows(trajectories: np.ndarray, delays: int, steps: int, lag: int) -> np.ndarray:
    """Pieces (pieces, frames, dimension) to begin forecasts in: of many trajectories the first ones, of a long one
    equally far apart."""
    frames = delays + steps * lag
    last = trajectories.shape[1] - frames
    each = max(1, min(_STARTS // min(len(trajectories), _STARTS), last + 1))
    begins = np.linspace(0, last, each).astype(int)
    return np.concatenate([trajectories[:_STARTS, begin : begin + frames] for begin in begins])
