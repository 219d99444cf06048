"""The Fourier neural operator on clouds of points: a learnt deformation takes them to where Fourier sums find them.

Source: Z. Li et al., "Fourier neural operator with learned deformations for PDEs on general geometries", JMLR 2023, as
in the released code of H. Wu et al., "Solving high-dimensional PDEs with latent spectral models", ICML 2023, where the
coordinate network is a model apart; here it is part of this one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn.coordinate_network import CoordinateNetwork
from spectrax.nn.field_ends import Projection, coordinates
from spectrax.nn.gelu import gelu
from spectrax.nn.linear import uniform_linear
from spectrax.nn.point_fourier import GridToPoints, PointsToGrid, check_modes
from spectrax.nn.spectral_convolution import SpectralConvolution, both_ends

Inputs = jax.Array | Mapping[str, jax.Array]


class GeoFNO(nnx.Module):
    """A Fourier layer from the points to a grid, Fourier layers there, one back to the points; any number of points.

    Args:
        in_channels: of the values at the points, whose first two are where the points lie.
        out_channels: of the values that are wanted there.
        width: channels of every layer.
        latent_grid: sizes of the grid.
        modes: frequencies from zero up along both axes of the grid.
        layers: on the grid, after the one that brings the points there.
        deformation: have a network say where in the unit square each point is transformed; else the points lie there.
        code_size: numbers in the code that describes a geometry to that network, where there is one.
        hermitian: complete the last spectrum as a real field has it, and not as the released code does, see
            `spectrax.ops.non_uniform.modes_to_points`.
        hidden: channels before the last layer.
        dtype: compute dtype of the layers on the grid; the rest is float32.

    Raises:
        ConfigError: when the grid has no room for the modes.
    """

    def __init__(
        self,
        *,
        in_channels: int = 2,
        out_channels: int,
        width: int,
        latent_grid: Sequence[int] = (96, 96),
        modes: Sequence[int] = (12, 12),
        layers: int = 3,
        deformation: bool = True,
        code_size: int = 42,
        hermitian: bool = False,
        hidden: int = 128,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        check_modes(modes, latent_grid)
        self.latent_grid, self.dtype = tuple(latent_grid), dtype
        self.deformation = CoordinateNetwork(code_size=code_size, rngs=rngs) if deformation else None
        self.lift = uniform_linear(in_channels, width, rngs=rngs)
        self.to_grid = PointsToGrid(width, width, modes, self.latent_grid, rngs=rngs)
        self.grid_coordinates = uniform_linear(2, width, rngs=rngs)
        self.layers = nnx.List([GridLayer(width, modes, dtype=dtype, rngs=rngs) for _ in range(layers)])
        self.to_points = GridToPoints(width, width, modes, hermitian=hermitian, rngs=rngs)
        self.point_coordinates = uniform_linear(2, width, rngs=rngs)
        self.projection = Projection(width, hidden, out_channels, rngs=rngs)

    def __call__(self, inputs: Inputs, *, train: bool = False, key: jax.Array | None = None) -> jax.Array:
        """Values at the points -> those that are wanted, (batch, n, out_channels) float32.

        Args:
            inputs: (batch, n, in_channels), or {"input": those, "code": (batch, code_size)}.
        """
        del train, key  # nothing is drawn, and nothing differs in training
        x, code = (inputs["input"], inputs.get("code")) if isinstance(inputs, Mapping) else (inputs, None)
        points = x[..., :2].astype(jnp.float32)
        places = points if self.deformation is None else self.deformation(points, code)
        grid = coordinates(self.latent_grid)
        field = gelu(self.to_grid(self.lift(x), places) + self.grid_coordinates(grid)).astype(self.dtype)
        for layer in self.layers:
            field = layer(field, grid)
        return self.projection(self.to_points(field, places) + self.point_coordinates(points))


class GridLayer(nnx.Module):
    """`gelu(K u + W u + b + B grid)`, K the spectral convolution, with the coordinates of the grid."""

    def __init__(self, width: int, modes: Sequence[int], *, dtype: str = "float32", rngs: nnx.Rngs):
        options: dict[str, Any] = {"dtype": dtype, "rngs": rngs}
        self.dtype = dtype
        self.spectral = SpectralConvolution(width, width, both_ends(modes), rngs=rngs)
        self.pointwise = uniform_linear(width, width, **options)
        self.coordinates = uniform_linear(2, width, **options)

    def __call__(self, x: jax.Array, grid: jax.Array) -> jax.Array:
        """(batch, height, width, channels) and (height, width, 2) -> the shape of the former."""
        return gelu(self.spectral(x).astype(self.dtype) + self.pointwise(x) + self.coordinates(grid))
