"""Von Neumann entropy of latent states: over how many directions their variance is spread.

Source: X. Cheng et al., "Information shapes Koopman representation", ICLR 2026, arXiv 2510.13025, and its released
code.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp

from spectrax.ops.spectra import symmetric_eigenvalues
from spectrax.parallel import global_batch

Floor = Literal["mixed", "clamped"]
_EPSILON = 1e-8  # of the released code: on the diagonal, and the least eigenvalue
_MIXED = 1e-6  # part of the identity
_LEAST = 1e-9  # deviation: of states closer together rounding decides, and 1 / variance is too large for a gradient
_MOST = 1e9  # distance from the mean whose square float32 holds, summed over many states


def latent_entropy(z: jax.Array, *, floor: Floor = "mixed") -> jax.Array:
    """`S = -tr rho log rho` of the covariance divided by its trace, in nats; between 0 and log(size).

    Its gradient grows as 1 / deviation; states that are within 1e-9 of each other count as one, with entropy 0.

    Args:
        z: (batch, frames, size) float32, centred here over batch and frames.
        floor: "mixed": a millionth of the identity is mixed into rho, so that directions without variance have a
            gradient too; "clamped": eigenvalues are raised to 1e-8 at least, which as in the release takes theirs away.

    Returns:
        A scalar; `exp` of it is the effective dimension.
    """
    centred = z - global_batch.mean(jnp.mean(z, (0, 1)))
    farthest = global_batch.maximum(jnp.max(jnp.abs(jax.lax.stop_gradient(centred))))
    unit = jnp.where(farthest > _MOST, farthest, 1)  # shares do not depend on it
    return entropy_of_variances(_variances(centred / unit), floor=floor, unit=unit)


def entropy_of_variances(variances: Any, *, floor: Floor = "mixed", unit: Any = 1.0) -> Any:
    """The same of eigenvalues of the covariance.

    Args:
        variances: (size,), a JAX or a NumPy array; of states divided by `unit`.
        floor: see `latent_entropy`.

    Returns:
        A scalar of the same kind.
    """
    numbers = variances.__array_namespace__()
    if floor == "clamped":
        raised = variances + (_EPSILON**0.5 / unit) ** 2
        values = numbers.maximum(raised / numbers.sum(raised), _EPSILON)
    else:
        trace = numbers.maximum(numbers.sum(variances), (_LEAST / unit) ** 2)
        shares = numbers.maximum(variances, 0) / trace
        values = (shares + _MIXED / len(variances)) / (1 + _MIXED)
    return -numbers.sum(values * numbers.log(values))


def latent_variances(z: jax.Array) -> jax.Array:
    """(batch, frames, size) -> the eigenvalues (size,) of the unbiased covariance, rising but for zeros at the end; all
    of a single state are 0."""
    return _variances(z - global_batch.mean(jnp.mean(z, (0, 1))))


def _variances(centred: jax.Array) -> jax.Array:
    size = centred.shape[-1]
    count = global_batch.parts() * centred.shape[0] * centred.shape[1]
    free = max(count - 1, 1) if isinstance(count, int) else count - 1
    rows = centred.reshape(-1, size)
    alone = global_batch.parts() == 1 and global_batch.shards() == 1
    if alone and isinstance(centred.shape[0], int) and rows.shape[0] < size:
        # Of fewer states than numbers the products of states have the same eigenvalues but for zeros, and cost less.
        # On several devices each would have to see all states.
        values = symmetric_eigenvalues(_product(rows, rows.T) / free)
        return jnp.concatenate([values, jnp.zeros(size - rows.shape[0], values.dtype)])
    own = _product(rows.T, rows) / rows.shape[0]
    return symmetric_eigenvalues(global_batch.mean(own) * (count / free))


def _product(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.matmul(x, y, precision=jax.lax.Precision.HIGHEST)
