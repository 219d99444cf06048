"""Lorenz's systems of 1963 and 1996: chaos in 3 and in many dimensions."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.flows import Disturbed, RungeKutta


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lorenz63(Disturbed, RungeKutta):
    """x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z.

    At the classical parameters the flow on the attractor is mixing: 1 is the only eigenvalue of the Koopman operator,
    the rest of its spectrum is continuous. The largest Lyapunov exponent is 0.9056. Initial states are normal about
    the middle of the attractor: skip some 50 units of time.

    Source: Lorenz, "Deterministic nonperiodic flow" (1963).
    """

    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3
    substep: float = 0.005

    name = "lorenz63"
    description = "Lorenz's three equations of convection, chaotic at the classical parameters."
    citation = "E. N. Lorenz, Deterministic nonperiodic flow, J. Atmos. Sci., 1963"

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Convection, difference of temperature, distortion of its profile."""
        return ("x", "y", "z")

    @property
    def unitary(self) -> bool:
        """On the attractor, without noise."""
        return not self.stochastic

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Normal about (0, 0, rho - 1)."""
        return np.array([0.0, 0.0, self.rho - 1]) + 5 * rng.standard_normal(3)

    def rate(self, state: jax.Array) -> jax.Array:
        """The derivative."""
        x, y, z = state
        return jnp.stack([self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lorenz96(Disturbed, RungeKutta):
    """x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + forcing, on a circle of `dimension` places.

    Attributes:
        dimension: at least 4.
        forcing: 8 is chaotic: with 40 places the largest Lyapunov exponent is about 1.68.

    Source: Lorenz, "Predictability: a problem partly solved" (1996).
    """

    dimension: int = 40
    forcing: float = 8.0
    substep: float = 0.01

    name = "lorenz96"
    description = "Lorenz's chaotic waves on a circle of latitude."
    citation = "E. N. Lorenz, Predictability: a problem partly solved, ECMWF Seminar on Predictability, 1996"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dimension < 4:
            raise ConfigError(f"dataset.source.system.dimension={self.dimension}: lorenz96 has at least 4 places.")

    @property
    def coordinates(self) -> tuple[str, ...]:
        """One for each place."""
        return tuple(f"x{place + 1}" for place in range(self.dimension))

    @property
    def unitary(self) -> bool:
        """On the attractor, without noise."""
        return not self.stochastic

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """The fixed point, disturbed at every place."""
        return self.forcing + rng.standard_normal(self.dimension)

    def rate(self, state: jax.Array) -> jax.Array:
        """The derivative."""
        return (jnp.roll(state, -1) - jnp.roll(state, 2)) * jnp.roll(state, 1) - state + self.forcing
