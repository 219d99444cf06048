"""Encoder and decoder of flow fields: convolutions between a field and a latent state.

Source: X. Cheng et al., "Information shapes Koopman representation", ICLR 2026, arXiv 2510.13025, released code (the
cylinder's and the dam's networks, which are the same).
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.bilinear_doubling import doubled
from spectrax.nn.image_groups import images_at_once
from spectrax.nn.linear import product, uniform_linear
from spectrax.nn.same_convolution import SameConvolution

HEAD = (64, 32)  # channels of the decoder's last layers
# Of their widest maps at a time. Of 512 fields of 64x64 the gradient took 0.50 s so, with 2 MiB 0.63 s, 32 MiB 0.70 s.
_HIDDEN_BYTES = 2**23


class FlowEncoder(nnx.Module):
    """Convolutions, all but the last followed by a mean over 2x2 samples, and a linear layer.

    As released the rectifier stands behind the mean, but before it in the second layer.

    Args:
        state: (height, width, channels) of a field; both sides are halved by every layer but the last.
        latent: numbers of a latent state.
        channels: of the layers.
        kernels: sides of their windows, odd.
        dtype: compute dtype; parameters are float32.

    Raises:
        ConfigError: when the sides cannot be halved so often.
    """

    def __init__(
        self,
        state: Sequence[int],
        latent: int,
        *,
        channels: Sequence[int],
        kernels: Sequence[int],
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        height, width = coarsest(state, channels, kernels)
        sizes = zip([state[-1], *channels], channels, kernels, strict=False)
        self.convolutions = nnx.List([SameConvolution(a, b, side, dtype=dtype, rngs=rngs) for a, b, side in sizes])
        self.output = uniform_linear(channels[-1] * height * width, latent, dtype=dtype, rngs=rngs)

    def features(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> what the linear layer sees, (batch, numbers), channels outermost."""
        for index, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if index == len(self.convolutions) - 1:
                x = jax.nn.relu(x)
            elif index == 1:
                x = _halved(jax.nn.relu(x))
            else:
                x = jax.nn.relu(_halved(x))
        return jnp.moveaxis(x, -1, 1).reshape(x.shape[0], -1)

    def head(self, features: jax.Array) -> jax.Array:
        """(..., numbers) -> (..., latent) float32."""
        return self.output(features).astype(jnp.float32)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> (batch, latent) float32."""
        return self.head(self.features(x))


class FlowDecoder(nnx.Module):
    """A linear layer, convolutions between which the field is doubled bilinearly, and a network at each point.

    Args:
        state, latent, channels, kernels, dtype: as the encoder has them; here they are gone through in reverse.

    Raises:
        ConfigError: when the sides cannot be halved so often.
    """

    def __init__(
        self,
        state: Sequence[int],
        latent: int,
        *,
        channels: Sequence[int],
        kernels: Sequence[int],
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        self.coarsest = (channels[-1], *coarsest(state, channels, kernels))
        numbers = self.coarsest[0] * self.coarsest[1] * self.coarsest[2]
        backwards = [state[-1], *channels][::-1]
        sizes = zip(backwards, backwards[1:], kernels[::-1], strict=False)
        self.input = uniform_linear(latent, numbers, dtype=dtype, rngs=rngs)
        self.convolutions = nnx.List(
            [SameConvolution(a, b, side, transposed=True, dtype=dtype, rngs=rngs) for a, b, side in sizes]
        )
        head = [state[-1], *HEAD, state[-1]]
        self.points = nnx.List([uniform_linear(a, b, dtype=dtype, rngs=rngs) for a, b in itertools.pairwise(head)])

    def features(self, z: jax.Array) -> jax.Array:
        """(..., latent) -> what the first convolution sees, (..., numbers), channels outermost."""
        return jax.nn.relu(self.input(z))

    def head(self, features: jax.Array) -> jax.Array:
        """(batch, numbers) -> (batch, height, width, channels) float32."""
        x = jnp.moveaxis(features.reshape(-1, *self.coarsest), 1, -1)
        for index, convolution in enumerate(self.convolutions):
            x = convolution(doubled(x) if index else x)
            if index < len(self.convolutions) - 1:
                x = jax.nn.relu(x)
        return self._at_points(x)

    def _at_points(self, x: jax.Array) -> jax.Array:
        """The last network, (batch, height, width, channels) -> the same shape float32.

        Its hidden maps are many times the field. On a single CPU device they are made of a few images at a time, and
        made again in the backward pass, so that they stay in the processor's cache; and points are innermost there,
        because so many of them to so few channels leave vector instructions nearly empty otherwise.
        """
        weights = [(layer.kernel[...].astype(x.dtype), layer.bias[...].astype(x.dtype)) for layer in self.points]
        batch, height, width, channels = x.shape
        count = images_at_once(batch, height * width * max(HEAD) * x.dtype.itemsize, most_bytes=_HIDDEN_BYTES)
        if count == batch:
            return _perceptron(x, weights, lambda x, kernel, bias: product(x, kernel) + bias)

        turned = [(kernel.T, bias[:, None]) for kernel, bias in weights]

        @jax.checkpoint
        def group(x: jax.Array) -> jax.Array:
            return _perceptron(x, turned, lambda x, kernel, bias: product(kernel, x) + bias)

        groups = x.reshape(batch // count, count * height * width, channels)
        return jax.lax.map(group, groups.swapaxes(1, 2)).swapaxes(1, 2).reshape(x.shape)

    def __call__(self, z: jax.Array) -> jax.Array:
        """(batch, latent) -> (batch, height, width, channels) float32."""
        return self.head(self.features(z))


def coarsest(state: Sequence[int], channels: Sequence[int], kernels: Sequence[int]) -> tuple[int, int]:
    """Sides of the smallest map. Raises `ConfigError` for sizes that do not fit together."""
    if len(state) != 3:
        raise ConfigError(f"model.field={list(state)} must be [height, width, channels] for model.network=flow.")
    if not channels or len(channels) != len(kernels) or any(side % 2 == 0 for side in kernels):
        raise ConfigError(
            f"model.channels={list(channels)} and model.kernels={list(kernels)} must be as many numbers, and "
            "windows odd."
        )
    part = 2 ** (len(channels) - 1)
    if state[0] % part or state[1] % part:
        raise ConfigError(f"model.field={list(state)}: both sides must be multiples of {part}, to be halved so often.")
    return state[0] // part, state[1] // part


def _perceptron(x: jax.Array, weights: Sequence[Any], layer: Callable[..., jax.Array]) -> jax.Array:
    """Layers with a rectifier between them, float32."""
    for index, (kernel, bias) in enumerate(weights):
        x = layer(x if index == 0 else jax.nn.relu(x), kernel, bias)
    return x.astype(jnp.float32)


def _halved(x: jax.Array) -> jax.Array:
    """Means over 2x2 samples: (batch, height, width, channels) -> half of both sides."""
    batch, height, width, channels = x.shape
    return jnp.mean(x.reshape(batch, height // 2, 2, width // 2, 2, channels), axis=(2, 4))
