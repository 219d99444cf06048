"""Normalisation of each example over space and groups of channels."""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError


class GroupNorm(nnx.Module):
    """Mean 0 and deviation 1 of every group of channels of every example, in float32 (Wu & He, ECCV 2018).

    Args:
        channels: size of the last axis, a multiple of `groups`.
        groups: of neighbouring channels; as many as channels: instance normalisation.
        affine: scale and shift each channel by learnt numbers.
        epsilon: added to the variance.
        dtype: of the output.

    Raises:
        ConfigError: when the channels do not divide into groups.
    """

    def __init__(
        self, channels: int, groups: int = 1, *, affine: bool = True, epsilon: float = 1e-5, dtype: str = "float32"
    ):
        if groups < 1 or channels % groups:
            raise ConfigError(f"{channels} channels do not divide into {groups} groups of a norm.")
        self.groups, self.epsilon, self.dtype = groups, epsilon, dtype
        self.scale = nnx.Param(jnp.ones((channels,))) if affine else None
        self.bias = nnx.Param(jnp.zeros((channels,))) if affine else None

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, *space, channels) -> the same shape."""
        apart = x.astype(jnp.float32).reshape(*x.shape[:-1], self.groups, -1)
        axes = (*range(1, x.ndim - 1), x.ndim)
        centred = apart - jnp.mean(apart, axes, keepdims=True)
        variance = jnp.mean(centred * centred, axes, keepdims=True)
        normal = (centred * jax.lax.rsqrt(variance + self.epsilon)).reshape(x.shape)
        if self.scale is not None:
            normal = normal * self.scale[...] + self.bias[...]
        return normal.astype(self.dtype)
