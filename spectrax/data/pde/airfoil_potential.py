"""Potential flow around airfoils made here: C-grid to speed. It stands in for the transonic flow, which is published
only, and is another problem: without compressibility and shocks."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class AirfoilPotential(Generated):
    """Incompressible potential flow, see `spectrax.solvers.potential_flow`: "input" is the mesh of the transonic
    benchmark, (221, 51, 2) by default, "target" the speed in parts of the free stream, (221, 51, 1).

    Attributes:
        wake_cells, airfoil_cells, radial_cells: of the mesh, see `spectrax.solvers.airfoil_mesh`.
        bound: of the displacements of the eight control nodes, in chords.
        angle: of the free stream against the chord, in degrees.

    Raises:
        ConfigError: when the free stream does not come from ahead.

    Source of the shapes and meshes: Li et al., "Fourier neural operator with learned deformations for PDEs on general
    geometries" (2022), 4.4.
    """

    wake_cells: int = 50
    airfoil_cells: int = 120
    radial_cells: int = 50
    bound: float = 0.05
    angle: float = 0.0

    name = "airfoil_potential_generated"
    option = "airfoil_potential"
    solver = "spectrax.solvers.potential_flow"
    precision = "float64"
    description = (
        "A surrogate of the transonic airfoil: incompressible potential flow, without shocks, on its exact meshes: "
        "mesh to speed."
    )
    units = "chords of the airfoil; speed in parts of the free stream"
    citation = "Z. Li et al., Fourier neural operator with learned deformations for PDEs on general geometries, 2022"
    places = True
    chunk = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if abs(self.angle) >= 90:
            raise ConfigError(f"dataset.source.angle={self.angle} should be between -90 and 90 degrees.")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        grid = (2 * self.wake_cells + self.airfoil_cells + 1, self.radial_cells + 1)
        return {
            "input": FieldSpec((*grid, 2), "float32", "x and y of the mesh's points"),
            "target": FieldSpec((*grid, 1), "float32", "speed of potential flow"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        from spectrax.solvers import airfoil_mesh, potential_flow

        numbers = self.indices(split, first, count)
        moved = np.stack([airfoil_mesh.airfoil_displacements(self.seed, i, self.bound) for i in numbers])
        cells = {name: getattr(self, name) for name in ("wake_cells", "airfoil_cells", "radial_cells")}
        meshes = airfoil_mesh.airfoil_mesh(moved, **cells)
        angle = np.deg2rad(self.angle)
        speeds = [potential_flow.speed_on_mesh(mesh, self.wake_cells, angle=angle) for mesh in meshes]
        return {"input": meshes, "target": np.stack(speeds)[..., None]}
