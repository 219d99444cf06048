"""Von Neumann entropy of latent states: over how many directions their variance is spread.

Source: X. Cheng et al., "Information shapes Koopman representation", ICLR 2026, arXiv 2510.13025, and its released
code.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from spectrax.ops.spectra import symmetric_eigenvalues
from spectrax.parallel import global_batch

Floor = Literal["mixed", "clamped"]
_EPSILON = 1e-8  # of the released code: on the diagonal, and the least eigenvalue
_MIXED = 1e-6  # part of the identity


def latent_entropy(z: jax.Array, *, floor: Floor = "mixed") -> jax.Array:
    """`S = -tr rho log rho` of the covariance divided by its trace, in nats; between 0 and log(size).

    Args:
        z: (batch, frames, size) float32, centred here over batch and frames.
        floor: "mixed": a millionth of the identity is mixed into rho, so that directions without variance have a
            gradient too; "clamped": eigenvalues are raised to 1e-8 at least, which as in the release takes theirs away.

    Returns:
        A scalar; `exp` of it is the effective dimension.
    """
    variances = latent_variances(z)
    if floor == "clamped":
        variances = variances + _EPSILON
        values = jnp.maximum(variances / jnp.maximum(jnp.sum(variances), _EPSILON), _EPSILON)
    else:
        shares = jnp.maximum(variances, 0) / jnp.maximum(jnp.sum(variances), jnp.finfo(z.dtype).tiny)
        values = (shares + _MIXED / z.shape[-1]) / (1 + _MIXED)
    return -jnp.sum(values * jnp.log(values))


def latent_variances(z: jax.Array) -> jax.Array:
    """(batch, frames, size) -> the eigenvalues (size,) of the unbiased covariance, rising but for zeros at the end."""
    size = z.shape[-1]
    count = global_batch.parts() * z.shape[0] * z.shape[1]
    centred = z - global_batch.mean(jnp.mean(z, (0, 1)))
    rows = centred.reshape(-1, size)
    alone = global_batch.parts() == 1 and global_batch.shards() == 1
    if alone and isinstance(z.shape[0], int) and rows.shape[0] < size:
        # Of fewer states than numbers the products of states have the same eigenvalues but for zeros, and cost less.
        # On several devices each would have to see all states.
        values = symmetric_eigenvalues(_product(rows, rows.T) / (count - 1))
        return jnp.concatenate([values, jnp.zeros(size - rows.shape[0], values.dtype)])
    own = _product(rows.T, rows) / rows.shape[0]
    return symmetric_eigenvalues(global_batch.mean(own) * (count / (count - 1)))


def _product(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.matmul(x, y, precision=jax.lax.Precision.HIGHEST)
