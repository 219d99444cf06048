"""One level of a real, orthogonal, separable wavelet transform of maps, and its inverse.

As many numbers come out as go in (the dual-tree transform gives four times as many), and the price is that they change
when the map is shifted. The map is continued periodically, so the transform of an even side is an orthogonal matrix and
its inverse the transpose; an odd side is first extended by its last row or column. An axis is transformed by one matrix
product, which partitions over devices by itself, in float32 (float64 stays float64).

Source: I. Daubechies, "Ten lectures on wavelets", SIAM 1992.
"""

import functools
import math
from typing import Literal

import jax
import numpy as np
from jax.typing import ArrayLike

from spectrax.ops.choices import check_choice
from spectrax.ops.compute_dtype import at_least_float32
from spectrax.ops.matrices import product, read_only

Family = Literal["haar", "db2"]
_ROOT = math.sqrt(3.0)
_LOW_PASS = {
    "haar": np.array([1.0, 1.0]) / math.sqrt(2.0),
    "db2": np.array([1 + _ROOT, 3 + _ROOT, 3 - _ROOT, 1 - _ROOT]) / (4 * math.sqrt(2.0)),
}


def wavelet_2d(x: ArrayLike, family: Family = "db2") -> jax.Array:
    """The four bands of maps (batch, height, width, channels), as the quadrants of maps of the same size made even.

    Low-pass along both axes is the upper left quadrant; to its right high-pass along the width, below it high-pass
    along the height.

    Raises:
        ConfigError: for a family that is not known.
    """
    check_choice("family", family, _LOW_PASS)
    x = at_least_float32(x)
    for axis in (2, 1):
        x = product(x, _analysis(x.shape[axis], family), axis)
    return x


def inverse_wavelet_2d(y: ArrayLike, family: Family = "db2", size: tuple[int, int] | None = None) -> jax.Array:
    """The inverse of `wavelet_2d`; `size` is (height, width) of what was transformed, needed where a side was odd."""
    check_choice("family", family, _LOW_PASS)
    y = at_least_float32(y)
    for axis, samples in zip((1, 2), size or y.shape[1:3], strict=True):
        y = product(y, _orthogonal(y.shape[axis], family).T[:samples], axis)
    return y


@functools.cache
def _analysis(size: int, family: Family) -> np.ndarray:
    """(size made even, size): the extension by the last sample, if it takes one, and the transform."""
    matrix = _orthogonal(size + size % 2, family)
    if size % 2:
        matrix = np.concatenate([matrix[:, : size - 1], matrix[:, size - 1 :].sum(axis=1, keepdims=True)], axis=1)
    return read_only(matrix)


@functools.cache
def _orthogonal(size: int, family: Family) -> np.ndarray:
    """(size, size): in the upper half of the rows the low-pass filter at every second sample, below it the high-pass
    filter, its mirror with alternating signs."""
    low = _LOW_PASS[family]
    high = low[::-1] * (-1.0) ** np.arange(len(low))
    matrix = np.zeros((size, size))
    for half, taps in enumerate((low, high)):
        for row in range(size // 2):
            for offset, tap in enumerate(taps):
                matrix[half * (size // 2) + row, (2 * row + offset) % size] += tap
    return read_only(matrix)
