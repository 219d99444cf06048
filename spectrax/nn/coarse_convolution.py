"""Convolutions of three samples along every axis on coarse maps with many channels, as products, on one CPU device.

Such a map has, over the batch, at most twice as many samples as channels. Copying it for every shift then costs less
than bringing the weights into another order, as XLA's convolutions do, for the gradient of the map above all.
"""

import itertools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp


def is_coarse(x_shape: tuple[int, ...], kernel_shape: tuple[int, ...]) -> bool:
    """Whether a convolution of (batch, *space, in) with (3, ..., 3, in, out) gains by it."""
    return math.prod(x_shape[:-1]) <= 2 * max(kernel_shape[-2:])


def coarse_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(batch, *space, in) and (3, ..., 3, in, out) -> (batch, *space, out), zeros outside the map."""
    padded = _padded(x)
    copies = jnp.concatenate([_window(padded, shift, x.shape) for shift in _shifts(x.ndim - 2)], axis=-1)
    flat = copies.reshape(-1, copies.shape[-1]) @ kernel.reshape(copies.shape[-1], -1)
    return flat.reshape(*x.shape[:-1], -1)


def coarse_map_gradient(gradient: jax.Array, kernel: jax.Array) -> jax.Array:
    """The gradient of the map (batch, *space, in), from that of the output (batch, *space, out)."""
    inputs, outputs = kernel.shape[-2:]
    flat = gradient.reshape(-1, outputs), kernel.reshape(-1, outputs)
    dtype = jnp.promote_types(gradient.dtype, jnp.float32)
    of_taps = jax.lax.dot_general(*flat, (((1,), (1,)), ((), ())), preferred_element_type=dtype)
    of_taps = _padded(of_taps.reshape(*gradient.shape[:-1], -1))
    # Seen from the output the map is shifted the other way.
    turned = reversed(list(_shifts(gradient.ndim - 2)))
    moved = [
        _window(of_taps, shift, gradient.shape)[..., tap * inputs : (tap + 1) * inputs]
        for tap, shift in enumerate(turned)
    ]
    return sum(moved).astype(gradient.dtype)


def _shifts(axes: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(range(3), repeat=axes)


def _padded(x: jax.Array) -> jax.Array:
    return jnp.pad(x, [(0, 0), *[(1, 1)] * (x.ndim - 2), (0, 0)])


def _window(padded: jax.Array, shift: tuple[int, ...], shape: tuple[int, ...]) -> jax.Array:
    places = [slice(start, start + size) for start, size in zip(shift, shape[1:-1], strict=True)]
    return padded[(slice(None), *places)]
