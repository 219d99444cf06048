"""Systems that a differential equation moves, in fixed substeps: exact ones, or those of a method."""

import abc
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax

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
    """Base of systems d state = rate(state) dt + amplitude dW, whose noise is the same for each coordinate.

    With noise, half a step is followed by the increment amplitude dW and by the other half: Strang's splitting, of weak
    order 2.

    Attributes:
        substep: longest step; a frame is divided into equal ones.
    """

    substep: float

    continuous = True

    def __post_init__(self) -> None:
        if not self.substep > 0 or not self.amplitude >= 0:
            raise ConfigError(
                f"dataset.source.system: substep={self.substep:g} of {self.name} must be positive, and its noise "
                f"{self.amplitude:g} not negative."
            )

    @abc.abstractmethod
    def flow(self, state: Any, step: float) -> Any:
        """A state, as `internal` gives it, a step later without noise; traced."""

    @property
    @abc.abstractmethod
    def amplitude(self) -> float:
        """Of the noise."""

    @property
    def stochastic(self) -> bool:
        """With noise."""
        return self.amplitude > 0

    def normal(self, key: jax.Array, state: Any) -> Any:
        """Standard normal noise, to be added to a state as `internal` gives it; traced."""
        return jax.random.normal(key, state.shape, state.dtype)

    def noisy_step(self, state: Any, key: jax.Array, step: float) -> Any:
        """A state a step later, with noise; traced."""
        increment = self.normal(key, state)
        return self.flow(self.flow(state, step / 2) + self.amplitude * math.sqrt(step) * increment, step / 2)

    def advance(self, state: Any, key: jax.Array, dt: float) -> Any:
        """A frame later."""
        count = max(1, math.ceil(dt / self.substep * (1 - 1e-12)))
        step = dt / count

        def noisy(number: jax.Array, state: Any) -> Any:
            return self.noisy_step(state, jax.random.fold_in(key, number), step)

        def quiet(_: jax.Array, state: Any) -> Any:
            return self.flow(state, step)

        return jax.lax.fori_loop(0, count, noisy if self.stochastic else quiet, state)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RungeKutta(Flow):
    """Base of flows whose equation is given, and solved by the classical method of order 4."""

    @abc.abstractmethod
    def rate(self, state: jax.Array) -> jax.Array:
        """The derivative (dimension,) of a state (dimension,) with respect to time; traced."""

    def flow(self, state: jax.Array, step: float) -> jax.Array:
        """A step of the method."""
        return runge_kutta(self.rate, state, step)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disturbed(Flow):
    """Base of deterministic flows, to which noise can be added.

    Attributes:
        process_noise: s of d state = rate dt + s dW.
    """

    process_noise: float = 0.0

    @property
    def amplitude(self) -> float:
        """The process noise."""
        return self.process_noise
