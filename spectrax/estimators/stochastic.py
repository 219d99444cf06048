"""Residuals of stochastic systems, from two independent images of each state.

One image cannot tell a residual of the averaged Koopman operator from the variance about it. With y and y' drawn
independently from the same x, sums over products of the two images are free of the variance (Colbrook, Li, Raut and
Townsend, "Beyond expectations", arXiv 2308.10697, section 4).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.estimators.features import KEPT, weighted_chunks
from spectrax.estimators.precision import double_precision
from spectrax.estimators.snapshots import Pairs, Stream


def averaged_residuals(
    x: jax.Array, y: jax.Array, second: jax.Array, eigenvalues: jax.Array, vectors: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Squared residuals (r,) of the averaged operator, and what noise adds to them (r,); traceable.

    The first are v* (H - z A* - conj(z) A + |z|^2 G) v / v* G v with H = (PY* W PY' + PY'* W PY) / 2 and
    A = PX* W (PY + PY') / 2, here in the data form Re <PY v - z PX v, PY' v - z PX v>: an unbiased estimate, which may
    come out below 0. With L = (PY* W PY + PY'* W PY') / 2 in place of H (`variance` added) they do not vanish at true
    eigenpairs.

    Args:
        x, y, second: (rows, N), of `spectrax.estimators.qr.Factors`.
        eigenvalues: (r,).
        vectors: (N, r).
    """
    functions = x @ vectors
    first = y @ vectors - eigenvalues * functions
    other = second @ vectors - eigenvalues * functions
    norms = jnp.sum(abs(functions) ** 2, axis=0)
    squared = jnp.sum((jnp.conj(first) * other).real, axis=0) / norms
    variance = jnp.sum(abs(first - other) ** 2, axis=0) / (2 * norms)
    return squared, variance


def sampling_errors(
    dictionary: Any, source: Pairs | Stream, eigenvalues: np.ndarray, vectors: np.ndarray, chunk: int
) -> np.ndarray:
    """The standard errors (r,) of the squared residuals that `averaged_residuals` estimates from these pairs, of which
    `chunk` are in memory at a time.

    They are ratios of weighted sums over pairs, of products z and of squared functions n; to first order the error of
    R = sum w z / sum w n is that of sum w (z - R n) / sum w n.
    """
    sums, total = _sums(dictionary), np.zeros((5, len(eigenvalues)))
    with double_precision():
        for states, weights, _ in weighted_chunks(source, chunk):
            total += np.asarray(sums(eigenvalues, vectors, *states, weights))
    products, squares, both, crossed, own = total
    ratio = products / squares
    return np.sqrt(np.maximum(both - 2 * ratio * crossed + ratio**2 * own, 0)) / squares


@functools.lru_cache(maxsize=KEPT)
def _sums(dictionary: Any) -> Callable[..., jax.Array]:
    """The weighted sums of z and n, and those of z^2, z n and n^2 by squared weights, (5, r); traced once for a
    dictionary and a shape."""

    @jax.jit
    def sums(
        eigenvalues: jax.Array, vectors: jax.Array, x: jax.Array, y: jax.Array, second: jax.Array, weights: jax.Array
    ) -> jax.Array:
        functions = dictionary(x) @ vectors
        first = dictionary(y) @ vectors - eigenvalues * functions
        other = dictionary(second) @ vectors - eigenvalues * functions
        products, squares = (jnp.conj(first) * other).real, abs(functions) ** 2
        moments = products**2, products * squares, squares**2
        return jnp.stack([weights @ products, weights @ squares, *(weights**2 @ moment for moment in moments)])

    return sums
