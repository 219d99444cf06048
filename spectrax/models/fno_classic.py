"""The Fourier neural operator of the paper, in one, two or three dimensions.

Source: Z. Li et al., "Fourier neural operator for parametric partial differential equations", ICLR 2021; the scripts of
its release (2022, after they took GELU and padding), and the models that H. Wu et al., "Solving high-dimensional PDEs
with latent spectral models", ICML 2023, compare with. The library of today has another network, `fno_neuralop`.

Where they differ: the scripts pad by one number (Darcy 9 on both axes, Navier-Stokes in 3-D 6 in time, Burgers and
Navier-Stokes in 2-D none), Wu et al. by one for each axis, last axis first. In 3-D Wu et al. keep half as many modes in
time, the scripts as many. The 3-D models hold batch norms that they never apply; here there are none.
"""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.field_ends import Projection, cropped, padded_at_end, with_coordinates
from spectrax.nn.gelu import gelu
from spectrax.nn.linear import product, uniform_linear
from spectrax.nn.spectral_convolution import SpectralConvolution, both_ends
from spectrax.ops.choices import check_choice

Order = Literal["natural", "released"]
_ORDERS = ("natural", "released")


class ClassicFNO(nnx.Module):
    """Coordinates appended, a linear layer, Fourier layers on the padded grid, two linear layers.

    Fourier layer: `gelu(K x + W x + b)`, K the spectral convolution; the last has no activation. Any grid with as many
    axes that has the modes is taken, whatever `grid` says.

    Args:
        grid: sizes of the training grid, of which only their number counts: 1, 2 or 3.
        in_channels, out_channels: of the fields, without coordinates.
        width: channels of every layer.
        modes: how many frequencies from zero up are kept along each axis, and below zero as many along all but the
            last; one number: as Wu et al. take it, for all axes, but half of it for the last of three.
        padding: zeros behind the field along each axis, which are cut away before the last two layers; None: none.
        padding_order: of `padding`, "natural", or "released" for Wu et al.'s, the last axis first, where their code
            gives nothing when some are 0 and others are not.
        layers: Fourier layers, at least 2.
        hidden: channels before the last layer.
        dtype: compute dtype; parameters and transforms are float32.

    Raises:
        ConfigError: when sizes do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        grid: Sequence[int],
        in_channels: int,
        out_channels: int,
        width: int,
        modes: int | Sequence[int],
        padding: Sequence[int] | None = None,
        padding_order: Order = "natural",
        layers: int = 4,
        hidden: int = 128,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        self.axes, self.dtype = len(grid), dtype
        if not 1 <= self.axes <= 3:
            raise ConfigError(f"model.grid={list(grid)}: fields of 1, 2 or 3 axes are wanted. See `dataset.grid`.")
        if layers < 2:
            raise ConfigError(f"model.layers={layers}: the first and the last layer are two. Set it to 2 or more.")
        self.padding = _padding(padding, padding_order, self.axes)
        kept = both_ends(_modes(modes, self.axes))
        options = {"dtype": dtype, "rngs": rngs}
        self.lift = uniform_linear(in_channels + self.axes, width, **options)
        self.spectral = nnx.List([SpectralConvolution(width, width, kept, rngs=rngs) for _ in range(layers)])
        self.pointwise = nnx.List([uniform_linear(width, width, **options) for _ in range(layers)])
        self.projection = Projection(width, hidden, out_channels, **options)

    def __call__(self, x: jax.Array, *, train: bool = False, key: jax.Array | None = None) -> jax.Array:
        """(batch, *grid, in_channels) -> (batch, *grid, out_channels) float32.

        Raises:
            ConfigError: when the grid has fewer modes than are kept, or another number of axes.
        """
        del train, key  # nothing is drawn, and nothing differs in training
        if x.ndim != self.axes + 2:
            raise ConfigError(f"A field of the shape {list(x.shape)}: (batch, {self.axes} axes, channels) is wanted.")
        sizes = x.shape[1:-1]
        x = self._first(x)
        for spectral, pointwise in list(zip(self.spectral, self.pointwise, strict=True))[1:-1]:
            x = gelu(spectral(x).astype(self.dtype) + pointwise(x))
        # Of the last layer only what is not cut away.
        x = self.spectral[-1](x, sizes).astype(self.dtype) + self.pointwise[-1](cropped(x, sizes))
        return self.projection(x)

    def _first(self, x: jax.Array) -> jax.Array:
        """The lift, the padding and the first layer.

        All but the activation is linear, and the input has fewer channels than what is lifted: so its own channels,
        with one of ones for the bias, are transformed and padded, and the lift is applied to their spectrum and to the
        weights of the pointwise layer.
        """
        padded = tuple(size + more for size, more in zip(x.shape[1:-1], self.padding, strict=True))
        x = with_coordinates(x.astype(jnp.float32))
        x = jnp.concatenate([x, jnp.ones_like(x[..., :1])], -1)
        lift = jnp.concatenate([self.lift.kernel[...], self.lift.bias[...][None]])
        spectral, pointwise = self.spectral[0], self.pointwise[0]
        spectrum = product(spectral.spectrum(x, padded), lift, jax.lax.Precision.HIGHEST)
        kernel = jnp.matmul(lift, pointwise.kernel[...], precision=jax.lax.Precision.HIGHEST)
        x = product(padded_at_end(x, self.padding).astype(self.dtype), kernel.astype(self.dtype))
        field = spectral.field(spectrum, padded).astype(self.dtype)
        return gelu(field + x + pointwise.bias[...].astype(self.dtype))


def _modes(modes: int | Sequence[int], axes: int) -> tuple[int, ...]:
    if isinstance(modes, int):
        return (modes, modes, modes // 2) if axes == 3 else (modes,) * axes
    if len(modes) != axes:
        raise ConfigError(f"model.modes={list(modes)} for {axes} axes: give one number, or one for each axis.")
    return tuple(modes)


def _padding(padding: Sequence[int] | None, order: Order, axes: int) -> tuple[int, ...]:
    check_choice("model.padding_order", order, _ORDERS)
    padding = tuple(padding) if padding is not None else (0,) * axes
    if len(padding) != axes or min(padding) < 0:
        raise ConfigError(f"model.padding={list(padding)} for {axes} axes: give one number from 0 for each axis.")
    if order == "natural":
        return padding
    if any(padding) and not all(padding):
        raise ConfigError(
            f"model.padding={list(padding)}: with padding_order=released all are 0 or none, since the released code "
            "would cut everything away. Set model.padding_order=natural."
        )
    return padding[::-1]
