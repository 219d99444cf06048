"""Linear interpolation between samples of a grid, as matrix products."""

import functools
from collections.abc import Sequence

import jax
import numpy as np
from jax.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.ops.axes import space_axes
from spectrax.ops.compute_dtype import at_least_float32
from spectrax.ops.matrices import product, read_only


def resize_linear(x: ArrayLike, sizes: Sequence[int]) -> jax.Array:
    """Samples at other places of the same extent, whose first and last ones coincide with the given ones.

    This is PyTorch's linear, bilinear or trilinear mode with `align_corners=True`; `jax.image.resize` has the other
    convention alone. One sample is repeated.

    Args:
        x: (batch, *space, channels).
        sizes: for each axis of space, how many samples to return.

    Raises:
        ConfigError: when there are not as many sizes as axes of space.
    """
    x = at_least_float32(x)
    axes = space_axes(x, None)
    if len(sizes) != len(axes):
        raise ConfigError(f"sizes={list(sizes)} for {len(axes)} axes of space. Give one number for each.")
    for axis, size in zip(axes, sizes, strict=True):
        if size != x.shape[axis]:
            x = product(x, linear_matrix(x.shape[axis], size), axis)
    return x


@functools.cache
def linear_matrix(size: int, new_size: int) -> np.ndarray:
    """(new_size, size) float64, read-only: row j holds the weights of sample j, at `j (size - 1) / (new_size - 1)`."""
    places = np.arange(new_size) * ((size - 1) / max(new_size - 1, 1))
    before = np.minimum(places.astype(int), max(size - 2, 0))
    after = np.minimum(before + 1, size - 1)
    matrix, rows = np.zeros((new_size, size)), np.arange(new_size)
    np.add.at(matrix, (rows, before), 1 - (places - before))
    np.add.at(matrix, (rows, after), places - before)
    return read_only(matrix)
