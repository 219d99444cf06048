"""Convolutions of plane maps that keep their size, with bias and any odd window."""

import functools

import jax
from flax import nnx

from spectrax.nn import initializers


class SameConvolution(nnx.Module):
    """Zeros outside the map; weights and bias begin as PyTorch's do.

    Args:
        in_channels, out_channels: channels before and after.
        side: of the window, odd.
        transposed: whether to begin as PyTorch's transposed convolution, which computes the same with its weights in
            another order, but takes its output channels for the inputs when it draws them.
        dtype: compute dtype; parameters are float32.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        side: int,
        *,
        transposed: bool = False,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        self.dtype = dtype
        fan_in = (out_channels if transposed else in_channels) * side**2
        start = functools.partial(initializers.uniform_fan_in, fan_in=fan_in)
        self.kernel = nnx.Param(start(rngs.params(), (side, side, in_channels, out_channels)))
        self.bias = nnx.Param(start(rngs.params(), (out_channels,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, in_channels) -> (batch, height, width, out_channels)."""
        kernel, bias = (parameter[...].astype(self.dtype) for parameter in (self.kernel, self.bias))
        return same_convolution(x.astype(self.dtype), kernel) + bias


def same_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(batch, height, width, in) and (side, side, in, out) -> (batch, height, width, out), a cross-correlation."""
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
