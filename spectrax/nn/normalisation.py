"""Normalisation layers with float32 statistics, whatever the compute dtype around them."""

import jax
import jax.numpy as jnp
from flax import nnx


class LayerNorm(nnx.Module):
    """Layer normalisation over the last axis; population variance in two passes, as PyTorch computes it.

    Args:
        channels: size of the last axis.
        epsilon: added to the variance.
        dtype: dtype of the output; the computation is float32.
    """

    def __init__(self, channels: int, *, epsilon: float = 1e-6, dtype: str = "float32"):
        self.epsilon, self.dtype = epsilon, dtype
        self.scale = nnx.Param(jnp.ones((channels,)))
        self.bias = nnx.Param(jnp.zeros((channels,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., channels) -> the same shape."""
        x = x.astype(jnp.float32)
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.mean(centred * centred, axis=-1, keepdims=True)
        normal = centred * jax.lax.rsqrt(variance + self.epsilon)
        return (normal * self.scale[...] + self.bias[...]).astype(self.dtype)


class BatchNorm(nnx.Module):
    """Batch normalisation over all axes but the last, with PyTorch's conventions.

    Training normalises by the population variance of the (global) batch and moves the running variance towards the
    *unbiased* one; evaluation uses the running moments.

    Args:
        channels: size of the last axis.
        epsilon: added to the variance.
        momentum: share of the new moments in the running ones per step (PyTorch's meaning; 0.1 is its default).
        dtype: dtype of the output; the computation is float32.
    """

    def __init__(self, channels: int, *, epsilon: float = 1e-5, momentum: float = 0.1, dtype: str = "float32"):
        self.epsilon, self.momentum, self.dtype = epsilon, momentum, dtype
        self.scale = nnx.Param(jnp.ones((channels,)))
        self.bias = nnx.Param(jnp.zeros((channels,)))
        self.mean = nnx.BatchStat(jnp.zeros((channels,)))
        self.variance = nnx.BatchStat(jnp.ones((channels,)))

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, ..., channels) -> the same shape."""
        x = x.astype(jnp.float32)
        if train:
            axes = tuple(range(x.ndim - 1))
            mean = jnp.mean(x, axes)
            variance = jnp.mean((x - mean) ** 2, axes)
            self._move(mean, variance, count=x.size // x.shape[-1])
        else:
            mean, variance = self.mean[...], self.variance[...]
        weight = self.scale[...] * jax.lax.rsqrt(variance + self.epsilon)
        return ((x - mean) * weight + self.bias[...]).astype(self.dtype)

    def _move(self, mean: jax.Array, variance: jax.Array, count: int) -> None:
        unbiased = variance * (count / max(count - 1, 1))
        for running, new in ((self.mean, mean), (self.variance, unbiased)):
            running[...] = (1 - self.momentum) * running[...] + self.momentum * jax.lax.stop_gradient(new)
