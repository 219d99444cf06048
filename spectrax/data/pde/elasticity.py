"""A stretched cell with a void made here: points of it, or the void's picture, to the stress."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.generated import Generated

if TYPE_CHECKING:
    from spectrax.solvers.elasticity import UnitCell

_CODE = 42  # radii that describe a void


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Elasticity(Generated):
    """Unit cells, see `spectrax.solvers.elasticity`.

    Attributes:
        around, across: vertices of the mesh on which the cell is computed.
        traction: that pulls the upper side, in kilopascal.
        waves: of the void's outline.

    Source: as the elasticity of Li et al., "Fourier neural operator with learned deformations for PDEs on general
    geometries" (2022), 4.1, as far as it is on record.
    """

    around: int = 108
    across: int = 9
    traction: float = 100.0
    waves: int = 8

    solver = "spectrax.solvers.elasticity"
    precision = "float64"
    libraries = ("numpy", "scipy", "scikit-fem")
    units = "sides of the cell; von Mises stress in kilopascal"
    citation = "Z. Li et al., Fourier neural operator with learned deformations for PDEs on general geometries, 2022"
    chunk = 2

    def cells(self, split: str, first: int, count: int, image_size: int) -> "list[UnitCell]":
        """The cells of some examples of a split."""
        from spectrax.solvers import elasticity, elasticity_mesh

        voids = [elasticity_mesh.random_void(self.seed, i, self.waves) for i in self.indices(split, first, count)]
        sizes = {"around": self.around, "across": self.across, "image_size": image_size}
        return [elasticity.solve_unit_cell(void, traction=self.traction, **sizes) for void in voids]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ElasticityPoints(_Elasticity):
    """ "input" points (around * across, 2), "code" the void's radii at 42 angles, "target" stress at the points."""

    name = "elasticity_points_generated"
    option = "elasticity_points"
    description = "A stretched hyperelastic cell with a void: points to stress. The shapes' prior is approximate."
    places = True

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        points = self.around * self.across
        return {
            "input": FieldSpec((points, 2), "float32", "x and y of the points"),
            "code": FieldSpec((_CODE,), "float32", "radius of the void at 42 angles"),
            "target": FieldSpec((points, 1), "float32", "von Mises stress"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        cells = self.cells(split, first, count, image_size=2)
        return {
            "input": np.stack([cell.points for cell in cells]),
            "code": np.stack([cell.code for cell in cells]),
            "target": np.stack([cell.stress for cell in cells])[..., None],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class ElasticityGrid(_Elasticity):
    """ "input" and "domain" are 1 outside the void, "target" the stress there and 0 inside; all (size, size, 1).

    Attributes:
        grid: [size, size].

    Raises:
        ConfigError: when it is not square.
    """

    grid: Sequence[int]

    name = "elasticity_grid_generated"
    option = "elasticity_grid"
    description = "A stretched hyperelastic cell with a void: its shape to stress. The shapes' prior is approximate."

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.grid) != 2 or self.grid[0] != self.grid[1]:
            raise ConfigError(f"dataset.source.grid={list(self.grid)} should be a square, as [41,41].")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        shape = (*self.grid, 1)
        outside = FieldSpec(shape, "float32", "1 outside the void, 0 in it")
        return {"input": outside, "domain": outside, "target": FieldSpec(shape, "float32", "von Mises stress")}

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        cells = self.cells(split, first, count, self.grid[0])
        outside = np.stack([cell.image_mask for cell in cells])[..., None]
        return {
            "input": outside,
            "domain": outside,
            "target": np.stack([cell.image_stress for cell in cells])[..., None],
        }
