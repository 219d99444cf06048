"""The Kuramoto-Sivashinsky equation as a dynamical system: its state is u at equally spaced places of a circle."""

import dataclasses

import jax
import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.system import System
from spectrax.solvers.kuramoto_sivashinsky import kuramoto_sivashinsky

_WAVES = 4  # of initial states


@dataclasses.dataclass(frozen=True, kw_only=True)
class KuramotoSivashinsky(System):
    """u_t + u u_x + u_xx + viscosity u_xxxx = 0, periodic with period `length`; the mean of u is 0.

    Attributes:
        points: at which u is kept and computed.
        length: of the circle; 22 is just chaotic (the largest Lyapunov exponent is about 0.05), 64 has many more
            unstable directions.
        substep: longest step of the exponential Runge-Kutta method of order 4.
    """

    points: int = 64
    length: float = 22.0
    viscosity: float = 1.0
    substep: float = 0.05

    name = "kuramoto_sivashinsky_dynamics"
    description = "The Kuramoto-Sivashinsky equation on a circle: chaos in space and time."
    units = "dimensionless: u_t + u u_x + u_xx + viscosity u_xxxx = 0"
    citation = "A.-K. Kassam and L. N. Trefethen, Fourth-order time-stepping for stiff PDEs, SIAM J. Sci. Comput., 2005"
    continuous = True
    libraries = ("numpy", "jax", "exponax")

    def __post_init__(self) -> None:
        if self.points < 2 * _WAVES + 2 or self.length <= 0 or self.viscosity <= 0 or self.substep <= 0:
            raise ConfigError(
                f"dataset.source.system: points={self.points} are at least {2 * _WAVES + 2}; length={self.length:g}, "
                f"viscosity={self.viscosity:g} and substep={self.substep:g} positive."
            )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """One for each place."""
        return tuple(f"u{place + 1}" for place in range(self.points))

    @property
    def unitary(self) -> bool:
        """On the attractor."""
        return True

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """A few long waves with normal amplitudes."""
        places = 2 * np.pi * np.arange(self.points) / self.points
        waves = np.exp(1j * places[:, None] * np.arange(1, _WAVES + 1))
        return (waves @ (rng.standard_normal(_WAVES) + 1j * rng.standard_normal(_WAVES))).real

    def advance(self, state: jax.Array, key: jax.Array, dt: float) -> jax.Array:
        """Not to be called: a trajectory is computed as a whole."""
        raise NotImplementedError("The stepper of this equation makes whole trajectories: call `trajectories`.")

    def trajectories(
        self, initial: ArrayLike, *, length: int, dt: float, skipped: int = 0, seeds: ArrayLike | None = None
    ) -> np.ndarray:
        """As of every system; also raises ConfigError where exponax is missing."""
        initial = np.asarray(initial, np.float64)
        self._check(initial, length, dt, skipped, seeds)
        count = skipped + length - 1
        if count == 0:
            return initial[:, None]
        frames = kuramoto_sivashinsky(
            initial, viscosity=self.viscosity, length=self.length, frames=count, interval=dt, time_step=self.substep
        )
        return np.concatenate([initial[:, None], frames], 1)[:, skipped:]
