"""Latent spectral models on regular and structured grids of two or three axes.

Source: H. Wu et al., "Solving high-dimensional PDEs with latent spectral models", ICML 2023, arXiv 2301.12664, and its
released code (LSM_2D, LSM_3D).

The released scripts name patch and padding for each benchmark, and padding from the last axis to the first; here both
are in the order of the axes, and what is left out is chosen by the rule that gives all the scripts' numbers: sixteen
patches along each axis, and zeros up to the whole of them.
"""

from collections.abc import Sequence
from typing import Literal

import jax
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.models.unet import check_dimensions
from spectrax.nn.field_ends import Projection, cropped, padded_at_end, with_coordinates
from spectrax.nn.latent_spectral_block import LatentSpectralBlock
from spectrax.nn.linear import uniform_linear
from spectrax.nn.normalisation import Scope
from spectrax.nn.unet_blocks import LEVELS, UNetBackbone, level_sizes

_COARSEST = 2 ** (LEVELS - 1)  # samples of the finest level that are one of the coarsest


class LSM(nnx.Module):
    """Coordinates beside the field, a linear layer, a U-Net whose every level has a latent spectral block on its way
    across, and a network at each point.

    Args:
        grid: sizes of the field's two or three axes.
        in_channels, out_channels: of the fields.
        channels: of the first level; the others have 2, 4, 8 and 8 times as many. A multiple of `heads`.
        patch: samples of a patch along each axis, the same at all levels; null: a sixteenth of the axis, rounded up.
        padding: zeros behind each axis, taken off again at the end; null: as many as make the axis a multiple of
            sixteen patches, for whatever field is given.
        tokens: latent tokens of each patch and head.
        bases: frequencies of the tokens' transition; 0: none, tokens are written back as they were read.
        heads: of the blocks' attention.
        blocks: false leaves the blocks out: what is left is a U-Net with the same padding.
        hidden: channels of the last network.
        batch_norm: "global" normalises by the whole batch, "device" by each device's part of it.
        dtype: compute dtype; parameters, moments, softmax and transition are float32.

    Raises:
        ConfigError: when sizes do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        grid: Sequence[int],
        in_channels: int,
        out_channels: int,
        channels: int,
        patch: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
        tokens: int = 4,
        bases: int = 12,
        heads: int = 8,
        blocks: bool = True,
        hidden: int = 128,
        batch_norm: Scope = "global",
        dtype: Literal["float32", "bfloat16"] = "float32",
        rngs: nnx.Rngs,
    ):
        dimensions = check_dimensions(grid, patch=patch, padding=padding)
        self.patch = tuple(patch) if patch is not None else tuple(-(-size // _COARSEST) for size in grid)
        self.padding = None if padding is None else tuple(padding)
        self.blocks = blocks
        self._padding_of(grid)

        def make_skip(width: int) -> LatentSpectralBlock:
            return LatentSpectralBlock(
                width, self.patch, tokens=tokens, bases=bases, heads=heads, dtype=dtype, rngs=rngs
            )

        self.lift = uniform_linear(in_channels + dimensions, channels, dtype=dtype, rngs=rngs)
        self.backbone = UNetBackbone(
            channels, dimensions, make_skip=make_skip if blocks else None, scope=batch_norm, dtype=dtype, rngs=rngs
        )
        self.projection = Projection(channels, hidden, out_channels, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool, key: jax.Array | None = None) -> jax.Array:
        """(batch, *space, in_channels) -> (batch, *space, out_channels) float32.

        Raises:
            ConfigError: when a level of the padded grid is no whole number of patches.
        """
        sizes = x.shape[1:-1]
        padded = padded_at_end(self.lift(with_coordinates(x)), self._padding_of(sizes))
        return self.projection(cropped(self.backbone(padded, train=train), sizes))

    def _padding_of(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Of a field of these sizes. Raises `ConfigError` when a level is then no whole number of patches."""
        if min(self.patch) < 1:
            raise ConfigError(f"model.patch={list(self.patch)} must hold numbers from 1.")
        padding = self.padding
        if padding is None:
            padding = tuple(-size % (_COARSEST * side) for size, side in zip(sizes, self.patch, strict=True))
        padded = [size + more for size, more in zip(sizes, padding, strict=True)]
        for level in level_sizes(padded) if self.blocks else ():
            if any(size % side for size, side in zip(level, self.patch, strict=True)):
                raise ConfigError(
                    f"model.patch={list(self.patch)}: a grid {list(sizes)} with model.padding={list(padding)} has a "
                    f"level {list(level)}, no whole number of patches. Leave out model.padding, or both."
                )
        return padding
