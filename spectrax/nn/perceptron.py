"""Multilayer perceptrons."""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn.gelu import plain_gelu
from spectrax.nn.linear import dot_general, uniform_linear
from spectrax.ops.choices import check_choice

Activation = Literal["tanh", "relu", "gelu", "silu"]
_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "gelu": plain_gelu,
    "silu": jax.nn.silu,
}
Start = Literal["uniform", "xavier"]


class Perceptron(nnx.Module):
    """Linear layers with an activation between them.

    Args:
        sizes: of input, hidden layers and output.
        activation: "tanh", "relu", "gelu" or "silu".
        last: the activation behind the last layer; None for none.
        start: "uniform", PyTorch's default; "xavier", normal weights of Glorot's deviation and zero biases.
        dtype: compute dtype; the output is float32.

    Raises:
        ConfigError: for an activation that is none of those.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: Activation = "tanh",
        last: Activation | None = None,
        start: Start = "uniform",
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        check_choice("model.activation", activation, _ACTIVATIONS)
        self.activation, self.last = activation, last
        make = uniform_linear if start == "uniform" else _xavier_linear
        self.layers = nnx.List([make(a, b, dtype=dtype, rngs=rngs) for a, b in itertools.pairwise(sizes)])

    def features(self, x: jax.Array) -> jax.Array:
        """What the last layer sees: (..., input) -> (..., last hidden)."""
        for layer in self.layers[:-1]:
            x = _ACTIVATIONS[self.activation](layer(x))
        return x

    def head(self, features: jax.Array) -> jax.Array:
        """The last layer: (..., last hidden) -> (..., output) float32."""
        x = self.layers[-1](features).astype(jnp.float32)
        return x if self.last is None else _ACTIVATIONS[self.last](x)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., input) -> (..., output) float32."""
        return self.head(self.features(x))


def _xavier_linear(inputs: int, outputs: int, *, dtype: str, rngs: nnx.Rngs) -> nnx.Linear:
    start = nnx.initializers.glorot_normal()
    return nnx.Linear(inputs, outputs, dtype=dtype, kernel_init=start, dot_general=dot_general, rngs=rngs)
