"""Normalisation layers with float32 statistics, whatever the compute dtype around them."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.parallel import global_batch

Scope = Literal["global", "device"]


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

    Training normalises by the population variance of the batch and moves the running variance towards the *unbiased*
    one; evaluation uses the running moments.

    Args:
        channels: size of the last axis.
        epsilon: added to the variance.
        momentum: share of the new moments in the running ones per step (PyTorch's meaning; 0.1 is its default).
        dtype: dtype of the output; the computation is float32.
        scope: "global" takes moments over the whole batch, on however many devices; "device" over each device's part,
            as PyTorch's distributed training does unless told otherwise. Running moments are then means over devices,
            and results depend on their number.
    """

    def __init__(
        self,
        channels: int,
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        dtype: str = "float32",
        scope: Scope = "global",
    ):
        self.epsilon, self.momentum, self.dtype, self.scope = epsilon, momentum, dtype, scope
        self.use_running_average = False  # flax's name: set, training uses the running moments and leaves them
        self.scale = nnx.Param(jnp.ones((channels,)))
        self.bias = nnx.Param(jnp.zeros((channels,)))
        self.mean = nnx.BatchStat(jnp.zeros((channels,)))
        self.variance = nnx.BatchStat(jnp.ones((channels,)))

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, ..., channels) -> the same shape."""
        x = x.astype(jnp.float32)
        if not train or self.use_running_average:
            return self._normalised(x, self.mean[...], self.variance[...])
        if self.scope == "global":
            mean, variance = _moments(x, global_batch.mean)
            self._move(mean, variance, count=global_batch.parts() * x.size // x.shape[-1])
            return self._normalised(x, mean, variance)
        apart = x.reshape(global_batch.shards(), -1, *x.shape[1:])
        means, variances = jax.vmap(_moments)(apart)
        mean, variance = (global_batch.mean(jnp.mean(moment, 0)) for moment in (means, variances))
        self._move(mean, variance, count=apart[0].size // x.shape[-1])
        return jax.vmap(self._normalised)(apart, means, variances).reshape(x.shape)

    def _normalised(self, x: jax.Array, mean: jax.Array, variance: jax.Array) -> jax.Array:
        weight = self.scale[...] * jax.lax.rsqrt(variance + self.epsilon)
        return ((x - mean) * weight + self.bias[...]).astype(self.dtype)

    def _move(self, mean: jax.Array, variance: jax.Array, count: int) -> None:
        unbiased = variance * (count / max(count - 1, 1))
        for running, new in ((self.mean, mean), (self.variance, unbiased)):
            running.set_value((1 - self.momentum) * running[...] + self.momentum * jax.lax.stop_gradient(new))


def _moments(
    x: jax.Array, over_devices: Callable[[jax.Array], jax.Array] = lambda moment: moment
) -> tuple[jax.Array, jax.Array]:
    """Mean and population variance over all axes but the last, in two passes."""
    axes = tuple(range(x.ndim - 1))
    mean = over_devices(jnp.mean(x, axes))
    return mean, over_devices(jnp.mean((x - mean) ** 2, axes))
