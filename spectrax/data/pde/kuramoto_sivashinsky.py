"""The Kuramoto-Sivashinsky equation made here: chaos in one dimension, some times and the times after them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.periodic import Periodic


@dataclasses.dataclass(frozen=True, kw_only=True)
class KuramotoSivashinsky(Periodic):
    """u_t + u u_x + u_xx + viscosity u_xxxx = 0 on a circle: "input" (points, frames_in) and "target"
    (points, frames_out) are what follows each other in time.

    Attributes:
        length: of the circle; above 22 sqrt(viscosity) it is chaotic.
        viscosity: of the fourth derivative.
        skipped: frames that are computed and left out before the first one, until u lies on the attractor.
        interval: of time between frames.
        frames_in, frames_out: how many.
        step: longest step of the scheme, in units of time.

    Raises:
        ConfigError: when a number of frames makes no sense.
    """

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
    description = "The Kuramoto-Sivashinsky equation on a circle: u at some times to u at the times after them."
    units = "dimensionless: u_t + u u_x + u_xx + viscosity u_xxxx = 0"
    citation = "A.-K. Kassam and L. N. Trefethen, Fourth-order time-stepping for stiff PDEs, SIAM J. Sci. Comput., 2005"

    def __post_init__(self) -> None:
        super().__post_init__()
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
        """Some examples of a split."""
        from spectrax.solvers import kuramoto_sivashinsky as solver

        indices = self.batch(split, first, count)
        initial = [solver.kuramoto_sivashinsky_initial(self.seed, i, self.solve_grid) for i in indices]
        frames = solver.kuramoto_sivashinsky(
            np.stack(initial),
            viscosity=self.viscosity,
            length=self.length,
            frames=self.skipped + self.frames_in + self.frames_out,
            interval=self.interval,
            time_step=self.step,
        )
        kept = self.kept(np.moveaxis(frames[:count, self.skipped :], 1, -1))
        return {"input": kept[..., : self.frames_in], "target": kept[..., self.frames_in :]}
