"""Position-wise networks: the plain two-layer one, and PVTv2's with a depthwise convolution in between."""

import jax
from flax import nnx

from spectrax.nn import initializers
from spectrax.nn.depthwise import DepthwiseConv3x3


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
        return self.contract(jax.nn.gelu(self.expand(x), approximate=False))


class ConvolutionalFeedForward(nnx.Module):
    """Linear -> depthwise 3x3 convolution -> GELU (exact) -> linear, on a map (Wang et al., "PVT v2", CVM 2022).

    Args:
        channels: input and output channels.
        hidden: channels in between.
    """

    def __init__(self, channels: int, hidden: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        options = {"dtype": dtype, "kernel_init": initializers.linear, "rngs": rngs}
        self.expand = nnx.Linear(channels, hidden, **options)
        self.depthwise = DepthwiseConv3x3(hidden, dtype=dtype, rngs=rngs)
        self.contract = nnx.Linear(hidden, channels, **options)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        return self.contract(jax.nn.gelu(self.depthwise(self.expand(x)), approximate=False))
