"""The Kuramoto-Sivashinsky equation as a dynamical system: its state is u at equally spaced places of a circle."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.flows import Disturbed
from spectrax.solvers.exponential_steppers import stepper

_WAVES = 4  # of initial states


@dataclasses.dataclass(frozen=True, kw_only=True)
class KuramotoSivashinsky(Disturbed):
    """u_t + u u_x + u_xx + viscosity u_xxxx = 0, periodic with period `length`; the mean of u is 0.

    Process noise s is the same for each place, du = ... + s dW, and independent from place to place, but for its mean
    over them, which is left out.

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
    libraries = ("numpy", "jax", "exponax")

    def __post_init__(self) -> None:
        if self.points < 2 * _WAVES + 2 or self.length <= 0 or self.viscosity <= 0:
            raise ConfigError(
                f"dataset.source.system: points={self.points} are at least {2 * _WAVES + 2}; length={self.length:g} "
                f"and viscosity={self.viscosity:g} positive."
            )
        super().__post_init__()

    @property
    def coordinates(self) -> tuple[str, ...]:
        """One for each place."""
        return tuple(f"u{place + 1}" for place in range(self.points))

    @property
    def unitary(self) -> bool:
        """On the attractor, without noise."""
        return not self.stochastic

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """A few long waves with normal amplitudes."""
        places = 2 * np.pi * np.arange(self.points) / self.points
        waves = np.exp(1j * places[:, None] * np.arange(1, _WAVES + 1))
        return (waves @ (rng.standard_normal(_WAVES) + 1j * rng.standard_normal(_WAVES))).real

    def internal(self, state: jax.Array) -> jax.Array:
        """Its Fourier coefficients, complex (1, points // 2 + 1)."""
        return jnp.fft.rfft(state)[None]

    def shown(self, internal: jax.Array) -> jax.Array:
        """Places again."""
        return jnp.fft.irfft(internal[0], self.points)

    def flow(self, state: jax.Array, step: float) -> jax.Array:
        """A step of the exponential method. Raises `ConfigError` where exponax is missing."""
        constants = (("fourth_order_scale", self.viscosity),)
        method = stepper("KuramotoSivashinskyConservative", self.points, self.length, step, constants)
        return method.step_fourier(state)

    def noisy_step(self, state: jax.Array, key: jax.Array, step: float) -> jax.Array:
        """A step with noise: what an increment in its middle leaves of waves that fade within the step is made up for
        at its end, so that each wave has the variance of the linear equation, whatever the step."""
        middle, end = jax.random.split(key)
        waves = 2 * np.pi / self.length * np.arange(self.points // 2 + 1)
        growth = step * (waves**2 - self.viscosity * waves**4)
        whole = step * np.where(growth, np.expm1(2 * growth) / np.where(growth, 2 * growth, 1), 1)
        missing = np.sqrt(np.maximum(whole - step * np.exp(growth), 0))
        return super().noisy_step(state, middle, step) + self.amplitude * missing * self.normal(end, state)

    def normal(self, key: jax.Array, state: jax.Array) -> jax.Array:
        """Independent at each place, without a mean."""
        return self.internal(jax.random.normal(key, (self.points,))).at[:, 0].set(0)
