"""Convolutions of plane maps that keep their size, with bias and any odd window.

On one CPU device the gradient of the weights is a product of shifted copies (`spectrax.nn.kernel_gradient`), and
windows from or to a few channels are taken together (`spectrax.nn.thin_convolution`).
"""

import functools

import jax
from flax import nnx

from spectrax.nn import initializers
from spectrax.nn.image_groups import alone_on_cpu
from spectrax.nn.kernel_gradient import kernel_gradient
from spectrax.nn.thin_convolution import is_thin, thin_convolution, thin_kernel_gradient

_NUMBERS = ("NHWC", "HWIO", "NHWC")


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


@jax.custom_vjp
def same_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(batch, height, width, in) and (side, side, in, out) -> (batch, height, width, out), a cross-correlation."""
    if alone_on_cpu() and is_thin(x.shape[2], kernel.shape):
        return thin_convolution(x, kernel)
    return _plain(x, kernel)


def _plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=_NUMBERS)


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return same_convolution(x, kernel), (x, kernel)


def _backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    if not alone_on_cpu() or not isinstance(x.shape[0], int):
        return jax.vjp(_plain, x, kernel)[1](gradient)
    of_x = same_convolution(gradient, kernel[::-1, ::-1].swapaxes(2, 3))
    of_kernel = thin_kernel_gradient if is_thin(x.shape[2], kernel.shape) else kernel_gradient
    return of_x, of_kernel(x, gradient, kernel.shape[0]).astype(kernel.dtype)


same_convolution.defvjp(_forward, _backward)
