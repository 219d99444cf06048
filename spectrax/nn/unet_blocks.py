"""The U-Net of latent spectral models: convolutions by twos, halving by maxima, doubling by interpolation.

Source: O. Ronneberger et al., "U-Net", MICCAI 2015, in the form of the released code of H. Wu et al., "Solving
high-dimensional PDEs with latent spectral models", ICML 2023. In two or three dimensions.
"""

import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.convolution import Convolution3
from spectrax.nn.linear import uniform_linear
from spectrax.nn.normalisation import BatchNorm, Scope
from spectrax.ops.interpolation import resize_linear

LEVELS = 5
_WIDTHS = (1, 2, 4, 8, 8)  # of the levels, in channels of the first


class DoubleConvolution(nnx.Module):
    """Twice a convolution of three samples along every axis, BatchNorm and ReLU.

    Args:
        in_channels, middle_channels, out_channels: before, between and after the two convolutions.
        dimensions: 2 or 3.
    """

    def __init__(
        self,
        in_channels: int,
        middle_channels: int,
        out_channels: int,
        dimensions: int,
        *,
        scope: Scope = "global",
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        sizes = [(in_channels, middle_channels), (middle_channels, out_channels)]
        self.convolutions = nnx.List([Convolution3(*size, dimensions, dtype=dtype, rngs=rngs) for size in sizes])
        self.batch_norms = nnx.List([BatchNorm(out, dtype=dtype, scope=scope) for _, out in sizes])

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, *space, in_channels) -> (batch, *space, out_channels)."""
        for convolution, batch_norm in zip(self.convolutions, self.batch_norms, strict=True):
            x = jax.nn.relu(batch_norm(convolution(x), train=train))
        return x


class UNetBackbone(nnx.Module):
    """Five levels of `channels` times 1, 2, 4, 8 and 8 on maps halved four times, and back.

    Args:
        channels: of the first level; input and output have as many.
        dimensions: 2 or 3.
        make_skip: from a level's channels, what its map passes on its way across, of which the coarsest level has one
            too; None: the map goes as it is.
        scope: of BatchNorm's moments, see `spectrax.nn.normalisation`.
        dtype: compute dtype; parameters and moments are float32.
    """

    def __init__(
        self,
        channels: int,
        dimensions: int,
        *,
        make_skip: Callable[[int], nnx.Module] | None = None,
        scope: Scope = "global",
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        widths = [times * channels for times in _WIDTHS]
        options = {"dimensions": dimensions, "scope": scope, "dtype": dtype, "rngs": rngs}
        encoder = [DoubleConvolution(channels, channels, channels, **options)]
        decoder, below = [], widths[-1]
        for before, after in itertools.pairwise(widths):
            encoder.append(DoubleConvolution(before, after, after, **options))
        for level in reversed(range(LEVELS - 1)):
            joined = widths[level] + below
            below = widths[max(level - 1, 0)]
            decoder.append(DoubleConvolution(joined, joined // 2, below, **options))
        self.encoder, self.decoder = nnx.List(encoder), nnx.List(decoder)
        self.skips = None if make_skip is None else nnx.List([make_skip(width) for width in widths])
        self.output = uniform_linear(channels, channels, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, *space, channels) -> the same shape.

        Raises:
            ConfigError: when an axis has fewer than 16 samples.
        """
        level_sizes(x.shape[1:-1])
        maps = []
        for convolutions in self.encoder:
            x = convolutions(halved(x) if maps else x, train=train)
            maps.append(x)
        if self.skips is not None:
            maps = [skip(x) for skip, x in zip(self.skips, maps, strict=True)]
        x = maps.pop()
        for convolutions, across in zip(self.decoder, reversed(maps), strict=True):
            x = convolutions(jnp.concatenate([across, doubled(x, across.shape[1:-1])], -1), train=train)
        return self.output(x)


def level_sizes(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Sizes of the maps of all levels: each is half of the one before, rounded down.

    Raises:
        ConfigError: when an axis is too short to be halved four times.
    """
    if min(sizes) < 2 ** (LEVELS - 1):
        raise ConfigError(
            f"A U-Net halves every axis {LEVELS - 1} times, and a grid {list(sizes)} has fewer than "
            f"{2 ** (LEVELS - 1)} samples along one. Take a larger grid, or model.padding=[...] to fill it up."
        )
    return [tuple(size >> level for size in sizes) for level in range(LEVELS)]


def halved(x: jax.Array) -> jax.Array:
    """Maxima of two samples along every axis of space; of an odd number the last one is left out.

    (batch, *space, channels) -> (batch, *(space / 2), channels). Of equal samples the first has the gradient, as in
    PyTorch. As selections, whose gradient is fast on CPUs; that of XLA's windows is not.
    """
    for axis in range(1, x.ndim - 1):
        pairs = x.shape[axis] // 2
        first, second = (jax.lax.slice_in_dim(x, start, start + 2 * pairs - 1, 2, axis) for start in (0, 1))
        x = jnp.where(second > first, second, first)
    return x


def doubled(x: jax.Array, sizes: Sequence[int]) -> jax.Array:
    """Twice as many samples along every axis, the outermost ones in place, and then zeros up to `sizes`: half of them
    before, rounded down. (batch, *space, channels) -> (batch, *sizes, channels)."""
    larger = resize_linear(x, [2 * size for size in x.shape[1:-1]]).astype(x.dtype)
    missing = [size - found for size, found in zip(sizes, larger.shape[1:-1], strict=True)]
    if not any(missing):
        return larger
    return jnp.pad(larger, [(0, 0), *[(more // 2, more - more // 2) for more in missing], (0, 0)])
