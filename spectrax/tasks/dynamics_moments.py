"""Means and covariances of a whole split from plain sums over its batches, without the lost digits of E[x^2] - E[x]^2.

Batches are added on the host in float64, but each is summed on the device in float32, where of a square about zero
nothing is left of a deviation of a thousandth of the mean. So each batch is summed about a shift of its own, near its
mean, and what the shift adds is given as products that float32 holds exactly: the shift has 12 bits, and what it is
multiplied by is cut in two halves of 12 bits. The digits lost are those of (deviation / mean)^2 in float64.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

_BITS = 12  # two such numbers have a product of 24 bits, which float32 holds
_FIRST, _SECOND = "sum_{}_first", "sum_{}_second"


def moment_sums(name: str, x: jax.Array, mask: jax.Array, *, together: bool) -> dict[str, jax.Array]:
    """Of the examples (batch, frames, numbers) that the mask (batch,) keeps, means over their frames.

    Exact products need at most 4096 examples in a batch; of more, each loses what float32 rounds.

    Args:
        together: products of every two numbers, for their covariance; else squares alone.

    Returns:
        Sums over examples: of x (2, numbers), and of products (5, numbers) or (5, numbers, numbers), in parts that
        `moments` puts together.
    """
    kept, count = mask[:, None, None], jnp.sum(mask, dtype=jnp.float32)
    x = jnp.where(kept, x.astype(jnp.float32), 0)
    shift = _halves(jnp.sum(jnp.mean(x, 1), 0) / jnp.maximum(count, 1))[0]
    rest = jnp.where(kept, x - shift, 0)
    shifts, rests = count * shift, jnp.sum(jnp.mean(rest, 1), 0)
    by = shift if not together else shift[None, :]
    parts = [(part if not together else part[:, None]) * by for part in (*_halves(shifts), *_halves(rests))]
    products = "bti,btj->ij" if together else "bti,bti->i"
    own = jnp.einsum(products, rest, rest, precision=jax.lax.Precision.HIGHEST) / x.shape[1]
    return {_FIRST.format(name): jnp.stack([shifts, rests]), _SECOND.format(name): jnp.stack([*parts, own])}


def moments(name: str, means: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The mean (numbers,), and the covariance (numbers, numbers) or variances (numbers,), float64.

    Args:
        means: the sums of `moment_sums`, over all batches, divided by the number of examples.
    """
    mean = np.asarray(means[_FIRST.format(name)], np.float64).sum(0)
    *shifts, high, low, own = np.asarray(means[_SECOND.format(name)], np.float64)
    crossed = high + low
    if crossed.ndim == 1:
        return mean, sum(shifts) + 2 * crossed + own - mean**2
    return mean, sum(shifts) + crossed + crossed.T + own - np.outer(mean, mean)


def _halves(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two numbers of 12 bits each, whose sum is x."""
    high = jax.lax.reduce_precision(x, 8, _BITS - 1)
    return high, x - high
