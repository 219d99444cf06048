"""The neural spectral block of latent spectral models: patches are compressed to a few tokens, which a sum of sines and
cosines moves on, and which are written back.

Source: H. Wu et al., "Solving high-dimensional PDEs with latent spectral models", ICML 2023, arXiv 2301.12664; the
released code divides no attention by the square root of its width, and has the frequencies m / bases.

Each attention is linear in the map before its softmax, so no map of keys, values or queries is ever formed: the token's
query is taken through the key's weights first, and sums over positions go through the value's weights afterwards. What
is added to all positions of a patch drops out of the softmax, and with it the bias of the keys.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn import initializers
from spectrax.nn.sine import cosine, sine


class LatentSpectralBlock(nnx.Module):
    """Cross-attention to latent tokens, their transition, and cross-attention back, patch by patch, as a residual.

    Args:
        channels: a multiple of `heads`.
        patch: samples of a patch along each axis of space; maps are whole numbers of patches.
        tokens: latent tokens of each patch and head.
        bases: frequencies m / bases, m = 0 ... bases - 1, each with a sine and a cosine; 0: tokens stay as they are.
        heads: of both attentions.
        dtype: compute dtype; parameters, softmax and transition are float32.

    Raises:
        ConfigError: when `channels` is no multiple of `heads`.
    """

    def __init__(
        self,
        channels: int,
        patch: Sequence[int],
        *,
        tokens: int = 4,
        bases: int = 12,
        heads: int = 8,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        if channels % heads:
            raise ConfigError(f"model.channels: {channels} channels of a level must be a multiple of {heads} heads.")
        self.patch, self.dtype = tuple(patch), dtype
        width = channels // heads
        self.tokens = nnx.Param(_token_values(rngs, (heads, tokens, width), channels))
        self.transition = nnx.Param(_token_values(rngs, (channels, 2 * bases), channels)) if bases else None
        self.key_value = LinearWeights(channels, 2 * channels, rngs=rngs)
        self.query = LinearWeights(channels, channels, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, *space, channels) -> the same shape.

        Raises:
            ConfigError: when the map is no whole number of patches.
        """
        patches = to_patches(x.astype(self.dtype), self.patch)
        tokens = self._encoded(patches)
        if self.transition is not None:
            tokens = tokens + spectral_sum(tokens, self.transition[...])
        return from_patches(patches + self._decoded(patches, tokens), x.shape, self.patch)

    def _encoded(self, patches: jax.Array) -> jax.Array:
        """Tokens (batch, patches, heads, tokens, width) float32 of patches (batch, patches, positions, channels)."""
        heads, count, width = self.tokens.shape
        channels = patches.shape[-1]
        # Of the released code's output channels every second one is a value.
        kernel = self.key_value.kernel[...].reshape(channels, heads, width, 2)
        bias = self.key_value.bias[...].reshape(heads, 1, width, 2)
        asked = jnp.einsum("hkd,chd->chk", self.tokens[...], kernel[..., 0]).reshape(channels, heads * count)
        scores = jnp.einsum("bplc,cs->bpls", patches, asked.astype(self.dtype), preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(scores, axis=2).astype(self.dtype)
        gathered = jnp.einsum("bpls,bplc->bpsc", weights, patches, preferred_element_type=jnp.float32)
        # Heads outermost, as the product of each head wants them: left to XLA, samples and channels change places too.
        gathered = gathered.reshape(-1, heads, count, channels).transpose(1, 0, 2, 3).reshape(heads, -1, channels)
        values = jnp.einsum("hnc,hcd->hnd", gathered, kernel[..., 1].transpose(1, 0, 2))
        values = values.reshape(heads, *patches.shape[:2], count, width).transpose(1, 2, 0, 3, 4)
        return values + bias[..., 1] + self.tokens[...]

    def _decoded(self, patches: jax.Array, tokens: jax.Array) -> jax.Array:
        """What each position of (batch, patches, positions, channels) reads from its patch's tokens: the same shape."""
        heads, count, width = self.tokens.shape
        channels = patches.shape[-1]
        kernel = self.query.kernel[...].reshape(channels, heads, width)
        bias = self.query.bias[...].reshape(heads, width)
        slots = (*tokens.shape[:2], heads * count, channels)
        asked = jnp.einsum("bphkd,chd->bphkc", tokens, kernel).reshape(slots)
        offset = jnp.einsum("bphkd,hd->bphk", tokens, bias)
        scores = jnp.einsum("bplc,bpsc->bpls", patches, asked.astype(self.dtype), preferred_element_type=jnp.float32)
        scores = scores.reshape(*scores.shape[:3], heads, count) + offset[:, :, None]
        weights = jax.nn.softmax(scores, axis=-1).astype(self.dtype).reshape(*scores.shape[:3], heads * count)
        # All heads at once: each token stands in its own head's channels, and zeros in the others'.
        # A product puts it there: XLA would fuse a choice with the transition, and compute that for the zeros as well.
        own = jnp.eye(channels).reshape(channels, heads, width)
        spread = jnp.einsum("bphkd,chd->bphkc", tokens, own, precision=jax.lax.Precision.HIGHEST).reshape(slots)
        return jnp.einsum("bpls,bpsc->bplc", weights, spread.astype(self.dtype))


class LinearWeights(nnx.Module):
    """Weights of a linear layer, begun as PyTorch does, that are used in parts."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs):
        self.kernel = nnx.Param(initializers.uniform_fan_in(rngs.params(), (inputs, outputs), fan_in=inputs))
        self.bias = nnx.Param(initializers.uniform_fan_in(rngs.params(), (outputs,), fan_in=inputs))


def spectral_sum(tokens: jax.Array, weights: jax.Array) -> jax.Array:
    """`sum_m w[i, m] sin(pi m z / M) + w[i, M + m] cos(pi m z / M)` of each channel i's token values z.

    Args:
        tokens: (batch, patches, heads, tokens, width) float32; channel i is `head * width + place`.
        weights: (channels, 2 M), those of the sines first.

    Returns:
        the same shape as tokens.
    """
    heads, width = tokens.shape[2], tokens.shape[4]
    bases = weights.shape[-1] // 2
    sines, cosines = jnp.split(weights.reshape(heads, 1, width, 2 * bases), 2, axis=-1)
    angle = (math.pi / bases) * tokens
    cos, sin = cosine(angle), sine(angle)
    # Horner's rule in powers of exp(i angle): one sine and one cosine are all that is evaluated.
    real, imaginary = cosines[..., -1], -sines[..., -1]
    for m in reversed(range(bases - 1)):
        real, imaginary = real * cos - imaginary * sin, real * sin + imaginary * cos
        real, imaginary = real + cosines[..., m], imaginary - sines[..., m]
    return jnp.broadcast_to(real, tokens.shape)


def to_patches(x: jax.Array, patch: Sequence[int]) -> jax.Array:
    """(batch, *space, channels) -> (batch, patches, positions, channels), both in row-major order.

    Raises:
        ConfigError: when the map is no whole number of patches.
    """
    sizes = x.shape[1:-1]
    if any(size % side for size, side in zip(sizes, patch, strict=True)):
        raise ConfigError(
            f"A map {list(sizes)} is no whole number of patches {list(patch)}. Leave model.padding and model.patch "
            "null, or choose them so that every level of the padded grid is one."
        )
    split, outer, inner = _split_axes(x.shape, patch)
    parted = x.reshape(split).transpose(0, *outer, *inner, x.ndim * 2 - 3)
    return parted.reshape(x.shape[0], -1, math.prod(patch), x.shape[-1])


def from_patches(patches: jax.Array, shape: Sequence[int], patch: Sequence[int]) -> jax.Array:
    """The inverse of `to_patches`, for a map of this shape."""
    split, outer, inner = _split_axes(shape, patch)
    order = (0, *outer, *inner, len(split) - 1)
    parted = patches.reshape([split[axis] for axis in order])
    return parted.transpose([order.index(axis) for axis in range(len(order))]).reshape(shape)


def _split_axes(shape: Sequence[int], patch: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Each axis of space as two, how many patches and how large; and where the ones and the others are."""
    pairs = [part for size, side in zip(shape[1:-1], patch, strict=True) for part in (size // side, side)]
    places = range(1, len(pairs) + 1)
    return [shape[0], *pairs, shape[-1]], list(places[::2]), list(places[1::2])


def _token_values(rngs: nnx.Rngs, shape: tuple[int, ...], channels: int) -> jax.Array:
    """Uniform between 0 and 1 / channels, as the released code begins."""
    return jax.random.uniform(rngs.params(), shape, maxval=1 / channels)
