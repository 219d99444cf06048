"""Dense convolutions of three samples along every axis, as U-Nets have them.

On one CPU device the gradient of the weights is a product of shifted copies (`spectrax.nn.kernel_gradient`), and so is
all of a convolution on a coarse map (`spectrax.nn.coarse_convolution`).
"""

import jax
from flax import nnx

from spectrax.nn import initializers
from spectrax.nn.coarse_convolution import coarse_convolution, coarse_map_gradient, is_coarse
from spectrax.nn.image_groups import alone_on_cpu
from spectrax.nn.kernel_gradient import kernel_gradient

_DIMENSION_NUMBERS = {2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}


class Convolution3(nnx.Module):
    """A 3x3 or 3x3x3 convolution without bias, zeros outside the map; weights begin as PyTorch's do.

    Args:
        in_channels, out_channels: channels before and after.
        dimensions: 2 or 3.
        dtype: compute dtype; parameters are float32.
    """

    def __init__(self, in_channels: int, out_channels: int, dimensions: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        self.dtype = dtype
        shape = (*(3,) * dimensions, in_channels, out_channels)
        fan_in = in_channels * 3**dimensions
        self.kernel = nnx.Param(initializers.uniform_fan_in(rngs.params(), shape, fan_in=fan_in))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, *space, in_channels) -> (batch, *space, out_channels)."""
        return convolution_3(x.astype(self.dtype), self.kernel[...].astype(self.dtype))


@jax.custom_vjp
def convolution_3(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(batch, *space, in) and (3, ..., 3, in, out) -> (batch, *space, out), a cross-correlation with zero padding."""
    if _by_hand(x) and is_coarse(x.shape, kernel.shape):
        return coarse_convolution(x, kernel)
    return _convolution(x, kernel)


def _convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    dimensions = x.ndim - 2
    return jax.lax.conv_general_dilated(
        x, kernel, (1,) * dimensions, ((1, 1),) * dimensions, dimension_numbers=_DIMENSION_NUMBERS[dimensions]
    )


def _by_hand(x: jax.Array) -> bool:
    return alone_on_cpu() and isinstance(x.shape[0], int)  # in an exported function the batch is a symbol


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return convolution_3(x, kernel), (x, kernel)


def _backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    if not _by_hand(x):
        return jax.vjp(_convolution, x, kernel)[1](gradient)
    if is_coarse(x.shape, kernel.shape):
        of_x = coarse_map_gradient(gradient, kernel)
    else:
        (of_x,) = jax.linear_transpose(lambda x: _convolution(x, kernel), x)(gradient)
    return of_x, kernel_gradient(x, gradient, 3).astype(kernel.dtype)


convolution_3.defvjp(_forward, _backward)
