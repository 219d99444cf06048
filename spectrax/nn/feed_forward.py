"""Position-wise networks: the plain two-layer one, and PVTv2's with a depthwise convolution in between."""

import jax
from flax import nnx

from spectrax.nn import initializers
from spectrax.nn.depthwise import DepthwiseConv3x3
from spectrax.nn.gelu import plain_gelu
from spectrax.nn.image_groups import images_at_once
from spectrax.nn.linear import dot_general


class FeedForward(nnx.Module):
    """Linear -> GELU (exact) -> linear.

    Args:
        channels: input and output channels.
        hidden: channels in between.
    """

    def __init__(self, channels: int, hidden: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        options = {"dtype": dtype, "kernel_init": initializers.linear, "rngs": rngs}
        self.expand = nnx.Linear(channels, hidden, **options)
        self.contract = nnx.Linear(hidden, channels, **options)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., channels) -> the same shape."""
        return self.contract(plain_gelu(self.expand(x)))


class ConvolutionalFeedForward(nnx.Module):
    """Linear -> depthwise 3x3 convolution -> GELU (exact) -> linear, on a map (Wang et al., "PVT v2", CVM 2022).

    On a single CPU device large maps are processed a few images at a time and recomputed in the backward pass, so that
    the hidden map, several times as wide as the input, stays in the processor's cache.

    Args:
        channels: input and output channels.
        hidden: channels in between.
    """

    def __init__(self, channels: int, hidden: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        options = {"dtype": dtype, "kernel_init": initializers.linear, "rngs": rngs}
        self.expand = nnx.Linear(channels, hidden, dot_general=dot_general, **options)
        self.depthwise = DepthwiseConv3x3(hidden, dtype=dtype, rngs=rngs)
        self.contract = nnx.Linear(hidden, channels, **options)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        batch, height, width, channels = x.shape
        hidden = self.depthwise.bias.shape[0]
        count = images_at_once(batch, height * width * hidden * x.dtype.itemsize)
        if count == batch:
            return self._whole(x)
        groups = x.reshape(batch // count, count, height, width, channels)
        return jax.lax.map(jax.checkpoint(self._whole), groups).reshape(x.shape)

    def _whole(self, x: jax.Array) -> jax.Array:
        return self.contract(plain_gelu(self.depthwise(self.expand(x))))
