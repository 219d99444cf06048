"""The operator that fits a batch best: computed from its latent states instead of learned, and remembered.

Source: X. Cheng et al., "Information shapes Koopman representation", ICLR 2026, arXiv 2510.13025, released code.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn.latent_operators import stepping
from spectrax.nn.latent_operators.by_matrix import ByMatrix
from spectrax.parallel import global_batch


class BatchRidge(ByMatrix):
    """The mean over the batch of each window's ridge regression of its latent states on those before; it carries no
    gradient.

    What it was in training is remembered as a running mean, uniform over the first `1 / momentum` steps, and is the
    operator outside of training. The release keeps such a mean of each epoch.

    Args:
        size: of the latent state.
        ridge: added to the diagonal of the normal equations.
        momentum: share of a new batch in the running mean, once there were enough of them.
    """

    def __init__(self, size: int, *, ridge: float = 0.1, momentum: float = 0.01):
        self.ridge, self.momentum = ridge, momentum
        self.mean = nnx.BatchStat(jnp.eye(size))
        self.count = nnx.BatchStat(jnp.zeros(()))

    def fitted(self, before: jax.Array, after: jax.Array, *, remember: bool) -> jax.Array:
        """Of latent states (batch, frames, size) and those one frame later: K, (size, size)."""
        matrix = batch_ridge(*jax.lax.stop_gradient((before, after)), self.ridge)
        if remember:
            self.count[...] += 1
            share = jnp.maximum(self.momentum, 1 / self.count[...])
            self.mean[...] += share * (matrix - self.mean[...])
        return matrix

    def matrix(self) -> jax.Array:
        """(size, size), as remembered."""
        return self.mean[...]


def batch_ridge(before: jax.Array, after: jax.Array, ridge: float) -> jax.Array:
    """Mean over the batch of `(Z^T Z + ridge I)^-1 Z^T Z'`; for fewer frames than numbers by `Z^T (Z Z^T + ridge I)^-1
    Z'`, which is equal.

    Args:
        before, after: Z and Z', (batch, frames, size) float32.

    Returns:
        (size, size).
    """
    batch, frames, size = before.shape
    if frames < size:
        products = stepping.product(before, before.mT) + ridge * jnp.eye(frames)
        weighted = _solved(products, after)
        total = jnp.einsum("btd,bte->de", before, weighted, precision=jax.lax.Precision.HIGHEST)
    else:
        products = stepping.product(before.mT, before) + ridge * jnp.eye(size)
        total = jnp.sum(_solved(products, stepping.product(before.mT, after)), axis=0)
    return global_batch.mean(total / batch)


def _solved(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """For symmetric positive definite matrices (batch, n, n), by their inverses: `right` is much wider than they are,
    and a product with it is fast where a triangular solution is not. The ridge keeps their condition in bounds."""
    factor = jnp.linalg.cholesky(matrix)
    identity = jnp.broadcast_to(jnp.eye(matrix.shape[-1]), matrix.shape)
    return stepping.product(jax.scipy.linalg.cho_solve((factor, True), identity), right)
