"""Products with weights, with the gradient of the weights in the order that is fast on CPUs.

Automatic differentiation of `x @ kernel` contracts the gradient with `x`, in this order and over several axes. XLA's
CPU compiler then writes a transposed copy of the first operand, into which it draws what led to it: an activation is
computed once more, element by element. With the axes of examples as one, the batch first, there is no copy.
"""

import functools
from typing import Any

import jax
from flax import nnx

from spectrax.nn import initializers


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(x: jax.Array, kernel: jax.Array, precision: jax.lax.PrecisionLike = None) -> jax.Array:
    """`x @ kernel`: (..., inputs) and (inputs, outputs) -> (..., outputs)."""
    return jax.lax.dot_general(x, kernel, (((x.ndim - 1,), (0,)), ((), ())), precision=precision)


def _forward(x: jax.Array, kernel: jax.Array, precision: Any) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return product(x, kernel, precision), (x, kernel)


def _backward(precision: Any, saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    of_x = jax.lax.dot_general(gradient, kernel, (((x.ndim - 1,), (1,)), ((), ())), precision=precision)
    examples, gradients = (array.reshape(-1, array.shape[-1]) for array in (x, gradient))
    return of_x, jax.lax.dot_general(examples, gradients, (((0,), (0,)), ((), ())), precision=precision)


product.defvjp(_forward, _backward)


def dot_general(
    x: jax.Array, kernel: jax.Array, dimensions: Any, precision: Any = None, out_sharding: Any = None
) -> jax.Array:
    """`product` in the form that `flax.nnx.Linear` takes."""
    del dimensions, out_sharding  # the last axis with the first; the mesh decides
    return product(x, kernel, precision)


def uniform_linear(
    inputs: int, outputs: int, *, bias: bool = True, dtype: str = "float32", rngs: nnx.Rngs
) -> nnx.Linear:
    """A linear layer over the last axis (on a map: a convolution 1x1) that begins as PyTorch's do: weights and biases
    uniform within `1 / sqrt(inputs)`."""
    start = functools.partial(initializers.uniform_fan_in, fan_in=inputs)
    return nnx.Linear(
        inputs,
        outputs,
        use_bias=bias,
        dtype=dtype,
        kernel_init=start,
        bias_init=start,
        dot_general=dot_general,
        rngs=rngs,
    )
