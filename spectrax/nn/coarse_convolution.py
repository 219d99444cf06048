"""Convolutions of three samples along every axis on coarse maps with many channels, as products, on one CPU device.

Such a map has, over the batch, at most twice as many samples as channels. Copying it for every shift then costs less
than bringing the weights into another order, as XLA's convolutions do, for the gradient of the map above all.
"""

import math

import jax
import jax.numpy as jnp

from spectrax.nn.shifted_copies import padded, shifted_copies, windows


def is_coarse(x_shape: tuple[int, ...], kernel_shape: tuple[int, ...]) -> bool:
    """Whether a convolution of (batch, *space, in) with (3, ..., 3, in, out) gains by it."""
    return math.prod(x_shape[:-1]) <= 2 * max(kernel_shape[-2:])


def coarse_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(batch, *space, in) and (3, ..., 3, in, out) -> (batch, *space, out), zeros outside the map."""
    *sides, _, outputs = kernel.shape
    copies = shifted_copies(padded(x, sides), x.shape[1:-1], sides)
    return (copies @ kernel.reshape(-1, outputs)).reshape(*x.shape[:-1], outputs)


def coarse_map_gradient(gradient: jax.Array, kernel: jax.Array) -> jax.Array:
    """The gradient of the map (batch, *space, in), from that of the output (batch, *space, out)."""
    *sides, inputs, outputs = kernel.shape
    flat = gradient.reshape(-1, outputs), kernel.reshape(-1, outputs)
    dtype = jnp.promote_types(gradient.dtype, jnp.float32)
    of_taps = jax.lax.dot_general(*flat, (((1,), (1,)), ((), ())), preferred_element_type=dtype)
    of_taps = padded(of_taps.reshape(*gradient.shape[:-1], -1), sides)
    moved = windows(of_taps, gradient.shape[1:-1], sides, backwards=True)
    own = [window[..., tap * inputs : (tap + 1) * inputs] for tap, window in enumerate(moved)]
    return sum(own).astype(gradient.dtype)
