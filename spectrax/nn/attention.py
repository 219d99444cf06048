"""Multi-head self-attention over the positions of a map, and class attention."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn import initializers


class Attention(nnx.Module):
    """Multi-head attention with separate query and joint key-value projections.

    The key-value projection's output is ordered (key or value, head, channel), as in PVT and its descendants.

    Args:
        channels: a multiple of `heads`.
        heads: number of heads.
        dtype: compute dtype; softmax is float32.

    Raises:
        ConfigError: when `heads` does not divide `channels`.
    """

    def __init__(self, channels: int, heads: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        if channels % heads:
            raise ConfigError(f"model.heads: {heads} heads do not divide {channels} channels (model.dims).")
        self.heads = heads
        options = {"dtype": dtype, "kernel_init": initializers.linear, "rngs": rngs}
        self.query = nnx.Linear(channels, channels, **options)
        self.key_value = KeyValueProjection(channels, heads, **options)
        self.output = nnx.Linear(channels, channels, **options)

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """(batch, tokens, channels) -> the same shape."""
        return self.attend(tokens, tokens)

    def attend(self, asking: jax.Array, asked: jax.Array) -> jax.Array:
        """Queries of `asking` (batch, n, channels) over `asked` (batch, m, channels) -> (batch, n, channels)."""
        batch, n, channels = asking.shape
        key, value = self.key_value(asked)
        scores = self._scores(asking, key)
        weights = jnp.exp(scores - jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True)))
        total = jnp.sum(weights, axis=-1)
        mixed = jnp.einsum("bhnm,bmhd->bnhd", weights.astype(value.dtype), value)
        # The softmax's division comes after the product with the values: n x width divisions instead of n x m.
        mixed = mixed / jnp.moveaxis(total, 1, 2)[..., None].astype(mixed.dtype)
        return self.output(mixed.reshape(batch, n, channels))

    def weights(self, asking: jax.Array, asked: jax.Array) -> jax.Array:
        """How each head spreads its attention over what is asked: (batch, heads, n, m) float32, sums over m are 1."""
        return jax.nn.softmax(self._scores(asking, self.key_value(asked)[0]))

    def _scores(self, asking: jax.Array, key: jax.Array) -> jax.Array:
        """(batch, heads, n, m) float32, before the softmax."""
        batch, n, channels = asking.shape
        width = channels // self.heads
        query = self.query(asking).reshape(batch, n, self.heads, width)
        return jnp.einsum("bnhd,bmhd->bhnm", query, key).astype(jnp.float32) * width**-0.5


class KeyValueProjection(nnx.Linear):
    """One linear layer for the keys and values of all heads.

    The product has an axis for the heads. Over the one long axis of the layer's output, on which keys come before
    values, devices that share the heads would hold keys or values, and would have to exchange them.
    """

    def __init__(self, channels: int, heads: int, *, rngs: nnx.Rngs, **options: Any):
        super().__init__(channels, 2 * channels, rngs=rngs, **options)
        self.heads = heads

    def __call__(self, asked: jax.Array) -> list[jax.Array]:
        """(batch, m, channels) -> keys and values, each (batch, m, heads, channels of a head)."""
        asked, kernel, bias = (array.astype(self.dtype) for array in (asked, self.kernel[...], self.bias[...]))
        sizes = (2, self.heads, kernel.shape[0] // self.heads)
        pair = jnp.einsum("bmc,ckhd->bmkhd", asked, kernel.reshape(-1, *sizes)) + bias.reshape(sizes)
        return [pair[:, :, index] for index in range(2)]
