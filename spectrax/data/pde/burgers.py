"""Burgers' equation made here: a random wave, and what it has become some time later."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.periodic import Periodic


@dataclasses.dataclass(frozen=True, kw_only=True)
class Burgers(Periodic):
    """u_t + (u^2 / 2)_x = viscosity u_xx on a circle of length 1: "input" is u at time 0, (points, 1), "target" u at
    `frames_out` times, (points, frames_out).

    Attributes:
        viscosity: whose smallness makes fronts steep.
        frames_out, interval: how many times, the first of them `interval`, and the time between them.
        step: longest step of the scheme, in units of time.
        mean: whether waves have a mean of their own.

    Source: Li et al., "Fourier neural operator for parametric partial differential equations" (2021), A.3.1.
    """

    viscosity: float = 0.1
    frames_out: int = 1
    interval: float = 1.0
    step: float = 1e-3
    mean: bool = False

    name = "burgers_generated"
    option = "burgers"
    solver = "spectrax.solvers.burgers"
    description = "Burgers' equation on a circle: a random wave to what it becomes."
    units = "dimensionless: the circle has length 1"
    citation = "Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021"

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        last = self.frames_out * self.interval
        return {
            "input": FieldSpec((*self.grid, 1), "float32", "u at time 0"),
            "target": FieldSpec((*self.grid, self.frames_out), "float32", f"u at times {self.interval:g} to {last:g}"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        from spectrax.solvers import burgers

        indices = self.batch(split, first, count)
        initial = np.stack([burgers.burgers_initial(self.seed, i, self.solve_grid, mean=self.mean) for i in indices])
        frames = burgers.burgers(
            initial, viscosity=self.viscosity, frames=self.frames_out, interval=self.interval, time_step=self.step
        )
        target = np.moveaxis(frames, 1, -1)
        return {"input": self.kept(initial[:count, :, None]), "target": self.kept(target[:count])}
