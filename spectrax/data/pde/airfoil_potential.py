"""Potential flow around airfoils made here: C-grid to speed. It stands in for the transonic flow, which is published
only, and is another problem: without compressibility and shocks."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.airfoil_mesh import Airfoils


@dataclasses.dataclass(frozen=True, kw_only=True)
class AirfoilPotential(Airfoils):
    """Incompressible potential flow, see `spectrax.solvers.potential_flow`: "input" is the mesh of the transonic
    benchmark, (221, 51, 2) by default, "target" the speed in parts of the free stream, (221, 51, 1).

    Attributes:
        angle: of the free stream against the chord, in degrees.

    Raises:
        ConfigError: when the free stream does not come from ahead.
    """

    angle: float = 0.0

    name = "airfoil_potential_generated"
    option = "airfoil_potential"
    solver = "spectrax.solvers.potential_flow"
    description = (
        "A surrogate of the transonic airfoil: incompressible potential flow, without shocks, on its exact meshes: "
        "mesh to speed."
    )
    units = "chords of the airfoil; speed in parts of the free stream"
    chunk = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if abs(self.angle) >= 90:
            raise ConfigError(f"dataset.source.angle={self.angle} should be between -90 and 90 degrees.")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        return {
            "input": FieldSpec((*self.mesh_size, 2), "float32", "x and y of the mesh's points"),
            "target": FieldSpec((*self.mesh_size, 1), "float32", "speed of potential flow"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        from spectrax.solvers import potential_flow

        meshes, _ = self.meshes(split, first, count)
        angle = np.deg2rad(self.angle)
        speeds = [potential_flow.speed_on_mesh(mesh, self.wake_cells, angle=angle) for mesh in meshes]
        return {"input": meshes, "target": np.stack(speeds)[..., None]}
