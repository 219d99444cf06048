"""What operators on grids do first and last: coordinates beside the field, zeros behind it, a network at each point."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn.gelu import gelu
from spectrax.nn.linear import uniform_linear


class Projection(nnx.Module):
    """Linear -> GELU (exact) -> linear, at each point by itself; begun as PyTorch does.

    Args:
        channels, hidden, out_channels: before, between and after.
    """

    def __init__(self, channels: int, hidden: int, out_channels: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        self.expand = uniform_linear(channels, hidden, dtype=dtype, rngs=rngs)
        self.contract = uniform_linear(hidden, out_channels, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., channels) -> (..., out_channels) float32."""
        return self.contract(gelu(self.expand(x))).astype(jnp.float32)


def coordinates(sizes: Sequence[int], *, closed: bool = True) -> jax.Array:
    """`i / (size - 1)` along each axis, both ends included, or `i / size`, as on a circle: (*sizes, axes) float32."""
    along = [jnp.linspace(0.0, 1.0, size, endpoint=closed) for size in sizes]
    return jnp.stack(jnp.meshgrid(*along, indexing="ij"), axis=-1)


def with_coordinates(x: jax.Array, *, closed: bool = True) -> jax.Array:
    """(batch, *space, channels) -> (batch, *space, channels + axes of space), the coordinates last."""
    places = coordinates(x.shape[1:-1], closed=closed).astype(x.dtype)
    return jnp.concatenate([x, jnp.broadcast_to(places, (*x.shape[:-1], places.shape[-1]))], axis=-1)


def padded_at_end(x: jax.Array, padding: Sequence[int]) -> jax.Array:
    """So many zeros behind the last sample of each axis of space, of (batch, *space, channels)."""
    return jnp.pad(x, [(0, 0), *[(0, more) for more in padding], (0, 0)]) if any(padding) else x


def cropped(x: jax.Array, sizes: Sequence[int]) -> jax.Array:
    """The first `sizes` samples: undoes `padded_at_end`."""
    return x[(slice(None), *map(slice, sizes))]
