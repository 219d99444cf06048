"""Flow through curved pipes made here: mesh to horizontal velocity."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pipe(Generated):
    """Steady flow: "input" is the mesh, (along, across, 2), "target" the horizontal velocity, (along, across, 1).

    Attributes:
        grid: [along, across].
        viscosity: kinematic; the Reynolds number is inlet_velocity / viscosity.
        inlet_velocity: the largest of the parabola at the inlet.
        bound: of the nine numbers that bend the pipe.

    Raises:
        ConfigError: when the grid is no plane one.

    Source: as the pipe of Li et al., "Fourier neural operator with learned deformations for PDEs on general geometries"
    (2022), 4.4, as far as it is on record, see `spectrax.solvers.pipe`.
    """

    grid: Sequence[int]
    viscosity: float = 0.005
    inlet_velocity: float = 1.0
    bound: float = 1.0

    name = "pipe_generated"
    option = "pipe"
    solver = "spectrax.solvers.pipe"
    precision = "float64"
    libraries = ("numpy", "scipy", "scikit-fem")
    description = (
        "Steady laminar flow through curved pipes: mesh to horizontal velocity. The shapes' prior is approximate."
    )
    units = "widths of the pipe; velocity in units of the inlet's largest"
    citation = "Z. Li et al., Fourier neural operator with learned deformations for PDEs on general geometries, 2022"
    places = True
    chunk = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.grid) != 2:
            raise ConfigError(f"dataset.source.grid={list(self.grid)} should be two sizes, as [129,129].")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        return {
            "input": FieldSpec((*self.grid, 2), "float32", "x and y of the mesh's points"),
            "target": FieldSpec((*self.grid, 1), "float32", "horizontal velocity"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        from spectrax.solvers import pipe, pipe_mesh

        flows = [
            pipe.solve_pipe(
                pipe_mesh.pipe_shape(self.seed, index, self.bound),
                size=(self.grid[0], self.grid[1]),
                viscosity=self.viscosity,
                inlet_velocity=self.inlet_velocity,
            )
            for index in self.indices(split, first, count)
        ]
        return {
            "input": np.stack([flow.points for flow in flows]),
            "target": np.stack([flow.velocity[..., :1] for flow in flows]),
        }
