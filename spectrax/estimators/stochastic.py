"""Residuals of stochastic systems, from two independent images of each state.

One image cannot tell a residual of the averaged Koopman operator from the variance about it. With y and y' drawn
independently from the same x, sums over products of the two images are free of the variance (Colbrook, Li, Raut and
Townsend, "Beyond expectations", arXiv 2308.10697, section 4).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


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
