"""Diffusions in a potential: Ornstein-Uhlenbeck, with exact transitions, and a double well."""

import dataclasses
import math

import jax
import numpy as np
from scipy.linalg import eigh_tridiagonal

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.flows import RungeKutta
from spectrax.solvers.dynamics.system import System


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrnsteinUhlenbeck(System):
    """dx = -theta x dt + sigma dW, in exact transitions: normal, reversible, with Hermite polynomials of x over the
    stationary deviation as eigenfunctions of the Koopman operator."""

    theta: float = 1.0
    sigma: float = math.sqrt(2)

    name = "ornstein_uhlenbeck"
    description = "The Ornstein-Uhlenbeck process."
    units = "dimensionless: time in units of 1 / theta where theta is 1"
    citation = "G. E. Uhlenbeck and L. S. Ornstein, On the theory of the Brownian motion, Physical Review, 1930"
    continuous = True

    def __post_init__(self) -> None:
        if min(self.theta, self.sigma) <= 0:
            raise ConfigError(
                f"dataset.source.system: theta={self.theta:g} and sigma={self.sigma:g} of ornstein_uhlenbeck are "
                "positive."
            )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The position."""
        return ("x",)

    @property
    def stochastic(self) -> bool:
        """Always."""
        return True

    @property
    def deviation(self) -> float:
        """Of the stationary distribution."""
        return self.sigma / math.sqrt(2 * self.theta)

    def spectrum(self, dt: float, count: int) -> np.ndarray:
        """exp(-k theta dt), k = 0 ... count - 1: (count,)."""
        return np.exp(-self.theta * dt * np.arange(count))

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Of the stationary distribution."""
        return self.deviation * rng.standard_normal(1)

    def advance(self, state: jax.Array, key: jax.Array, dt: float) -> jax.Array:
        """The exact transition."""
        kept = math.exp(-self.theta * dt)
        noise = jax.random.normal(key, state.shape, state.dtype)
        return kept * state + self.deviation * math.sqrt(-math.expm1(-2 * self.theta * dt)) * noise


@dataclasses.dataclass(frozen=True, kw_only=True)
class DoubleWell(RungeKutta):
    """dx = -V'(x) dt + sqrt(2 / beta) dW with V = (x^2 - 1)^2: two states that the diffusion seldom changes between.

    Attributes:
        beta: inverse temperature.
    """

    beta: float = 3.0
    substep: float = 0.005

    name = "double_well"
    description = "Overdamped motion in a double well: one slow process and many fast ones."
    citation = "H. A. Kramers, Brownian motion in a field of force and the diffusion model of chemical reactions, 1940"

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise ConfigError(f"dataset.source.system.beta={self.beta:g} of double_well must be positive.")
        super().__post_init__()

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The position."""
        return ("x",)

    @property
    def amplitude(self) -> float:
        """sqrt(2 / beta)."""
        return math.sqrt(2 / self.beta)

    @staticmethod
    def potential(x: np.ndarray) -> np.ndarray:
        """(x^2 - 1)^2."""
        return (x**2 - 1) ** 2

    def rate(self, state: jax.Array) -> jax.Array:
        """-V'."""
        return -4 * state * (state**2 - 1)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Of the stationary distribution, whose density is proportional to exp(-beta V)."""
        width = math.sqrt(1 + 6 / math.sqrt(self.beta))  # where beta V = 36
        while True:
            x = width * (2 * rng.random(1) - 1)
            if rng.random() < math.exp(-self.beta * self.potential(x)[0]):
                return x

    def generator_spectrum(self, count: int, cells: int = 8001, width: float = 2.5) -> np.ndarray:
        """The largest eigenvalues (count,), 0 first, of the generator of the Koopman operator, by finite volumes.

        The generator is self-adjoint under the stationary measure: its flux through the walls of `cells` cells of
        [-width, width] becomes a symmetric tridiagonal matrix. Its error is of second order in their size.
        """
        x = np.linspace(-width, width, cells)
        size = x[1] - x[0]
        between = self.potential((x[1:] + x[:-1]) / 2)
        potential = self.potential(x)
        scale = 1 / (self.beta * size**2)
        up, down = np.exp(-self.beta * (between - potential[:-1])), np.exp(-self.beta * (between - potential[1:]))
        diagonal = -scale * (np.append(up, 0) + np.append(0, down))
        beside = scale * np.exp(-self.beta * (between - (potential[1:] + potential[:-1]) / 2))
        found = eigh_tridiagonal(
            diagonal, beside, eigvals_only=True, select="i", select_range=(cells - count, cells - 1)
        )
        return found[::-1]

    def spectrum(self, dt: float, count: int) -> np.ndarray:
        """exp(lambda dt) of the generator's largest eigenvalues lambda: (count,)."""
        return np.exp(self.generator_spectrum(count) * dt)
