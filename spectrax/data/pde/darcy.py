"""Darcy flow made here: a random medium of two permeabilities, and the pressure in it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Darcy(Generated):
    """-div(a grad p) = 1 on the unit square, p = 0 on its boundary; "input" is a, "target" p, both (size, size, 1).

    Attributes:
        grid: [size, size].
        discretisation: what the grid's points are, see `spectrax.solvers.darcy`: "vertex_fd" vertices, "official"
            centres of cells as in the released generator. They differ by some per cent.
        upper, lower: the two values of a. The paper states 12 and 3, the released demonstration 4 below.
        tau, alpha: of the Gaussian field whose sign chooses between them.

    Raises:
        ConfigError: when the grid is not square, or a value not positive.

    Source: Li et al., "Fourier neural operator for parametric partial differential equations" (2021), A.3.2.
    """

    grid: Sequence[int]
    discretisation: Literal["vertex_fd", "official"] = "vertex_fd"
    upper: float = 12.0
    lower: float = 3.0
    tau: float = 3.0
    alpha: float = 2.0

    name = "darcy_generated"
    option = "darcy"
    solver = "spectrax.solvers.darcy"
    precision = "float64"
    description = "Steady flow through a random medium of two permeabilities: permeability to pressure."
    units = "dimensionless: the square has side 1, the source strength 1"
    citation = "Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.grid) != 2 or self.grid[0] != self.grid[1] or self.grid[0] < 4:
            raise ConfigError(f"dataset.source.grid={list(self.grid)} should be a square of at least 4, as [85,85].")
        if min(self.upper, self.lower, self.tau, self.alpha) <= 0:
            raise ConfigError("dataset.source: upper, lower, tau and alpha of a Darcy flow are positive.")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        shape = (*self.grid, 1)
        return {
            "input": FieldSpec(shape, "float32", f"permeability a, {self.upper:g} or {self.lower:g}"),
            "target": FieldSpec(shape, "float32", "pressure p"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        from spectrax.solvers import darcy, random_fields

        size = self.grid[0]
        noise = np.stack([random_fields.noise(self.seed, i, (size, size)) for i in self.indices(split, first, count)])
        field = random_fields.neumann_field(noise, tau=self.tau, alpha=self.alpha)
        permeability = darcy.coefficients(field, self.upper, self.lower)
        pressure = darcy.solve(permeability, discretisation=self.discretisation)
        return {"input": permeability[..., None], "target": pressure[..., None]}
