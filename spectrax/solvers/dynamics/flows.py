"""Systems that a differential equation moves, in fixed substeps of the classical Runge-Kutta method."""

import abc
import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.system import System


def runge_kutta(rate: Callable[[jax.Array], jax.Array], state: jax.Array, step: float) -> jax.Array:
    """One step of the classical method of order 4 for state' = rate(state)."""
    first = rate(state)
    second = rate(state + step / 2 * first)
    third = rate(state + step / 2 * second)
    fourth = rate(state + step * third)
    return state + step / 6 * (first + 2 * second + 2 * third + fourth)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flow(System):
    """Base of systems state' = rate(state), with additive noise where it is asked for.

    Attributes:
        substep: longest step of the method; a frame is divided into equal ones.
        process_noise: s of d state = rate dt + s dW, the same for each coordinate. A step of the method is followed by
            the increment s dW, of weak order 1.
    """

    substep: float
    process_noise: float = 0.0

    continuous = True

    def __post_init__(self) -> None:
        if not self.substep > 0 or self.process_noise < 0:
            raise ConfigError(
                f"{self.name}: substep={self.substep:g} must be positive and process_noise={self.process_noise:g} not "
                "negative."
            )

    @abc.abstractmethod
    def rate(self, state: jax.Array) -> jax.Array:
        """The derivative (dimension,) of a state (dimension,) with respect to time; traced."""

    @property
    def stochastic(self) -> bool:
        """With process noise."""
        return self.process_noise > 0

    def advance(self, state: jax.Array, key: jax.Array, dt: float) -> jax.Array:
        """A frame later."""
        count = max(1, math.ceil(dt / self.substep * (1 - 1e-12)))
        step = dt / count

        def substep(number: jax.Array, state: jax.Array) -> jax.Array:
            state = runge_kutta(self.rate, state, step)
            if not self.stochastic:
                return state
            noise = jax.random.normal(jax.random.fold_in(key, number), state.shape, state.dtype)
            return state + self.process_noise * math.sqrt(step) * noise

        return jax.lax.fori_loop(jnp.int32(0), jnp.int32(count), substep, state)
