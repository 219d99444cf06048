"""SVT's isotropic family as a reconstruction: its authors report results of it, and released neither code nor sizes.

Source of the idea: Patro & Agneeswaran, "Scattering Vision Transformer: Spectral Mixing Matters", NeurIPS 2023, whose
figure shows patch and position embeddings, scatter layers with a single residual, then attention layers. The sizes are
those of the same authors' SpectFormer (after GFNet, Rao et al., NeurIPS 2021). Which wavelet mixer was used, and in how
many blocks, is not known: the reported 9.0, 19.9, 32.2 and 57.6 million parameters are met by none exactly. Nothing of
it can be compared with the authors' code.
"""

import functools
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.models.svt import Block, MapAttention
from spectrax.models.svt_mixers import Mixer, spectral_mixer
from spectrax.nn import initializers
from spectrax.nn.drop_path import drop_path
from spectrax.nn.feed_forward import FeedForward
from spectrax.nn.normalisation import LayerNorm


class IsotropicSVT(nnx.Module):
    """Patches, scatter blocks, attention blocks, and the mean of all tokens, on maps of one size and width.

    Args:
        image_size: side of the square image, or (height, width), a multiple of `patch_size`.
        in_channels: channels of the image.
        num_classes: classes of the head.
        patch_size: side of a patch.
        width: channels of every token.
        depth: blocks.
        scatter_blocks: how many of the first blocks mix by wavelets; the others by attention.
        heads: of each attention block.
        mixer: "channel" or "channel_token", the kind of wavelet mixing.
        ffn_ratio: hidden channels of the feed-forward networks over `width`.
        drop_path: largest stochastic-depth rate; rates rise linearly from 0 over all blocks.
        dtype: compute dtype; parameters, norms, softmax and wavelets are float32.
        remat: recompute each block in the backward pass.

    Raises:
        ConfigError: when sizes do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        image_size: int | Sequence[int],
        in_channels: int,
        num_classes: int,
        patch_size: int,
        width: int,
        depth: int,
        scatter_blocks: int,
        heads: int,
        mixer: Mixer = "channel_token",
        ffn_ratio: float = 4.0,
        drop_path: float = 0.0,
        dtype: Literal["float32", "bfloat16"] = "float32",
        remat: bool = False,
        rngs: nnx.Rngs,
    ):
        sides = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        if any(side % patch_size for side in sides):
            raise ConfigError(
                f"model.patch_size={patch_size} does not divide the image's sides, {sides}: "
                "choose another dataset.image_size, or another patch."
            )
        if not 0 <= scatter_blocks <= depth:
            raise ConfigError(f"model.scatter_blocks={scatter_blocks} must be from 0 to model.depth={depth}.")
        if not 0 <= drop_path < 1:
            raise ConfigError(f"model.drop_path={drop_path} must be at least 0 and below 1.")
        grid = (sides[0] // patch_size, sides[1] // patch_size)
        self.remat = remat
        self.patches = nnx.Conv(
            in_channels, width, (patch_size, patch_size), strides=patch_size, padding="VALID", dtype=dtype, rngs=rngs
        )
        self.position = nnx.Param(initializers.linear(rngs.params(), (*grid, width)))
        blocks = []
        for index, rate in enumerate(np.linspace(0.0, drop_path, depth).tolist()):
            scatters = index < scatter_blocks
            if scatters:
                token_mixer = spectral_mixer("dtcwt", mixer, width, grid, dtype=dtype, rngs=rngs)
            else:
                token_mixer = MapAttention(width, heads, dtype=dtype, rngs=rngs)
            feed_forward = FeedForward(width, int(width * ffn_ratio), dtype=dtype, rngs=rngs)
            kind = ScatterBlock if scatters else Block
            blocks.append(kind(token_mixer, feed_forward, width, rate, dtype=dtype))
        self.blocks = nnx.List(blocks)
        self.norm = LayerNorm(width, dtype=dtype)
        self.head = nnx.Linear(width, num_classes, dtype=dtype, kernel_init=initializers.linear, rngs=rngs)

    def __call__(self, images: jax.Array, *, train: bool, key: jax.Array | None = None) -> jax.Array:
        """Class logits (batch, classes) float32 of images (batch, height, width, channels)."""
        x = self.patches(images)
        x = x + self.position[...].astype(x.dtype)
        for index, block in enumerate(self.blocks):
            block_key = None if key is None or not train else jax.random.fold_in(key, index)
            apply = functools.partial(block, train=train)
            x = (jax.checkpoint(apply) if self.remat and train else apply)(x, block_key)
        return self.head(jnp.mean(self.norm(x), axis=(1, 2))).astype(jnp.float32)


class ScatterBlock(Block):
    """`x += feed_forward(norm(mixer(norm(x))))`, as the figure draws it: one residual, dropped as a whole."""

    def __call__(self, x: jax.Array, key: jax.Array | None, *, train: bool) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        branch = self.feed_forward(self.feed_forward_norm(self.mixer(self.mixer_norm(x))))
        return x + drop_path(branch, self.drop_rate, key if train else None)
