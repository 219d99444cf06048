"""The gradient of a convolution's weights on one CPU device, as products of shifted copies.

XLA's own is a convolution whose window is as large as the map, which runs at a fifth of the speed of a matrix product.
A window of n samples along every axis needs n^axes shifts between the map and the gradient of the output. Here copies
of the one are shifted along some of the axes, copies of the other along the rest, and a single product of the two holds
every pair: in the plane 2n copies instead of n^2, and copying is what takes the time.
"""

import itertools
import math

import jax
import jax.numpy as jnp

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
    of_map, of_gradient = range(split), range(split, axes)
    row_bytes = math.prod(others) * (side**split * inputs + side ** (axes - split) * outputs) * x.dtype.itemsize
    if part_bytes is None:
        weight_bytes = side**axes * inputs * outputs * 4
        part_bytes = min(max(_LEAST_BYTES, _TIMES_THE_WEIGHTS * weight_bytes), _MOST_BYTES)
    pieces = -(-rows // max(part_bytes // row_bytes, 1))
    height = -(-rows // pieces)
    if pieces * height > rows:  # zeros below both add nothing
        x, gradient = (_longer(array, pieces * height - rows) for array in (x, gradient))
        rows = pieces * height
    examples = _largest_divisor(batch, part_bytes // (row_bytes * height))
    parts = (batch // examples) * (rows // height)
    # Rows around a part come from the map; where parts are whole examples, each is padded by itself.
    padded = x if height == rows else _padded(x, of_map, margin)

    def product(first: int | jax.Array, row: int | jax.Array) -> jax.Array:
        if height == rows:
            around = _padded(_cut(x, (first,), (examples,)), of_map, margin)
        else:
            around = _cut(padded, (first, row), (examples, height + 2 * margin))
        here = _padded(_cut(gradient, (first, row), (examples, height)), of_gradient, margin)
        sizes = (height, *others)
        copies = _shifted(around, of_map, sizes, side), _shifted(here, of_gradient, sizes, side, backwards=True)
        return jax.lax.dot_general(*copies, (((0,), (0,)), ((), ())), preferred_element_type=dtype)

    def add_part(number: jax.Array, total: jax.Array) -> jax.Array:
        return total + product((number // (rows // height)) * examples, (number % (rows // height)) * height)

    if parts == 1:
        total = product(0, 0)
    else:
        start = jnp.zeros((side**split * inputs, side ** (axes - split) * outputs), dtype)
        total = jax.lax.fori_loop(0, parts, add_part, start)
    total = total.reshape(*(side,) * split, inputs, *(side,) * (axes - split), outputs)
    return jnp.moveaxis(total, split, -2)


def _longer(x: jax.Array, rows: int) -> jax.Array:
    """With so many rows of zeros at the end of the first axis of space."""
    return jnp.pad(x, [(0, 0), (0, rows), *[(0, 0)] * (x.ndim - 2)])


def _largest_divisor(number: int, limit: int) -> int:
    return max(part for part in range(1, number + 1) if number % part == 0 and part <= max(limit, 1))


def _padded(x: jax.Array, axes: range, margin: int) -> jax.Array:
    """Zeros around the map along some axes of space."""
    return jnp.pad(x, [(margin, margin) if axis - 1 in axes else (0, 0) for axis in range(x.ndim)])


def _cut(x: jax.Array, starts: tuple[int | jax.Array, ...], sizes: tuple[int, ...]) -> jax.Array:
    """Of the first axes the parts from `starts` on."""
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        if size < x.shape[axis]:
            x = jax.lax.dynamic_slice_in_dim(x, start, size, axis)
    return x


def _shifted(x: jax.Array, axes: range, sizes: tuple[int, ...], side: int, *, backwards: bool = False) -> jax.Array:
    """(samples, copies * channels): windows of `sizes` at all offsets along some axes of space, side by side."""
    copies = []
    for offsets in itertools.product(range(side), repeat=len(axes)):
        window = [slice(None)] * x.ndim
        for axis, offset in zip(axes, offsets, strict=True):
            start = side - 1 - offset if backwards else offset
            window[1 + axis] = slice(start, start + sizes[axis])
        copies.append(x[tuple(window)])
    return jnp.concatenate(copies, axis=-1).reshape(-1, len(copies) * x.shape[-1])
