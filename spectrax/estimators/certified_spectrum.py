"""SpecGrid: the spectrum itself, not a pseudospectrum, from residuals on a grid, with a bound on its error.

Colbrook, Mezic and Stepanenko, "Limits and powers of Koopman learning" (arXiv 2407.06312), and the released code of its
Duffing example, whose radius factor is 5.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.estimators.pseudospectrum import pseudospectrum
from spectrax.estimators.qr import Factors

_BLOCK = 256  # points compared with all others at a time


@dataclasses.dataclass(frozen=True, eq=False)
class CertifiedSpectrum:
    """Attributes:
    points: (k,) complex, the grid points kept as spectrum.
    distances: (k,) of each, at most how far the spectrum is from it, where the operator is unitary (or normal).
    isometry: the correction max(tau, |1 - |z||) was made.
    spacing: of the grid: where distances are not large against it, discs hold one point and the grid decides.
    """

    points: np.ndarray
    distances: np.ndarray
    isometry: bool
    spacing: float

    @property
    def error_bound(self) -> float:
        """The largest distance; NaN where nothing was kept."""
        return float(self.distances.max()) if len(self.distances) else float("nan")

    @property
    def meaning(self) -> str:
        """What the bound bounds, in a sentence."""
        if self.isometry:
            said = "Each point lies within its distance of the spectrum, if the operator is unitary as declared"
        else:
            said = "Each point lies in the pseudospectrum at its level; how far the spectrum is was not bounded"
        return said + ", in the limit of infinitely many pairs; that no spectrum is missing may not be claimed."


def certified_spectrum(
    made: Factors, z: ArrayLike, isometry: bool = False, radius: float = 5.0, tolerance: float = 1e-12
) -> CertifiedSpectrum:
    """SpecGrid on complex points z of any shape.

    Args:
        isometry: the system preserves the measure of the pairs: the spectrum's approximate part lies on the circle.
        radius: discs around points reach `radius` times their distance. On a coarse grid a smaller one keeps more.
        tolerance: see `spectrax.estimators.pseudospectrum.pseudospectrum`.

    Raises:
        ConfigError: when there are fewer than two points.
    """
    return spec_grid(z, pseudospectrum(made, z, tolerance), isometry, radius)


def spec_grid(z: ArrayLike, tau: ArrayLike, isometry: bool = False, radius: float = 5.0) -> CertifiedSpectrum:
    """The same from a pseudospectrum that is there already, tau at points z; both of one shape."""
    points, least = np.asarray(z, complex).ravel(), np.asarray(tau, float).ravel()
    if len(points) < 2:
        raise ConfigError("A grid of fewer than two points holds no spectrum. Give more points.")
    distances = corrected(points, least, isometry)
    kept = local_minimisers(points, distances, radius)
    return CertifiedSpectrum(points[kept], distances[kept], isometry, _spacing(points))


def corrected(z: np.ndarray, tau: np.ndarray, isometry: bool) -> np.ndarray:
    """max(tau(z), |1 - |z||) for an isometry, whose every residual is at least that; else tau."""
    return np.maximum(tau, abs(1 - abs(z))) if isometry else tau


def local_minimisers(z: np.ndarray, distances: np.ndarray, radius: float) -> np.ndarray:
    """Indices, increasing: for each of the points (n,) with a distance below 1, where the distance is least among the
    points nearer than `radius` times its distance; the union over points. Of equal ones the first counts."""
    starts = np.flatnonzero(distances < 1)
    kept = set()
    for block in np.array_split(starts, max(1, -(-len(starts) // _BLOCK))):
        near = abs(z[block][:, None] - z) < radius * distances[block][:, None]
        near[np.arange(len(block)), block] = True  # a distance of 0 leaves the point itself
        kept.update(np.where(near, distances, np.inf).argmin(axis=1).tolist())
    return np.array(sorted(kept), int)


def _spacing(points: np.ndarray) -> float:
    from scipy.spatial import cKDTree

    places = np.stack([points.real, points.imag], axis=1)
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
