"""Meshes around random airfoils made here; the flow around them is published only."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class AirfoilMesh(Generated):
    """C-grids around deformed NACA-0012 airfoils: "input" is the mesh, (221, 51, 2) by default, "code" what deformed
    the airfoil, (8,). There is no "target": a transonic flow needs a solver that is not here.

    Attributes:
        wake_cells, airfoil_cells, radial_cells: of the mesh, see `spectrax.solvers.airfoil_mesh`.
        bound: of the displacements of the eight control nodes, in chords.

    Source: Li et al., "Fourier neural operator with learned deformations for PDEs on general geometries" (2022), 4.4.
    """

    wake_cells: int = 50
    airfoil_cells: int = 120
    radial_cells: int = 50
    bound: float = 0.05

    name = "airfoil_mesh_generated"
    option = "airfoil_mesh"
    solver = "spectrax.solvers.airfoil_mesh"
    precision = "float64"
    description = "C-grids around random airfoils; meshes alone, without the flow."
    units = "chords of the airfoil"
    citation = "Z. Li et al., Fourier neural operator with learned deformations for PDEs on general geometries, 2022"
    in_processes = False  # a mesh takes milliseconds
    places = True

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        shape = (2 * self.wake_cells + self.airfoil_cells + 1, self.radial_cells + 1, 2)
        return {
            "input": FieldSpec(shape, "float32", "x and y of the mesh's points"),
            "code": FieldSpec((8,), "float32", "vertical displacements of the control nodes"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        from spectrax.solvers import airfoil_mesh

        numbers: Sequence[int] = self.indices(split, first, count)
        moved = np.stack([airfoil_mesh.airfoil_displacements(self.seed, i, self.bound) for i in numbers])
        cells = {name: getattr(self, name) for name in ("wake_cells", "airfoil_cells", "radial_cells")}
        return {"input": airfoil_mesh.airfoil_mesh(moved, **cells), "code": moved}
