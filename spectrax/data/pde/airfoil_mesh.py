"""Meshes around random airfoils made here; the flow around them is published only."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Airfoils(Generated):
    """Base of sources on C-grids around deformed NACA-0012 airfoils.

    Attributes:
        wake_cells, airfoil_cells, radial_cells: of the mesh, see `spectrax.solvers.airfoil_mesh`.
        bound: of the displacements of the eight control nodes, in chords.

    Source: Li et al., "Fourier neural operator with learned deformations for PDEs on general geometries" (2022), 4.4.
    """

    wake_cells: int = 50
    airfoil_cells: int = 120
    radial_cells: int = 50
    bound: float = 0.05

    precision = "float64"
    citation = "Z. Li et al., Fourier neural operator with learned deformations for PDEs on general geometries, 2022"
    places = True

    @property
    def mesh_size(self) -> tuple[int, int]:
        """Points along the airfoil with its wakes, and away from it."""
        return 2 * self.wake_cells + self.airfoil_cells + 1, self.radial_cells + 1

    def meshes(self, split: str, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Of some examples, the meshes (count, *mesh_size, 2) and the displacements (count, 8) of the control nodes."""
        from spectrax.solvers import airfoil_mesh

        numbers = self.indices(split, first, count)
        moved = np.stack([airfoil_mesh.airfoil_displacements(self.seed, i, self.bound) for i in numbers])
        cells = {name: getattr(self, name) for name in ("wake_cells", "airfoil_cells", "radial_cells")}
        return airfoil_mesh.airfoil_mesh(moved, **cells), moved


@dataclasses.dataclass(frozen=True, kw_only=True)
class AirfoilMesh(Airfoils):
    """ "input" is the mesh, (221, 51, 2) by default, "code" what deformed the airfoil, (8,). There is no "target": a
    transonic flow needs a solver that is not here."""

    name = "airfoil_mesh_generated"
    option = "airfoil_mesh"
    solver = "spectrax.solvers.airfoil_mesh"
    description = "C-grids around random airfoils; meshes alone, without the flow."
    units = "chords of the airfoil"
    in_processes = False  # a mesh takes milliseconds

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        return {
            "input": FieldSpec((*self.mesh_size, 2), "float32", "x and y of the mesh's points"),
            "code": FieldSpec((8,), "float32", "vertical displacements of the control nodes"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        meshes, moved = self.meshes(split, first, count)
        return {"input": meshes, "code": moved}
