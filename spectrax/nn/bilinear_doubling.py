"""Maps of twice the size by bilinear interpolation that keeps corners where they are (PyTorch's `align_corners=True`).

Sample i of the 2n is at i (n - 1) / (2n - 1) of the n. So both of a pair, 2j and 2j + 1, lie about sample j: the first
between j - 1 and j, the second between j and j + 1. That is shifts and sums, with nothing to be gathered.
"""

import jax
import jax.numpy as jnp
import numpy as np


def doubled(x: jax.Array) -> jax.Array:
    """(batch, height, width, channels) -> (batch, 2 height, 2 width, channels)."""
    return _doubled_along(_doubled_along(x, 1), 2)


def _doubled_along(x: jax.Array, axis: int) -> jax.Array:
    size = x.shape[axis]
    places = np.arange(size)
    shape = [size if index == axis else 1 for index in range(x.ndim)]
    before, after = (
        jnp.asarray((weights / (2 * size - 1)).reshape(shape), x.dtype) for weights in (places, size - 1 - places)
    )
    pairs = [_shifted(x, axis, -1) * before + x * (1 - before), x * (1 - after) + _shifted(x, axis, 1) * after]
    new = [*x.shape[:axis], 2 * size, *x.shape[axis + 1 :]]
    return jnp.stack(pairs, axis=axis + 1).reshape(new)


def _shifted(x: jax.Array, axis: int, by: int) -> jax.Array:
    """Sample j + by in place of j; what would come from outside has no weight."""
    padding = [(0, 0)] * x.ndim
    padding[axis] = (-min(by, 0), max(by, 0))
    return jax.lax.slice_in_dim(jnp.pad(x, padding), max(by, 0), max(by, 0) + x.shape[axis], axis=axis)
