"""Flow in two dimensions made here: the vorticity of some times, and of the times after them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.field_source import thinned
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class NavierStokes(Generated):
    """Vorticity on the unit torus: "input" (size, size, frames_in) and "target" (size, size, frames_out) are what
    follows each other in time.

    Attributes:
        grid: [size, size] of what is kept.
        solve_grid: size of the grid on which the flow is computed, a multiple of the other.
        viscosity: nu.
        step: of the scheme, in units of time.
        first_time: of the first frame; the random vorticity from which the flow starts has the time 0.
        interval: of time between frames.
        frames_in, frames_out: how many.
        amplitude: of the forcing, amplitude (sin 2 pi (x + y) + cos 2 pi (x + y)).
        tau, alpha, sigma: of the first vorticity, whose covariance is sigma^2 (-Laplacian + tau^2)^(-alpha); sigma
            None: tau^(alpha - 1), as in the released generator.
        precision: in which the flow is computed.

    Raises:
        ConfigError: when grids do not fit each other, or a number makes no sense.

    Source: Li et al., "Fourier neural operator for parametric partial differential equations" (2021), A.3.3.
    """

    grid: Sequence[int]
    solve_grid: int
    viscosity: float
    step: float
    first_time: float = 1.0
    interval: float = 1.0
    frames_in: int = 10
    frames_out: int = 10
    amplitude: float = 0.1
    tau: float = 7.0
    alpha: float = 2.5
    sigma: float | None = None
    precision: Literal["float32", "float64"] = "float32"

    name = "navier_stokes_generated"
    option = "navier_stokes"
    solver = "spectrax.solvers.navier_stokes"
    libraries = ("numpy", "scipy", "jax")
    description = "Forced flow on a torus: vorticity of some times to that of the times after them."
    units = "dimensionless: the torus has side 1; vorticity is per unit of time"
    citation = "Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021"
    in_processes = False  # JAX computes a batch with all processors
    chunk = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.grid) != 2 or self.grid[0] != self.grid[1] or self.grid[0] < 1 or self.solve_grid % self.grid[0]:
            raise ConfigError(
                f"dataset.source.grid={list(self.grid)} should be a square, and its side divide dataset.source."
                f"solve_grid={self.solve_grid}, as [64,64] and 64, 128 or 256."
            )
        if min(self.frames_in, self.frames_out) < 1 or self.interval <= 0 or self.first_time < 0:
            raise ConfigError("dataset.source: a flow has frames before and after, at rising times from 0 on.")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        times = [self._time(frame) for frame in (0, self.frames_in - 1, self.frames_in, self._frames - 1)]
        meaning = "vorticity at times {:g} to {:g}"
        return {
            "input": FieldSpec((*self.grid, self.frames_in), "float32", meaning.format(*times[:2])),
            "target": FieldSpec((*self.grid, self.frames_out), "float32", meaning.format(*times[2:])),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split; always a whole batch is computed, so that there is one program."""
        from spectrax.solvers import navier_stokes, random_fields

        shape = (self.solve_grid, self.solve_grid)
        indices = self.indices(split, first, max(count, self.chunk))
        noise = np.stack([random_fields.complex_noise(self.seed, i, shape) for i in indices])
        vorticity = navier_stokes.solve(
            random_fields.periodic_field(noise, tau=self.tau, alpha=self.alpha, sigma=self.sigma),
            viscosity=self.viscosity,
            times=[self._time(frame) for frame in range(self._frames)],
            step=self.step,
            forcing=navier_stokes.sinusoidal_forcing(self.solve_grid, self.amplitude),
            dtype=self.precision,
        )
        kept = thinned(vorticity[:count], (self.solve_grid // self.grid[0],) * 2, 1)
        return {"input": kept[..., : self.frames_in], "target": kept[..., self.frames_in :]}

    @property
    def _frames(self) -> int:
        return self.frames_in + self.frames_out

    def _time(self, frame: int) -> float:
        return self.first_time + frame * self.interval
