"""Plane convolutions from or to a few channels on one CPU device, where vector instructions would be nearly empty.

Neighbours in a row become one sample of as many times the channels. The windows then hold products with zeros, and
all products are fast.
"""

import jax
import jax.numpy as jnp

from spectrax.nn.image_groups import images_at_once
from spectrax.nn.shifted_copies import padded, shifted_copies

_FOUR = 4  # neighbours, of which a window may reach over the next ones
_LANES = 16  # numbers of a vector instruction


def is_thin(width: int, kernel_shape: tuple[int, ...]) -> bool:
    """Whether convolutions of such a map and such weights (side, side, in, out) gain by it."""
    side, _, *channels = kernel_shape
    return min(channels) <= _FOUR and 1 < side // 2 <= _FOUR and width % _FOUR == 0


def thin_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(batch, height, width, in) and (side, side, in, out) -> (batch, height, width, out), zeros outside the map."""
    side, _, inputs, outputs = kernel.shape
    neighbours = _FOUR if x.shape[2] % (2 * _FOUR) or 2 * _FOUR * outputs > _LANES else 2 * _FOUR
    wide = _widened(kernel, neighbours).reshape(side, neighbours + side - 1, inputs, neighbours * outputs)
    margins = ((side // 2,) * 2,) * 2
    numbers = ("NHWC", "HWIO", "NHWC")
    together = jax.lax.conv_general_dilated(x, wide, (1, neighbours), margins, dimension_numbers=numbers)
    return together.reshape(*x.shape[:3], outputs)


def thin_kernel_gradient(x: jax.Array, gradient: jax.Array, side: int) -> jax.Array:
    """The gradient of the weights (side, side, in, out), in float32 at least, from the map and the output's gradient.

    The one with few channels is copied for all shifts, the other one not at all.
    """
    if x.shape[-1] > gradient.shape[-1]:
        # Seen from the output the map is shifted the other way.
        return thin_kernel_gradient(gradient, x, side)[::-1, ::-1].swapaxes(2, 3)
    batch, height, width, inputs = x.shape
    outputs, margin, columns = gradient.shape[-1], side // 2, width // _FOUR
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    window = (side, 3)  # all rows of the kernel's, and the fours before, here and after
    copies = side * 3 * _FOUR * inputs
    count = images_at_once(batch, height * columns * (copies + _FOUR * outputs) * x.dtype.itemsize, least_bytes=0)

    def add_part(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        fours = shifted_copies(padded(part[0], window), (height, columns), window)
        sides = fours, part[1].reshape(-1, _FOUR * outputs)
        product = jax.lax.dot_general(*sides, (((0,), (0,)), ((), ())), preferred_element_type=dtype)
        return total + product, None

    parts = [array.reshape(batch // count, count, height, columns, -1) for array in (x, gradient)]
    total = jax.lax.scan(add_part, jnp.zeros((copies, _FOUR * outputs), dtype), tuple(parts))[0]
    reached = slice(_FOUR - margin, 2 * _FOUR + margin)
    of_wide = total.reshape(side, 3 * _FOUR, inputs, _FOUR, outputs)[:, reached]
    kernel = jax.ShapeDtypeStruct((side, side, inputs, outputs), dtype)
    return jax.linear_transpose(lambda kernel: _widened(kernel, _FOUR), kernel)(of_wide)[0]


def _widened(kernel: jax.Array, neighbours: int) -> jax.Array:
    """(side, side, in, out) -> (side, neighbours + side - 1, in, neighbours, out): from all samples that some neighbour
    reaches to each of them."""
    moved = [jnp.pad(kernel, ((0, 0), (place, neighbours - 1 - place), (0, 0), (0, 0))) for place in range(neighbours)]
    return jnp.stack(moved, axis=3)
