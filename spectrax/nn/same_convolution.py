"""Convolutions of plane maps that keep their size, with bias and any odd window.

On one CPU device two things are done by hand, for what XLA has is slow. Windows over two channels or to two channels
become windows over and to eight, four neighbours in a row being one sample (`_in_fours`). And the gradient of the
weights is a product of shifted copies (`spectrax.nn.kernel_gradient`).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spectrax.nn import initializers
from spectrax.nn.image_groups import alone_on_cpu
from spectrax.nn.kernel_gradient import kernel_gradient

_NUMBERS = ("NHWC", "HWIO", "NHWC")
_FEW = 4  # channels up to which four samples become one
_FOUR = 4


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
    margin = kernel.shape[0] // 2
    thin = min(kernel.shape[2:]) <= _FEW and 1 < margin <= _FOUR and x.shape[2] % _FOUR == 0
    if thin and alone_on_cpu():
        return _in_fours(x, kernel)
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
    return of_x, kernel_gradient(x, gradient, kernel.shape[0]).astype(kernel.dtype)


same_convolution.defvjp(_forward, _backward)


def _in_fours(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The same with four samples of a row as one, of four times the channels. A window that reaches no further than
    four samples then has three along a row; nearly half of its products are with zeros, and all of them are fast."""
    batch, height, width, inputs = x.shape
    side, _, _, outputs = kernel.shape
    # From sample s of the three fours to sample q of the one in the middle.
    taps = np.arange(3 * _FOUR)[:, None] - _FOUR - np.arange(_FOUR) + side // 2
    inside = jnp.asarray((taps >= 0) & (taps < side), kernel.dtype)
    wide = kernel[:, np.clip(taps, 0, side - 1)] * inside[None, :, :, None, None]
    wide = wide.reshape(side, 3, _FOUR, _FOUR, inputs, outputs).swapaxes(3, 4)
    wide = wide.reshape(side, 3, _FOUR * inputs, _FOUR * outputs)
    fours = _plain(x.reshape(batch, height, width // _FOUR, _FOUR * inputs), wide)
    return fours.reshape(batch, height, width, outputs)
