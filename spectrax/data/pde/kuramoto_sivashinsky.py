"""The Kuramoto-Sivashinsky equation made here: chaos in one dimension, some times and the times after them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.field_source import thinned
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class KuramotoSivashinsky(Generated):
    """u_t + u u_x + u_xx + viscosity u_xxxx = 0 on a circle: "input" (points, frames_in) and "target"
    (points, frames_out) are what follows each other in time.

    Attributes:
        grid: [points] that are kept.
        solve_grid: points on which u is computed, a multiple of the others.
        length: of the circle; above 22 sqrt(viscosity) it is chaotic.
        viscosity: of the fourth derivative.
        skipped: frames that are computed and left out before the first one, until u lies on the attractor.
        interval: of time between frames.
        frames_in, frames_out: how many.
        step: longest step of the scheme, in units of time.

    Raises:
        ConfigError: when the grids do not fit each other.
    """

    grid: Sequence[int]
    solve_grid: int
    length: float = 64.0
    viscosity: float = 1.0
    skipped: int = 50
    interval: float = 1.0
    frames_in: int = 1
    frames_out: int = 10
    step: float = 0.05

    name = "kuramoto_sivashinsky_generated"
    option = "kuramoto_sivashinsky"
    solver = "spectrax.solvers.kuramoto_sivashinsky"
    precision = "float64"
    libraries = ("numpy", "jax", "exponax")
    description = "The Kuramoto-Sivashinsky equation on a circle: u at some times to u at the times after them."
    units = "dimensionless: u_t + u u_x + u_xx + viscosity u_xxxx = 0"
    citation = "A.-K. Kassam and L. N. Trefethen, Fourth-order time-stepping for stiff PDEs, SIAM J. Sci. Comput., 2005"
    in_processes = False  # JAX computes a batch with all processors
    chunk = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.grid) != 1 or self.solve_grid % self.grid[0]:
            raise ConfigError(
                f"dataset.source.grid={list(self.grid)} should be one size that divides dataset.source.solve_grid="
                f"{self.solve_grid}, as [256] and 256."
            )
        if min(self.frames_in, self.frames_out) < 1 or self.skipped < 0:
            raise ConfigError("dataset.source: frames_in and frames_out are at least 1, skipped at least 0.")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        frames = "{} frames of u, {:g} apart"
        return {
            "input": FieldSpec((*self.grid, self.frames_in), "float32", frames.format(self.frames_in, self.interval)),
            "target": FieldSpec((*self.grid, self.frames_out), "float32", frames.format("the next", self.interval)),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split; always a whole batch is computed, so that there is one program."""
        from spectrax.solvers import kuramoto_sivashinsky as solver

        indices = self.indices(split, first, max(count, self.chunk))
        initial = [solver.kuramoto_sivashinsky_initial(self.seed, i, self.solve_grid) for i in indices]
        frames = solver.kuramoto_sivashinsky(
            np.stack(initial),
            viscosity=self.viscosity,
            length=self.length,
            frames=self.skipped + self.frames_in + self.frames_out,
            interval=self.interval,
            time_step=self.step,
        )
        kept = np.moveaxis(frames[:count, self.skipped :], 1, -1)
        kept = thinned(kept, (self.solve_grid // self.grid[0],), 1)
        return {"input": kept[..., : self.frames_in], "target": kept[..., self.frames_in :]}
