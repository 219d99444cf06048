"""A Koopman operator compressed to a dictionary, from triangular factors: what ResDMD and mpEDMD start from."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from spectrax.estimators.features import KEPT, weighted_chunks
from spectrax.estimators.precision import double_precision
from spectrax.estimators.qr import RANK_TOLERANCE, Factors
from spectrax.estimators.snapshots import Pairs, Stream


@dataclasses.dataclass(frozen=True, eq=False)
class Compression:
    """The operator in a basis orthonormal over the states, and the way back to the dictionary.

    Attributes:
        basis: (N, r), coefficients of the orthonormal functions in the dictionary.
        coordinates: (r, N), coefficients in the basis of each function of the dictionary.
        matrix: (r, r), <K basis_j, basis_i>: EDMD's operator in the basis.
    """

    basis: np.ndarray
    coordinates: np.ndarray
    matrix: np.ndarray

    def on_dictionary(self, matrix: np.ndarray) -> np.ndarray:
        """An operator (r, r) on the basis as one (N, N) on coefficients in the dictionary."""
        return self.basis @ matrix @ self.coordinates


def compression(made: Factors, tolerance: float = RANK_TOLERANCE) -> Compression:
    """Of `spectrax.estimators.qr.factors`. With second images, of the averaged operator. Warns where functions drop."""
    basis = made.orthonormal(tolerance)
    made.warn(basis.shape[1])
    images = made.y if made.second is None else (made.y + made.second) / 2
    states = made.x @ basis
    return Compression(basis, states.conj().T @ made.x, states.conj().T @ (images @ basis))


@functools.lru_cache(maxsize=KEPT)
def _crossed(dictionary: Any) -> Callable[..., jax.Array]:
    """Sums of products of basis functions and states; traced once for a dictionary and a shape."""

    @jax.jit
    def part(basis: jax.Array, states: jax.Array, weights: jax.Array) -> jax.Array:
        return ((dictionary(states) @ basis) * weights[:, None]).conj().T @ states

    return part


def state_coefficients(dictionary: Any, source: Pairs | Stream, basis: np.ndarray, chunk: int = 4096) -> np.ndarray:
    """Coefficients (r, dimension) of the state in a basis (N, r) that is orthonormal over the states, by least squares:
    what a prediction is read with."""
    part, total = _crossed(dictionary), 0
    with double_precision():
        for (states, *_), weights, _ in weighted_chunks(source, chunk):
            total = total + np.asarray(part(basis, states, weights))
    return total
