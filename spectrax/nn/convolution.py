"""Dense convolutions of three samples along every axis, as U-Nets have them.

On one CPU device the gradient of the weights is computed here. XLA's is a convolution whose window is as large as the
map, which runs at a fifth of the speed of a matrix product. Instead the map is walked in parts whose shifted copies,
side by side, stay in the processor's cache, and each part adds one matrix product.
"""

import itertools
import math

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn import initializers
from spectrax.parallel.devices import target_platform

_DIMENSION_NUMBERS = {2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}
_PART_BYTES = 2**21  # of shifted copies: what a core's cache holds


class Convolution3(nnx.Module):
    """A 3x3 or 3x3x3 convolution without bias, zeros outside the map; weights begin as PyTorch's do.

    Args:
        in_channels, out_channels: channels before and after.
        dimensions: 2 or 3.
        dtype: compute dtype; parameters are float32.
    """

    def __init__(self, in_channels: int, out_channels: int, dimensions: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        self.dtype = dtype
        shape = (*(3,) * dimensions, in_channels, out_channels)
        fan_in = in_channels * 3**dimensions
        self.kernel = nnx.Param(initializers.uniform_fan_in(rngs.params(), shape, fan_in=fan_in))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, *space, in_channels) -> (batch, *space, out_channels)."""
        return convolution_3(x.astype(self.dtype), self.kernel[...].astype(self.dtype))


@jax.custom_vjp
def convolution_3(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(batch, *space, in) and (3, ..., 3, in, out) -> (batch, *space, out), a cross-correlation with zero padding."""
    return _convolution(x, kernel)


def _convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    dimensions = x.ndim - 2
    return jax.lax.conv_general_dilated(
        x, kernel, (1,) * dimensions, ((1, 1),) * dimensions, dimension_numbers=_DIMENSION_NUMBERS[dimensions]
    )


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return convolution_3(x, kernel), (x, kernel)


def _backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    # A batch that is split over devices would be gathered to be walked; in an exported function its size is a symbol.
    alone = jax.device_count() == 1 and jax.sharding.get_abstract_mesh().size <= 1
    if target_platform() != "cpu" or not alone or not isinstance(x.shape[0], int):
        return jax.vjp(_convolution, x, kernel)[1](gradient)
    (of_x,) = jax.linear_transpose(lambda x: _convolution(x, kernel), x)(gradient)
    return of_x, kernel_gradient_by_parts(x, gradient).astype(kernel.dtype)


convolution_3.defvjp(_forward, _backward)


def kernel_gradient_by_parts(x: jax.Array, gradient: jax.Array, part_bytes: int = _PART_BYTES) -> jax.Array:
    """The gradient of the weights (3, ..., 3, in, out) float32, from the map and the gradient of the output.

    Args:
        x: (batch, *space, in).
        gradient: (batch, *space, out).
        part_bytes: limit of a part's shifted copies, unless one row of one example needs more.
    """
    batch, rows, *others, inputs = x.shape
    outputs, taps = gradient.shape[-1], 3 ** (x.ndim - 2)
    row_bytes = math.prod(others) * taps * inputs * x.dtype.itemsize
    height = _largest_divisor(rows, part_bytes // row_bytes)
    examples = _largest_divisor(batch, part_bytes // (row_bytes * height))
    # Without the barrier the padding would be made anew in every part.
    padded = jax.lax.optimization_barrier(jnp.pad(x, [(0, 0), *[(1, 1)] * (x.ndim - 2), (0, 0)]))

    def add_part(number: jax.Array, total: jax.Array) -> jax.Array:
        first, row = (number // (rows // height)) * examples, (number % (rows // height)) * height
        around = _cut(padded, (first, row), (examples, height + 2))
        here = _cut(gradient, (first, row), (examples, height)).reshape(-1, outputs)
        sizes = (height, *others)
        shifted = [_shifted(around, offsets, sizes) for offsets in itertools.product(range(3), repeat=len(sizes))]
        side_by_side = jnp.concatenate(shifted, axis=-1).reshape(-1, taps * inputs)
        return total + jax.lax.dot_general(
            here, side_by_side, (((0,), (0,)), ((), ())), preferred_element_type=jnp.float32
        )

    parts = (batch // examples) * (rows // height)
    total = jax.lax.fori_loop(0, parts, add_part, jnp.zeros((outputs, taps * inputs), jnp.float32))
    return total.T.reshape(*(3,) * (x.ndim - 2), inputs, outputs)


def _largest_divisor(number: int, limit: int) -> int:
    return max(part for part in range(1, number + 1) if number % part == 0 and part <= max(limit, 1))


def _cut(x: jax.Array, starts: tuple[jax.Array, ...], sizes: tuple[int, ...]) -> jax.Array:
    """Of the first axes the parts from `starts` on."""
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        x = jax.lax.dynamic_slice_in_dim(x, start, size, axis)
    return x


def _shifted(x: jax.Array, offsets: tuple[int, ...], sizes: tuple[int, ...]) -> jax.Array:
    window = [slice(offset, offset + size) for offset, size in zip(offsets, sizes, strict=True)]
    return x[(slice(None), *window)]
