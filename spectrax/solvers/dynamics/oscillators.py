"""Oscillators in the plane: pendulum, Duffing's and Van der Pol's."""

import abc
import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import ellipk

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.boxes import Box, checked, midpoints, uniform
from spectrax.solvers.dynamics.flows import Disturbed, RungeKutta
from spectrax.solvers.dynamics.linear import products


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conservative(Disturbed, RungeKutta):
    """Base of oscillators that conserve an energy, and the measure of their plane, unless they are disturbed or damped.

    Attributes:
        box: of initial states, [from, to] of each coordinate.
        most_energy: initial states, and nodes of the quadrature rule, of more are left out: what is left, where the box
            holds all of it, is invariant. None: none are, and the motion leads in and out of the box.
    """

    box: Box
    most_energy: float | None = None

    least_energy: ClassVar[float]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "box", checked(self.name, self.box, 2))
        if self.most_energy is not None and self.most_energy <= self.least_energy:
            raise ConfigError(
                f"dataset.source.system.most_energy={self.most_energy:g} of {self.name} must be above "
                f"{self.least_energy:g}, that of rest."
            )

    @staticmethod
    @abc.abstractmethod
    def energy(state: np.ndarray) -> np.ndarray:
        """Of states (..., 2): (...)."""

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform in the box, as far as its energy is not too high."""
        while True:
            state = uniform(self.box, rng)
            if self._is_low(state):
                return state

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Middles of the cells of the box whose energy is not too high, with their areas."""
        nodes, weights = midpoints(self.box, grid)
        low = self._is_low(nodes)
        return nodes[low], weights[low]

    def _is_low(self, states: np.ndarray) -> np.ndarray:
        energy = self.energy(states)
        return energy <= (np.inf if self.most_energy is None else self.most_energy)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pendulum(Conservative):
    """q' = p, p' = -sin q: the mathematical pendulum, of frequency 1 at small amplitudes.

    It conserves the energy p^2 / 2 - cos q and the measure dq dp. Each energy has a frequency of its own, so that 1 is
    the only eigenvalue of the Koopman operator; the rest of its spectrum is continuous and fills the circle.

    Attributes:
        box: of initial states, [[q from, to], [p from, to]]. The angle is not brought back to one turn.
        most_energy: 1 is that of the pendulum that just turns over.
    """

    box: Box = ((-math.pi, math.pi), (-5.0, 5.0))
    substep: float = 0.02

    name = "pendulum"
    description = "The mathematical pendulum without friction: angle q and momentum p."
    units = "dimensionless: time in units of the period of small swings over 2 pi, the angle in radians"
    citation = (
        "B. Lusch, J. N. Kutz and S. L. Brunton, Deep learning for universal linear embeddings of nonlinear dynamics, "
        "Nature Communications, 2018"
    )
    least_energy = -1.0

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Angle and momentum."""
        return ("q", "p")

    @property
    def unitary(self) -> bool:
        """Without noise."""
        return not self.stochastic

    def rate(self, state: jax.Array) -> jax.Array:
        """The derivative."""
        q, p = state
        return jnp.stack([p, -jnp.sin(q)])

    @staticmethod
    def energy(state: np.ndarray) -> np.ndarray:
        """p^2 / 2 - cos q of states (..., 2): (...)."""
        return state[..., 1] ** 2 / 2 - np.cos(state[..., 0])

    @staticmethod
    def frequency(amplitude: float) -> float:
        """Angular frequency of the swing up to the angle `amplitude`, in (0, pi): pi / (2 K(sin(amplitude / 2))), K
        being the complete elliptic integral of the first kind."""
        return math.pi / (2 * float(ellipk(math.sin(amplitude / 2) ** 2)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duffing(Conservative):
    """x' = v, v' = x - x^3 - damping v: two wells, in one of which a damped motion ends.

    Attributes:
        damping: 0 conserves the energy v^2 / 2 - x^2 / 2 + x^4 / 4 and the measure dx dv.
        box: of initial states, [[x from, to], [v from, to]].
        most_energy: 0 is that of the ridge between the wells; up to 1 lies all in the box from -2 to 2.
    """

    damping: float = 0.0
    box: Box = ((-2.0, 2.0), (-2.0, 2.0))
    substep: float = 0.01

    name = "duffing"
    description = "Duffing's oscillator in two wells."
    citation = "G. Duffing, Erzwungene Schwingungen bei veraenderlicher Eigenfrequenz, 1918"
    least_energy = -0.25

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Place and velocity."""
        return ("x", "v")

    @property
    def unitary(self) -> bool:
        """Without damping and noise, on the states below an energy: no box is invariant."""
        return self.damping == 0 and not self.stochastic and self.most_energy is not None

    def rate(self, state: jax.Array) -> jax.Array:
        """The derivative."""
        x, v = state
        return jnp.stack([v, x - x**3 - self.damping * v])

    @staticmethod
    def energy(state: np.ndarray) -> np.ndarray:
        """v^2 / 2 - x^2 / 2 + x^4 / 4 of states (..., 2): (...)."""
        return state[..., 1] ** 2 / 2 - state[..., 0] ** 2 / 2 + state[..., 0] ** 4 / 4

    def spectrum(self, dt: float, degree: int) -> np.ndarray:
        """In the basin of a sink, x = -1 or 1: all products up to `degree` of the exponentials of the eigenvalues
        (-damping +- sqrt(damping^2 - 8)) / 2 of the linear motion about it, 1 first. Raises `ConfigError` without
        damping, where there is no sink."""
        if self.damping <= 0:
            raise ConfigError("Duffing's oscillator has sinks, and eigenvalues of theirs, with damping alone.")
        root = np.emath.sqrt(self.damping**2 - 8)
        rates = np.array([-self.damping + root, -self.damping - root]) / 2
        return products(np.exp(rates * dt), degree)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VanDerPol(Disturbed, RungeKutta):
    """x' = v, v' = mu (1 - x^2) v - x: a limit cycle attracts everything but the rest at 0.

    Attributes:
        box: of initial states, [[x from, to], [v from, to]].
    """

    mu: float = 1.0
    box: Box = ((-3.0, 3.0), (-3.0, 3.0))
    substep: float = 0.01

    name = "van_der_pol"
    description = "Van der Pol's oscillator: relaxation to a limit cycle."
    citation = "B. van der Pol, On relaxation-oscillations, Philosophical Magazine, 1926"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "box", checked(self.name, self.box, 2))
        if self.mu <= 0:
            raise ConfigError(f"dataset.source.system.mu={self.mu:g} of van_der_pol must be positive.")

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Place and velocity."""
        return ("x", "v")

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform in the box."""
        return uniform(self.box, rng)

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Middles of the cells of the box, with their areas."""
        return midpoints(self.box, grid)

    def rate(self, state: jax.Array) -> jax.Array:
        """The derivative."""
        x, v = state
        return jnp.stack([v, self.mu * (1 - x**2) * v - x])

    def cycle(self) -> tuple[float, float]:
        """Angular frequency of the limit cycle without noise, and the rate at which what is beside it decays (the
        mean of the divergence over a period, with the sign changed), both to about 1e-9."""

        def rate(_: float, state: np.ndarray) -> list[float]:
            x, v = state[:2]
            return [v, self.mu * (1 - x**2) * v - x, self.mu * (1 - x**2)]

        def turns(_: float, state: np.ndarray) -> float:
            return state[1]

        turns.direction = -1  # where x is largest
        settling = (0.0, 60 + 60 / self.mu + 10 * self.mu)
        settled = solve_ivp(rate, settling, [2, 0, 0], "DOP853", events=turns, rtol=1e-11, atol=1e-12)
        (first, second), states = settled.t_events[0][-2:], settled.y_events[0][-2:]
        return 2 * math.pi / (second - first), -(states[1][2] - states[0][2]) / (second - first)

    def spectrum(self, dt: float, harmonics: int, decays: int) -> np.ndarray:
        """exp((i k frequency - m rate) dt), k = -harmonics ... harmonics fastest, m = 0 ... decays: complex."""
        frequency, rate = self.cycle()
        k, m = np.arange(-harmonics, harmonics + 1), np.arange(decays + 1)
        return np.exp((1j * k * frequency - m[:, None] * rate) * dt).ravel()
