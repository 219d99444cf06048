"""Depthwise 3x3 convolution as nine shifted multiply-adds.

XLA's depthwise convolution is slow on CPU and moves more memory than it must on TPU. The sum of shifted maps fuses into
one pass; its gradients are written by hand: the input gradient is the same operator with the kernel turned by 180
degrees, and the weight gradient walks over rows, so that three rows of the map are all that has to stay in cache.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn.initializers import he_fan_out


class DepthwiseConv3x3(nnx.Module):
    """`y[b, h, w, c] = bias[c] + sum_ij kernel[i, j, c] x[b, h + i - 1, w + j - 1, c]`, zeros outside the map.

    Args:
        channels: number of channels; each has its own 3x3 kernel.
        dtype: compute dtype; parameters are float32.
    """

    def __init__(self, channels: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        self.dtype = dtype
        self.kernel = nnx.Param(he_fan_out(rngs.params(), (3, 3, channels), fan_out=9))
        self.bias = nnx.Param(jnp.zeros((channels,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        kernel, bias = self.kernel[...].astype(self.dtype), self.bias[...].astype(self.dtype)
        return depthwise_conv_3x3(x.astype(self.dtype), kernel) + bias


@jax.custom_vjp
def depthwise_conv_3x3(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Depthwise convolution (cross-correlation, as in every deep-learning library) with zero padding of 1.

    Args:
        x: (batch, height, width, channels).
        kernel: (3, 3, channels).
    """
    return _shifted_sum(_padded(x), kernel)


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return depthwise_conv_3x3(x, kernel), (x, kernel)


def _backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    input_gradient = _shifted_sum(_padded(gradient), kernel[::-1, ::-1])
    taps = jax.lax.platform_dependent(_padded(x), gradient, cpu=_tap_sums_by_position, default=_tap_sums_by_row)
    return input_gradient, taps.astype(kernel.dtype)


depthwise_conv_3x3.defvjp(_forward, _backward)


def _tap_sums_by_row(padded: jax.Array, gradient: jax.Array) -> jax.Array:
    """The kernel's gradient (3, 3, channels): each row is summed at once, so little is written.

    Examples are summed after the loop: the batch may be split over devices, and within it each round would wait for
    a sum over all of them.
    """

    def add_row(row: jax.Array, totals: list[jax.Array]) -> list[jax.Array]:
        products = _row_products(padded, gradient, row)
        return [total + jnp.sum(product, (1, 2)) for total, product in zip(totals, products, strict=True)]

    batch, height, _, channels = gradient.shape
    zeros = [jnp.zeros((batch, channels), jnp.float32)] * 9
    return _summed(jax.lax.fori_loop(0, height, add_row, zeros), (0,))


def _tap_sums_by_position(padded: jax.Array, gradient: jax.Array) -> jax.Array:
    """The same, with a running sum per example and column: purely elementwise in the loop, as CPUs like it."""

    def add_row(row: jax.Array, totals: list[jax.Array]) -> list[jax.Array]:
        return [a + b for a, b in zip(totals, _row_products(padded, gradient, row), strict=True)]

    batch, height, width, channels = gradient.shape
    zeros = [jnp.zeros((batch, 1, width, channels), jnp.float32)] * 9
    return _summed(jax.lax.fori_loop(0, height, add_row, zeros), (0, 1, 2))


def _summed(totals: list[jax.Array], axes: tuple[int, ...]) -> jax.Array:
    sums = jnp.stack([jnp.sum(total, axes) for total in totals])
    return sums.reshape(3, 3, -1)


def _row_products(padded: jax.Array, gradient: jax.Array, row: jax.Array) -> list[jax.Array]:
    """One row of the gradient times the nine shifted rows of the map, (batch, 1, width, channels) float32."""
    around = jax.lax.dynamic_slice_in_dim(padded, row, 3, axis=1).astype(jnp.float32)
    here = jax.lax.dynamic_slice_in_dim(gradient, row, 1, axis=1).astype(jnp.float32)
    width = here.shape[2]
    return [around[:, i : i + 1, j : j + width] * here for i in range(3) for j in range(3)]


def _padded(x: jax.Array) -> jax.Array:
    # Without the barrier XLA fuses the padding into all nine reads, each with its own bounds check.
    return jax.lax.optimization_barrier(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))


def _shifted_sum(padded: jax.Array, kernel: jax.Array) -> jax.Array:
    height, width = padded.shape[1] - 2, padded.shape[2] - 2
    return sum(padded[:, i : i + height, j : j + width] * kernel[i, j] for i in range(3) for j in range(3))
