"""The latent spectral model of values at points that lie anywhere in the plane.

Source: H. Wu et al., "Solving high-dimensional PDEs with latent spectral models", ICML 2023, arXiv 2301.12664, and its
released code (LSM_Irregular_Geo); the way to a grid and back is that of Geo-FNO, Z. Li et al., JMLR 2023.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.coordinate_network import CoordinateNetwork
from spectrax.nn.field_ends import Projection, coordinates
from spectrax.nn.gelu import gelu
from spectrax.nn.latent_spectral_block import LatentSpectralBlock
from spectrax.nn.linear import uniform_linear
from spectrax.nn.normalisation import Scope
from spectrax.nn.point_fourier import GridToPoints, PointsToGrid, check_modes
from spectrax.nn.unet_blocks import UNetBackbone, level_sizes

Inputs = jax.Array | Mapping[str, jax.Array]


class LSMIrregular(nnx.Module):
    """A Fourier layer from the points to a grid, the U-Net of `spectrax.models.lsm` there, and one back to the points.

    Args:
        in_channels: of the values at the points, whose first two are where the points lie.
        out_channels: of the values that are wanted there.
        channels: of the first level; the others have 2, 4, 8 and 8 times as many. A multiple of `heads`.
        latent_grid: sizes of the grid; every level is a whole number of patches.
        modes: frequencies of the Fourier layers along both axes.
        patch: samples of a patch along each axis, the same at all levels.
        tokens, bases, heads, blocks: see `spectrax.models.lsm.LSM`.
        deformation: have a network say where in the unit square each point is transformed; else the points lie there.
        code_size: numbers in the code that describes a geometry to that network, where there is one.
        hermitian: complete the last spectrum as a real field has it, and not as the released code does, see
            `spectrax.ops.non_uniform.modes_to_points`.
        hidden: channels of the last network.
        batch_norm: "global" normalises by the whole batch, "device" by each device's part of it.
        dtype: compute dtype of the U-Net; the rest is float32.

    Raises:
        ConfigError: when sizes do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        in_channels: int = 2,
        out_channels: int,
        channels: int,
        latent_grid: Sequence[int] = (96, 96),
        modes: Sequence[int] = (12, 12),
        patch: Sequence[int] = (6, 6),
        tokens: int = 4,
        bases: int = 12,
        heads: int = 8,
        blocks: bool = True,
        deformation: bool = True,
        code_size: int = 42,
        hermitian: bool = False,
        hidden: int = 128,
        batch_norm: Scope = "global",
        dtype: Literal["float32", "bfloat16"] = "float32",
        rngs: nnx.Rngs,
    ):
        self.latent_grid = tuple(latent_grid)
        _check(self.latent_grid, modes, patch, blocks)

        def make_skip(width: int) -> LatentSpectralBlock:
            return LatentSpectralBlock(width, patch, tokens=tokens, bases=bases, heads=heads, dtype=dtype, rngs=rngs)

        self.deformation = CoordinateNetwork(code_size=code_size, rngs=rngs) if deformation else None
        self.lift = uniform_linear(in_channels, channels, rngs=rngs)
        self.to_grid = PointsToGrid(channels, channels, modes, self.latent_grid, rngs=rngs)
        self.grid_coordinates = uniform_linear(2, channels, rngs=rngs)
        self.backbone = UNetBackbone(
            channels, 2, make_skip=make_skip if blocks else None, scope=batch_norm, dtype=dtype, rngs=rngs
        )
        self.to_points = GridToPoints(channels, channels, modes, hermitian=hermitian, rngs=rngs)
        self.point_coordinates = uniform_linear(2, channels, rngs=rngs)
        self.projection = Projection(channels, hidden, out_channels, rngs=rngs)

    def __call__(self, inputs: Inputs, *, train: bool, key: jax.Array | None = None) -> jax.Array:
        """Values at the points -> those that are wanted, (batch, n, out_channels) float32.

        Args:
            inputs: (batch, n, in_channels), or {"input": those, "code": (batch, code_size)}.
        """
        x, code = (inputs["input"], inputs.get("code")) if isinstance(inputs, Mapping) else (inputs, None)
        points = x[..., :2].astype(jnp.float32)
        places = points if self.deformation is None else self.deformation(points, code)
        field = self.to_grid(self.lift(x), places) + self.grid_coordinates(coordinates(self.latent_grid))
        field = self.backbone(gelu(field), train=train).astype(jnp.float32)
        return self.projection(self.to_points(field, places) + self.point_coordinates(points))


def _check(grid: Sequence[int], modes: Sequence[int], patch: Sequence[int], blocks: bool) -> None:
    for name, sizes in (("latent_grid", grid), ("modes", modes), ("patch", patch)):
        if len(sizes) != 2 or min(sizes) < 1:
            raise ConfigError(f"model.{name}={list(sizes)} must hold two numbers from 1.")
    check_modes(modes, grid)
    for level in level_sizes(grid) if blocks else ():
        if any(size % side for size, side in zip(level, patch, strict=True)):
            raise ConfigError(
                f"model.latent_grid={list(grid)} has a level {list(level)}, no whole number of patches "
                f"model.patch={list(patch)}: sixteen patches along each axis always fit."
            )
