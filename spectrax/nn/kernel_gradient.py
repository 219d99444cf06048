"""The gradient of a convolution's weights on one CPU device, as products of shifted copies.

XLA's own is a convolution whose window is as large as the map, which runs at a fifth of the speed of a matrix product.
A window of n samples along every axis needs n^axes shifts between the map and the gradient of the output. Here copies
of the one are shifted along some of the axes, copies of the other along the rest, and a single product of the two holds
every pair: in the plane 2n copies instead of n^2, and copying is what takes the time.
"""

import math

import jax
import jax.numpy as jnp

from spectrax.nn.shifted_copies import padded, shifted_copies

# Of copies at a time: few enough for the last cache, enough to be shared by the cores, and so much more than the
# weights that adding up their gradients costs little. Measured from 2 MiB to 32 on two cores of a Xeon.
_LEAST_BYTES, _TIMES_THE_WEIGHTS, _MOST_BYTES = 2**23, 8, 2**25


def kernel_gradient(x: jax.Array, gradient: jax.Array, side: int, part_bytes: int | None = None) -> jax.Array:
    """The gradient of the weights (side, ..., side, in, out) of a cross-correlation that keeps the map's size, in
    float32 at least.

    Args:
        x: the map, (batch, *space, in).
        gradient: of the output, (batch, *space, out).
        side: of the window, odd.
        part_bytes: limit of the copies made at a time, unless those of one row of one example need more; None: chosen
            by the size of the weights.
    """
    batch, rows, *others, inputs = x.shape
    outputs, axes, margin = gradient.shape[-1], x.ndim - 2, side // 2
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    # Of an odd number of axes the one with fewer channels is shifted along more. Along the first it is always the map.
    split = (axes + 1) // 2 if inputs <= outputs else max(axes // 2, 1)
    of_map, of_gradient = (side,) * split + (1,) * (axes - split), (1,) * split + (side,) * (axes - split)
    copies = (math.prod(of_map) * inputs, math.prod(of_gradient) * outputs)
    row_bytes = math.prod(others) * sum(copies) * x.dtype.itemsize
    if part_bytes is None:
        part_bytes = _part_bytes(side**axes * inputs * outputs * dtype.itemsize)
    examples, height = _part(batch, rows, row_bytes, part_bytes)
    if rows % height:  # zeros below both add nothing
        x, gradient = (_longer(array, -rows % height) for array in (x, gradient))
        rows += -rows % height
    parts = (batch // examples) * (rows // height)
    # Rows around a part come from the map; where parts are whole examples, each is padded by itself.
    whole = None if height == rows else padded(x, of_map)

    def product(first: int | jax.Array, row: int | jax.Array) -> jax.Array:
        if whole is None:
            around = padded(_cut(x, (first,), (examples,)), of_map)
        else:
            around = _cut(whole, (first, row), (examples, height + 2 * margin))
        here = padded(_cut(gradient, (first, row), (examples, height)), of_gradient)
        sizes = (height, *others)
        both = shifted_copies(around, sizes, of_map), shifted_copies(here, sizes, of_gradient, backwards=True)
        return jax.lax.dot_general(*both, (((0,), (0,)), ((), ())), preferred_element_type=dtype)

    def add_part(number: jax.Array, total: jax.Array) -> jax.Array:
        return total + product((number // (rows // height)) * examples, (number % (rows // height)) * height)

    none = jnp.zeros(copies, dtype)
    total = product(0, 0) if parts == 1 else jax.lax.fori_loop(0, parts, add_part, none)
    total = total.reshape(*(side,) * split, inputs, *(side,) * (axes - split), outputs)
    return jnp.moveaxis(total, split, -2)


def _part_bytes(weight_bytes: int) -> int:
    return min(max(_LEAST_BYTES, _TIMES_THE_WEIGHTS * weight_bytes), _MOST_BYTES)


def _part(batch: int, rows: int, row_bytes: int, limit: int) -> tuple[int, int]:
    """How many examples, and how many of their rows, are a part; rows of the last one may be wanting."""
    pieces = -(-rows // max(limit // row_bytes, 1))
    height = -(-rows // pieces)
    return _largest_divisor(batch, limit // (row_bytes * height)), height


def _longer(x: jax.Array, rows: int) -> jax.Array:
    """With so many rows of zeros at the end of the first axis of space."""
    return jnp.pad(x, [(0, 0), (0, rows), *[(0, 0)] * (x.ndim - 2)])


def _largest_divisor(number: int, limit: int) -> int:
    return max(part for part in range(1, number + 1) if number % part == 0 and part <= max(limit, 1))


def _cut(x: jax.Array, starts: tuple[int | jax.Array, ...], sizes: tuple[int, ...]) -> jax.Array:
    """Of the first axes the parts from `starts` on."""
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        if size < x.shape[axis]:
            x = jax.lax.dynamic_slice_in_dim(x, start, size, axis)
    return x
