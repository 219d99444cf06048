"""Oscillators in the plane: pendulum, Duffing's and Van der Pol's."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ellipk

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.boxes import Box, checked, midpoints, uniform
from spectrax.solvers.dynamics.flows import Flow


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pendulum(Flow):
    """q' = p, p' = -sin q: the mathematical pendulum, of frequency 1 at small amplitudes.

    It conserves the energy p^2 / 2 - cos q and the measure dq dp. Each energy has a frequency of its own, so that 1 is
    the only eigenvalue of the Koopman operator; the rest of its spectrum is continuous and fills the circle.

    Attributes:
        box: of initial states, [[q from, to], [p from, to]]. The angle is not brought back to one turn.
        most_energy: initial states of more are drawn anew; 1 is that of the pendulum that just turns over. None: all.
    """

    box: Box = ((-math.pi, math.pi), (-5.0, 5.0))
    most_energy: float | None = None
    substep: float = 0.02

    name = "pendulum"
    description = "The mathematical pendulum without friction: angle q and momentum p."
    units = "dimensionless: time in units of the period of small swings over 2 pi, the angle in radians"
    citation = (
        "B. Lusch, J. N. Kutz and S. L. Brunton, Deep learning for universal linear embeddings of nonlinear dynamics, "
        "Nature Communications, 2018"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "box", checked(self.name, self.box, 2))
        if self.most_energy is not None and self.most_energy <= -1:
            raise ConfigError(f"dataset.source.system.most_energy={self.most_energy:g} must be above -1, that of rest.")

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Angle and momentum."""
        return ("q", "p")

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform in the box, as far as its energy is not too high."""
        while True:
            state = uniform(self.box, rng)
            if self.most_energy is None or self.energy(state) <= self.most_energy:
                return state

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Middles of the cells of the box, with their areas; whatever their energies."""
        return midpoints(self.box, grid)

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
