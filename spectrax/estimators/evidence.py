"""What held-out pairs say of a fitted operator, all of it: residuals, a pseudospectrum, the part of the circle that is
certified, and the certificate."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.certificate import are_certified, is_isometry, refutation
from spectrax.estimators.certified_spectrum import spec_grid
from spectrax.estimators.pseudospectrum import pseudospectrum
from spectrax.estimators.qr import Factors, factors
from spectrax.estimators.snapshots import Pairs
from spectrax.estimators.spectrum import KoopmanSpectrum


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is looked at.

    Attributes:
        threshold: the largest residual of a certified eigenvalue.
        isometry: the system preserves the measure that the pairs sample, so that its spectrum lies on the circle.
        points: of the pseudospectrum's grid along each axis; 0 for none.
        reach: the grid goes from -reach to reach along both axes.
        circle: points on the unit circle at which the least residual is computed, where the system is an isometry.
        chunk: pairs in memory at a time.

    Raises:
        ConfigError: for numbers that make no sense.
    """

    threshold: float = 0.1
    isometry: bool = False
    points: int = 60
    reach: float = 1.25
    circle: int = 720
    chunk: int = 4096

    def __post_init__(self) -> None:
        counts = self.points >= 0 and self.points != 1 and self.circle >= 0  # a grid of one point has no contours
        if not (self.threshold > 0 and self.reach > 0 and counts and self.chunk > 0):
            raise ConfigError(
                f"threshold={self.threshold}, reach={self.reach} and chunk={self.chunk} must be above 0, "
                f"circle={self.circle} at least 0, and points={self.points} either 0 or at least 2."
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Attributes:
    spectrum: with its residuals.
    plan: what was looked at.
    axis: (points,) of the grid, along both axes.
    least: (points, points), tau(z), the least residual of any function at z; rows of one imaginary part.
    circle: (circle,) complex points of the unit circle; empty where the system is no isometry.
    circle_least: (circle,), tau there: the spectrum is at most so far away.
    grid_points, grid_bounds: what SpecGrid keeps of the grid, and its bounds; empty where there is no grid.
    factors: of the dictionary at the pairs, which all of this was computed from.
    """

    spectrum: KoopmanSpectrum
    plan: Plan
    axis: np.ndarray
    least: np.ndarray
    circle: np.ndarray
    circle_least: np.ndarray
    grid_points: np.ndarray
    grid_bounds: np.ndarray
    factors: Factors

    @property
    def isometry(self) -> bool:
        """The system was declared to preserve measure, and these pairs do not refute it."""
        return is_isometry(self.spectrum, self.plan.isometry)

    @property
    def certified_circle(self) -> np.ndarray:
        """Which of the points of the circle have the spectrum within the threshold, (circle,) bool."""
        return self.circle_least <= self.plan.threshold

    @property
    def certified_eigenvalues(self) -> np.ndarray:
        """Which eigenvalues the certificate certifies, (r,) bool."""
        return are_certified(self.spectrum, self.plan.threshold, self.isometry)

    @property
    def certified(self) -> tuple[np.ndarray, np.ndarray]:
        """Points (k,) with bounds (k,) of at most the threshold: of an isometry those of the circle, else those that
        SpecGrid keeps."""
        on_circle = self.isometry and len(self.circle)
        points, bounds = (self.circle, self.circle_least) if on_circle else (self.grid_points, self.grid_bounds)
        good = bounds <= self.plan.threshold
        return points[good], bounds[good]

    def best(self, count: int, apart: float = 0.05) -> list[int]:
        """The eigenvalues of least residuals, by number: none within `apart` of 1, whose eigenfunctions are constant
        along the way, or of another one chosen, and one of each conjugate pair."""
        values, chosen = self.spectrum.eigenvalues, [1.0]
        found: list[int] = []
        for j in np.argsort(self.spectrum.residuals):
            if values[j].imag >= -1e-9 and min(abs(values[j] - other) for other in chosen) > apart:
                found.append(int(j))
                chosen.append(values[j])
        return found[:count]

    def certificate(self) -> dict[str, Any]:
        """`KoopmanSpectrum.certificate`, and in numbers what the pseudospectrum adds; ready for JSON."""
        said = self.spectrum.certificate(self.plan.threshold, self.plan.isometry)
        if len(self.axis):
            inside = int(np.sum(self.least <= self.plan.threshold))
            said["pseudospectrum"] = {
                "points_along_each_axis": len(self.axis),
                "reach": float(self.plan.reach),
                "share_of_grid_below_threshold": inside / self.least.size,
                "kept_by_spec_grid": len(self.grid_points),
                "largest_bound_kept": float(self.grid_bounds.max()) if len(self.grid_bounds) else None,
            }
        if len(self.circle):
            said["unit_circle"] = {
                "points": len(self.circle),
                "share_certified": float(self.certified_circle.mean()),
                "largest_bound": float(self.circle_least.max()),
                "meaning": "within the threshold of each certified point there is spectrum, if the operator is unitary",
            }
        return said

    def metrics(self) -> dict[str, float]:
        """Scalars of it."""
        residuals, moduli = self.spectrum.residuals, np.abs(self.spectrum.eigenvalues)
        found = {
            "residual_median": float(np.median(residuals)),
            "residual_least": float(residuals.min()),
            "residual_largest": float(residuals.max()),
            "certified": float(np.sum(self.certified_eigenvalues)),
            "certified_share": float(np.mean(self.certified_eigenvalues)),
            "spectral_radius": float(moduli.max()),
            "spectral_least": float(moduli.min()),
        }
        if len(self.circle):
            found["circle_certified"] = float(self.certified_circle.mean())
        return found


def evidence(spectrum: KoopmanSpectrum, pairs: Pairs, plan: Plan) -> Evidence:
    """Everything that `pairs`, which the operator was not fitted to, say of it; of fewer pairs than functions residuals
    alone, with a warning."""
    made = factors(spectrum.dictionary, pairs, plan.chunk, told_apart=False)
    verified = spectrum.verified(pairs, plan.chunk, made=made)
    if not made.tells_apart and (plan.points or plan.circle):
        size = spectrum.operator.shape[0]
        warnings.warn(
            f"{len(pairs):,} pairs cannot tell {size} functions apart, so there is no pseudospectrum. Hold back at "
            "least as many pairs, or choose a smaller dictionary.",
            stacklevel=2,
        )
        plan = dataclasses.replace(plan, points=0, circle=0)
    refuted = refutation(verified) if plan.isometry else None
    if refuted is not None:
        warnings.warn(f"{refuted} It is judged as one that does not.", stacklevel=2)
        plan = dataclasses.replace(plan, circle=0)
    axis = np.linspace(-plan.reach, plan.reach, plan.points)
    circle = np.exp(2j * np.pi * np.arange(plan.circle) / plan.circle) if plan.isometry and plan.circle else np.zeros(0)
    if not len(axis) and not len(circle):
        none = np.zeros(0)
        return Evidence(verified, plan, axis, none, circle, none, none, none, made)
    grid = axis[None, :] + 1j * axis[:, None]
    least = pseudospectrum(made, np.concatenate([grid.ravel(), circle]))
    kept, bounds = np.zeros(0, complex), np.zeros(0)
    if grid.size > 1:
        found = spec_grid(grid, least[: grid.size].reshape(grid.shape), plan.isometry and refuted is None)
        kept, bounds = found.points, found.distances
    return Evidence(
        verified, plan, axis, least[: grid.size].reshape(grid.shape), circle, least[grid.size :], kept, bounds, made
    )
