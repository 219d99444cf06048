"""Fourier layers between a cloud of points and a regular grid, each way.

Source: Z. Li et al., "Fourier neural operator with learned deformations for PDEs on general geometries", JMLR 2023, as
in the released code of H. Wu et al., "Solving high-dimensional PDEs with latent spectral models", ICML 2023.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.spectral_convolution import mixed, positive_uniform
from spectrax.ops import non_uniform, truncated


class PointsToGrid(nnx.Module):
    """The lowest modes of values at points, mixed by weights of their own, as a field on a grid.

    Args:
        in_channels, out_channels: of the values and of the field.
        modes: m1 and m2, how many frequencies are kept, along the first axis of both signs.
        grid: height and width of the field.

    Raises:
        ConfigError: when the grid has no room for the modes.
    """

    def __init__(
        self, in_channels: int, out_channels: int, modes: Sequence[int], grid: Sequence[int], *, rngs: nnx.Rngs
    ):
        check_modes(modes, grid)
        self.grid = tuple(grid)
        self.mixing = ComplexModeMixing(in_channels, out_channels, modes, rngs=rngs)

    def __call__(self, values: jax.Array, points: jax.Array) -> jax.Array:
        """Values (batch, n, in_channels) at points (batch, n, 2) -> (batch, height, width, out_channels) float32."""
        spectrum = non_uniform.points_to_modes(values, points, self.mixing.modes)
        return truncated.irfftn(self.mixing(spectrum), self.grid)


class GridToPoints(nnx.Module):
    """The lowest modes of a field on a grid, mixed by weights of their own, as values at points.

    Args:
        in_channels, out_channels: of the field and of the values.
        modes: m1 and m2, how many frequencies are kept, along the first axis of both signs.
        hermitian: see `spectrax.ops.non_uniform.modes_to_points`; false is the released code.
    """

    def __init__(
        self, in_channels: int, out_channels: int, modes: Sequence[int], *, hermitian: bool = False, rngs: nnx.Rngs
    ):
        self.hermitian = hermitian
        self.mixing = ComplexModeMixing(in_channels, out_channels, modes, rngs=rngs)

    def __call__(self, field: jax.Array, points: jax.Array) -> jax.Array:
        """A field (batch, height, width, in_channels), and points (batch, n, 2) -> (batch, n, out_channels) float32.

        Raises:
            ConfigError: when the grid has fewer modes than are kept.
        """
        check_modes(self.mixing.modes, field.shape[1:3])
        spectrum = self.mixing(truncated.rfftn(field, self.mixing.modes))
        return non_uniform.modes_to_points(spectrum, points, hermitian=self.hermitian)


class ComplexModeMixing(nnx.Module):
    """Each mode's channels times the mode's own complex matrix, see `spectrax.nn.spectral_convolution.mixed`.

    Weights are real arrays (m1, m2, in_channels, out_channels, 2) of real and imaginary parts, `positive` for the
    frequencies 0 ... m1 - 1 of the first axis and `negative` for -m1 ... -1. Initially both parts are uniform between 0
    and 1 / (in_channels out_channels), as in the release. Everything computes in float32.
    """

    def __init__(self, in_channels: int, out_channels: int, modes: Sequence[int], *, rngs: nnx.Rngs):
        self.modes = tuple(modes)
        shape = (*self.modes, in_channels, out_channels, 2)
        self.positive = nnx.Param(positive_uniform(rngs.params(), shape))
        self.negative = nnx.Param(positive_uniform(rngs.params(), shape))

    def __call__(self, spectrum: jax.Array) -> jax.Array:
        """Complex (batch, 2 m1, m2, in_channels) -> (batch, 2 m1, m2, out_channels)."""
        weights = jnp.concatenate([self.positive[...], self.negative[...]])
        parts = mixed(jnp.stack([spectrum.real, spectrum.imag], -2), weights)
        return jax.lax.complex(parts[..., 0, :], parts[..., 1, :])


def check_modes(modes: Sequence[int], grid: Sequence[int]) -> None:
    """Raises `ConfigError` when the grid has fewer modes than are to be kept."""
    most = (grid[0] // 2, grid[1] // 2 + 1)
    if any(not 1 <= kept <= there for kept, there in zip(modes, most, strict=True)):
        raise ConfigError(f"modes={list(modes)} of a grid {list(grid)} cannot be kept: at most {list(most)}.")
