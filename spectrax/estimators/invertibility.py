"""Whether a map is one-to-one, judged from pairs: an isometry that is not is not unitary.

The Koopman operator K of a measure-preserving map F is an isometry; it is unitary only where F is invertible. The
defect of its adjoint, ||g||^2 - ||K* g||^2, is the mean variance of g over the states that share an image, and that can
be read off pairs whose images are neighbours.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from spectrax.estimators.snapshots import Pairs

_LIMIT = 20_000  # pairs looked at: the nearest neighbours of more say no more
_WIDE = 8  # numbers in a state, beyond which a tree of places finds neighbours no faster than all distances do
_PRODUCTS = 2e10  # in all distances of wide states: a second or two
_FLAGGED = 0.05  # of the states' variance
_RESOLVED = 0.02  # of the states' variance: beyond, neighbours are too far apart to tell


@dataclasses.dataclass(frozen=True)
class FibreVariance:
    """Attributes:
    defect: mean variance of the states of neighbouring images, over the variance of all states: 0 for a one-to-one
        map with very many pairs, some 2/3 for the doubling map.
    resolution: the same of states that are neighbours themselves: what too few pairs cannot go below.
    """

    defect: float
    resolution: float

    @property
    def many_to_one(self) -> bool:
        """States far apart share images: the Koopman operator is not unitary."""
        return bool(self.defect > _FLAGGED and self.resolution < _RESOLVED)


def fibre_variance(pairs: Pairs, seed: int = 0) -> FibreVariance:
    """Of at most 20,000 pairs, and of fewer where states are wide, drawn with `seed`. Both numbers are NaN for fewer
    than 10 pairs."""
    if len(pairs) < 10:
        return FibreVariance(float("nan"), float("nan"))
    x, y = _real(pairs.x), _real(pairs.y)
    most = _LIMIT if x.shape[1] <= _WIDE else min(_LIMIT, max(1000, int((_PRODUCTS / x.shape[1]) ** 0.5)))
    if len(pairs) > most:
        chosen = np.random.default_rng(seed).choice(len(pairs), most, replace=False)
        x, y = x[chosen], y[chosen]
    scale = float(x.var(axis=0).sum())
    return FibreVariance(_spread(x, y) / scale, _spread(x, x) / scale) if scale else FibreVariance(0.0, 0.0)


def _spread(values: np.ndarray, places: np.ndarray) -> float:
    """Half the mean square difference of values at places that are nearest neighbours: their variance there.

    The largest tenth is left out: coordinates such as angles jump, between few neighbours.
    """
    nearest = _nearest(places)
    other = np.where(nearest[:, 0] == np.arange(len(places)), nearest[:, 1], nearest[:, 0])
    squares = np.sort((abs(values - values[other]) ** 2).sum(axis=1))
    return float(squares[: math.ceil(0.9 * len(squares))].mean() / 2)


def _nearest(places: np.ndarray) -> np.ndarray:
    """The two nearest places of each (places, 2), itself among them but for ties."""
    if places.shape[1] > _WIDE:
        from sklearn.neighbors import NearestNeighbors

        found = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(places)
        return found.kneighbors(places, return_distance=False)
    from scipy.spatial import cKDTree

    return cKDTree(places).query(places, k=2)[1]


def _real(values: np.ndarray) -> np.ndarray:
    return np.hstack([values.real, values.imag]) if np.iscomplexobj(values) else values
