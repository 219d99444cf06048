"""The Fourier neural operator's spectral convolution: at each of the lowest frequencies a complex matrix over channels.

By thin matrix products where few modes are kept of many, by FFTs otherwise: see `spectrax.ops.corners`. Complex weights
are real arrays with a trailing axis of 2, real and imaginary part; everything computes in float32.

Sources: Z. Li et al., "Fourier neural operator for parametric partial differential equations", ICLR 2021, and its
released code; J. Kossaifi et al., "A library for learning neural operators", 2024 (neuralop), which counts modes in
another way.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.ops import corners
from spectrax.ops.choices import check_choice
from spectrax.ops.corners import Corners
from spectrax.ops.norms import Norm

Way = Literal["cheaper", "products", "fft"]
_BY_PRODUCTS = {"cheaper": None, "products": True, "fft": False}

Initial = Callable[[jax.Array, tuple[int, ...]], jax.Array]
"""`(key, shape)`, the last axes being input channels, output channels and the two parts."""


def positive_uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Both parts uniform between 0 and 1 / (inputs outputs): the initial weights of the first release."""
    return jax.random.uniform(key, shape, maxval=1 / (shape[-3] * shape[-2]))


def complex_normal(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Normal, of the complex deviation `sqrt(2 / (inputs + outputs))`: the initial weights of the library."""
    return jax.random.normal(key, shape) / math.sqrt(shape[-3] + shape[-2])


def both_ends(modes: Sequence[int]) -> Corners:
    """The first release's count: `modes` from zero up and as many below zero, but of the last axis none below."""
    return Corners(tuple(modes), (*modes[:-1], 0))


def centred(modes: Sequence[int]) -> Corners:
    """The library's count: `modes` in all around zero, of an even number one more below; of the last axis, where only
    half is stored, n // 2 + 1."""
    *others, last = modes
    return Corners((*[(count + 1) // 2 for count in others], last // 2 + 1), (*[count // 2 for count in others], 0))


class SpectralConvolution(nnx.Module):
    """Fields of the lowest modes of the input, each mode's channels mixed by the mode's own complex matrix.

    The weights are (*modes, in_channels, out_channels, 2), frequencies 0, 1, ... before the negative ones, and belong
    to modes, not to a grid: the layer takes any grid that has the modes. Its result does not depend on `norm` but for
    rounding, since the grid is the same before and after.

    Args:
        in_channels, out_channels: of the fields.
        kept: the modes, such as `both_ends((12, 12))`, for 1, 2, 3 or more axes.
        norm: of the transforms, as NumPy's.
        initial: draws the weights.
        bias: add a number to each output channel, as the library does.
        cut: on a grid with fewer modes, use the weights that the library would; otherwise that is an error.
        way: how to transform; "cheaper" estimates.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kept: Corners,
        *,
        norm: Norm = "backward",
        initial: Initial = positive_uniform,
        bias: bool = False,
        cut: bool = False,
        way: Way = "cheaper",
        rngs: nnx.Rngs,
    ):
        check_choice("way", way, _BY_PRODUCTS)
        self.kept, self.norm, self.cut, self.way = kept, norm, cut, way
        self.weight = nnx.Param(initial(rngs.params(), (*kept.counts, in_channels, out_channels, 2)))
        scale = math.sqrt(2 / (in_channels + out_channels))
        self.bias = nnx.Param(scale * jax.random.normal(rngs.params(), (out_channels,))) if bias else None

    def __call__(self, x: jax.Array, samples: Sequence[int] | None = None) -> jax.Array:
        """(batch, *space, in_channels) -> (batch, *space, out_channels) float32, or of that the first `samples` along
        each axis of space.

        Raises:
            ConfigError: when the grid has fewer modes than are kept.
        """
        sizes = x.shape[1:-1]
        return self.field(self.spectrum(x, sizes), sizes, samples)

    def spectrum(self, x: jax.Array, sizes: Sequence[int]) -> jax.Array:
        """The modes (batch, *modes, 2, in_channels) of a field with zeros behind it, up to a grid of `sizes`."""
        kept = self._on(sizes)[0]
        return corners.analyse(x, kept, self.norm, sizes=sizes, by_products=_BY_PRODUCTS[self.way])

    def field(self, spectrum: jax.Array, sizes: Sequence[int], samples: Sequence[int] | None = None) -> jax.Array:
        """The field of mixed modes on a grid of `sizes`, or of that the first `samples` along each axis."""
        kept, weight = self._on(sizes)
        spectrum, by_products = mixed(spectrum, weight), _BY_PRODUCTS[self.way]
        field = corners.synthesise(spectrum, kept, sizes, self.norm, samples=samples, by_products=by_products)
        return field if self.bias is None else field + self.bias[...]

    def _on(self, sizes: Sequence[int]) -> tuple[Corners, jax.Array]:
        """What is kept on a grid, and the weights of that."""
        return _cut(self.kept, self.weight[...], sizes) if self.cut else (self.kept, self.weight[...])


def mixed(spectrum: jax.Array, weight: jax.Array) -> jax.Array:
    """Each mode's channels times the mode's matrix: (batch, *modes, 2, inputs) and (*modes, inputs, outputs, 2) ->
    (batch, *modes, 2, outputs).

    Of complex numbers the four real products are one: [real; imaginary] times [real and imaginary, interleaved], which
    is how weights lie in memory.
    """
    modes, last = list(range(1, spectrum.ndim - 2)), spectrum.ndim
    batch, part, inputs, columns = 0, last - 2, last - 1, last
    flat = weight.reshape(*weight.shape[:-2], -1)
    labels = (list(range(last)), [*modes, inputs, columns], [*modes, batch, part, columns])
    products = jnp.einsum(spectrum, labels[0], flat, labels[1], labels[2], precision=jax.lax.Precision.HIGHEST)
    products = products.reshape(*products.shape[:-1], -1, 2)
    (real_real, real_imaginary), (imaginary_real, imaginary_imaginary) = (
        [products[..., row, :, column] for column in (0, 1)] for row in (0, 1)
    )
    parts = jnp.stack([real_real - imaginary_imaginary, real_imaginary + imaginary_real], -2)
    return jnp.moveaxis(parts, -3, 0)


def _cut(kept: Corners, weight: jax.Array, sizes: Sequence[int]) -> tuple[Corners, jax.Array]:
    """What the library keeps on a grid with fewer frequencies: of the weights in ascending order of frequencies as many
    as there are, fewer at both ends, though where their number changes from even to odd that moves them by one
    frequency."""
    if len(sizes) != len(kept.counts):
        raise ConfigError(f"A grid of {len(sizes)} axes, and modes for {len(kept.counts)}.")
    up, down = [], []
    for axis, size in enumerate(sizes[:-1]):
        count = kept.counts[axis]
        left = min(size, count)
        up, down = [*up, (left + 1) // 2], [*down, left // 2]
        if left < count:
            first = (count - left) // 2
            ascending = first + np.r_[down[-1] : left, 0 : down[-1]]
            below = kept.negative[axis]
            places = np.where(ascending < below, kept.nonnegative[axis] + ascending, ascending - below)
            weight = jnp.take(weight, places, axis)
    last = min(sizes[-1] // 2 + 1, kept.nonnegative[-1])
    weight = jax.lax.slice_in_dim(weight, 0, last, axis=len(sizes) - 1)
    return Corners((*up, last), (*down, 0)), weight
