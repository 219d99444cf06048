"""The initial distributions that vision transformers of the PVT family use, and those that PyTorch's layers have."""

import math
from collections.abc import Sequence

import jax
from flax import nnx

# timm's `trunc_normal_(std=0.02)` cuts at +-2 in absolute value, a hundred standard deviations: a plain normal.
linear = nnx.initializers.normal(0.02)


def he_fan_out(key: jax.Array, shape: Sequence[int], fan_out: int) -> jax.Array:
    """Normal with standard deviation `sqrt(2 / fan_out)` (He et al., ICCV 2015)."""
    return math.sqrt(2.0 / fan_out) * jax.random.normal(key, shape)


def convolution(key: jax.Array, shape: Sequence[int], dtype: object = None, out_sharding: object = None) -> jax.Array:
    """`he_fan_out` for a dense convolution kernel (height, width, in, out)."""
    return he_fan_out(key, shape, fan_out=shape[0] * shape[1] * shape[-1])


def uniform_fan_in(
    key: jax.Array, shape: Sequence[int], dtype: object = None, out_sharding: object = None, *, fan_in: int
) -> jax.Array:
    """Uniform within `1 / sqrt(fan_in)`: PyTorch's default for weights and biases of linear layers and convolutions."""
    largest = 1 / math.sqrt(fan_in)
    return jax.random.uniform(key, shape, minval=-largest, maxval=largest)
