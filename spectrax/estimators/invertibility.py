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
_NEAR = 4.0  # times the median distance of neighbours: as near as states are that have neighbouring images themselves
_RESOLVED, _APART = (
    0.1,
    0.25,
)  # of the states' deviation: near states are nearer than the one, fibres wider than the other
_SHARE = 0.1  # of neighbouring images: what is fewer may be due to something else


@dataclasses.dataclass(frozen=True)
class FibreVariance:
    """Attributes:
    defect: mean variance of the states of neighbouring images, over the variance of all states: 0 for a one-to-one
        map with very many pairs, some 2/3 for the doubling map.
    near: the share of neighbouring images whose states are as near each other as neighbours are: about 1 / k of a map
        that is k-to-one, almost 0 where states are not observed whole.
    between: the share of those whose states are neither near nor far apart, few under a map that is many-to-one and
        many where the inverse map tears neighbours apart; 1 where pairs are too few to tell near from far.
    """

    defect: float
    near: float
    between: float

    @property
    def many_to_one(self) -> bool:
        """At these pairs a few states far apart share images: nothing says that the Koopman operator is unitary."""
        return bool(self.defect > _FLAGGED and self.near > _SHARE and self.between < _SHARE)


def fibre_variance(pairs: Pairs, seed: int = 0) -> FibreVariance:
    """Of at most 20,000 pairs, and of fewer where states are wide, drawn with `seed`. All numbers are NaN for fewer
    than 10 pairs."""
    if len(pairs) < 10:
        return FibreVariance(*[float("nan")] * 3)
    x, y = _real(pairs.x), _real(pairs.y)
    most = _LIMIT if x.shape[1] <= _WIDE else min(_LIMIT, max(1000, int((_PRODUCTS / x.shape[1]) ** 0.5)))
    if len(pairs) > most:
        chosen = np.random.default_rng(seed).choice(len(pairs), most, replace=False)
        x, y = x[chosen], y[chosen]
    scale = float(x.var(axis=0).sum())
    if not scale:
        return FibreVariance(0.0, 1.0, 0.0)
    of_images, of_states = _squares(x, y) / scale, _squares(x, x) / scale
    limit = _NEAR**2 * float(np.median(of_states))
    near = float(np.mean(of_images <= limit))
    between = float(np.mean(of_images <= _APART**2)) - near if limit <= _RESOLVED**2 else 1.0
    return FibreVariance(_spread(of_images), near, between)


def _squares(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Square differences (points,) of values at places that are nearest neighbours."""
    nearest = _nearest(places)
    other = np.where(nearest[:, 0] == np.arange(len(places)), nearest[:, 1], nearest[:, 0])
    return (abs(values - values[other]) ** 2).sum(axis=1)


def _spread(squares: np.ndarray) -> float:
    """Half the mean square difference of neighbours: the variance there.

    The largest tenth is left out: coordinates such as angles jump, between few neighbours.
    """
    return float(np.sort(squares)[: math.ceil(0.9 * len(squares))].mean() / 2)


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
