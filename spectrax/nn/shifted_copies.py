"""Copies of a map shifted to all places of a window, side by side: what makes a convolution a product of matrices."""

import itertools
import math
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp


def padded(x: jax.Array, sides: Sequence[int]) -> jax.Array:
    """(batch, *space, channels) with half a window of zeros around it along each axis of space; a side of 1: none."""
    return jnp.pad(x, [(0, 0), *[(side // 2, side // 2) for side in sides], (0, 0)])


def windows(
    x: jax.Array, sizes: Sequence[int], sides: Sequence[int], *, backwards: bool = False
) -> Iterator[jax.Array]:
    """(batch, *sizes, channels) at each place of the window, in row-major order.

    Args:
        x: a padded map, (batch, *space, channels).
        sizes: of the map without its zeros.
        sides: of the window, one for each axis of space.
        backwards: whether from the last place to the first, as the map is seen from the output.
    """
    places = itertools.product(*(range(side) for side in sides))
    for place in reversed(list(places)) if backwards else places:
        yield x[(slice(None), *(slice(start, start + size) for start, size in zip(place, sizes, strict=True)))]


def shifted_copies(x: jax.Array, sizes: Sequence[int], sides: Sequence[int], *, backwards: bool = False) -> jax.Array:
    """All `windows` beside each other, (samples, places * channels)."""
    copies = list(windows(x, sizes, sides, backwards=backwards))
    return jnp.concatenate(copies, axis=-1).reshape(-1, math.prod(sides) * x.shape[-1])
