"""Burgers' equation made here: a random wave, and what it has become some time later."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.field_source import thinned
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Burgers(Generated):
    """u_t + (u^2 / 2)_x = viscosity u_xx on a circle of length 1: "input" is u at time 0, (points, 1), "target" u at
    `frames_out` times, (points, frames_out).

    Attributes:
        grid: [points] that are kept.
        solve_grid: points on which the wave is computed, a multiple of the others.
        viscosity: whose smallness makes fronts steep.
        frames_out, interval: how many times, the first of them `interval`, and the time between them.
        step: longest step of the scheme, in units of time.
        mean: whether waves have a mean of their own.

    Raises:
        ConfigError: when the grids do not fit each other.

    Source: Li et al., "Fourier neural operator for parametric partial differential equations" (2021), A.3.1.
    """

    grid: Sequence[int]
    solve_grid: int
    viscosity: float = 0.1
    frames_out: int = 1
    interval: float = 1.0
    step: float = 1e-3
    mean: bool = False

    name = "burgers_generated"
    option = "burgers"
    solver = "spectrax.solvers.burgers"
    precision = "float64"
    libraries = ("numpy", "jax", "exponax")
    description = "Burgers' equation on a circle: a random wave to what it becomes."
    units = "dimensionless: the circle has length 1"
    citation = "Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021"
    in_processes = False  # JAX computes a batch with all processors
    chunk = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.grid) != 1 or self.solve_grid % self.grid[0]:
            raise ConfigError(
                f"dataset.source.grid={list(self.grid)} should be one size that divides dataset.source.solve_grid="
                f"{self.solve_grid}, as [1024] and 2048."
            )

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        last = self.frames_out * self.interval
        return {
            "input": FieldSpec((*self.grid, 1), "float32", "u at time 0"),
            "target": FieldSpec((*self.grid, self.frames_out), "float32", f"u at times {self.interval:g} to {last:g}"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split; always a whole batch is computed, so that there is one program."""
        from spectrax.solvers import burgers

        indices = self.indices(split, first, max(count, self.chunk))
        initial = np.stack([burgers.burgers_initial(self.seed, i, self.solve_grid, mean=self.mean) for i in indices])
        frames = burgers.burgers(
            initial, viscosity=self.viscosity, frames=self.frames_out, interval=self.interval, time_step=self.step
        )
        stride = (self.solve_grid // self.grid[0],)
        target = np.moveaxis(frames, 1, -1)
        return {"input": thinned(initial[:count, :, None], stride, 1), "target": thinned(target[:count], stride, 1)}
