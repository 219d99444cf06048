"""Systems in steps."""

import abc
import dataclasses
from typing import Any

import jax

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.system import System


@dataclasses.dataclass(frozen=True, kw_only=True)
class Map(System):
    """Base of maps: frames are one step apart."""

    def check(self, dt: float) -> None:
        """Raise `ConfigError` for any other dt than 1."""
        if dt != 1:
            raise ConfigError(
                f"dataset.dt={dt:g}: {self.name} is a map, whose frames are one step apart. Set dataset.dt=1."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DisturbedMap(Map):
    """Base of deterministic maps, to which noise can be added: x' = image(x) + process_noise xi, brought back into the
    space of states; xi is standard normal, independent for each coordinate and step.

    Attributes:
        process_noise: in the units of the state.
    """

    process_noise: float = 0.0

    def __post_init__(self) -> None:
        if not self.process_noise >= 0:
            raise ConfigError(f"dataset.process_noise={self.process_noise:g} of {self.name} must be 0 or more.")

    @property
    def stochastic(self) -> bool:
        """With noise."""
        return self.process_noise > 0

    @abc.abstractmethod
    def image(self, state: Any) -> Any:
        """A step later without noise, of a state as `internal` gives it; traced."""

    def disturbed(self, state: Any, noise: jax.Array) -> Any:
        """`noise` (dimension,) added to a state as `internal` gives it, inside the space of states; traced."""
        return state + noise

    def advance(self, state: Any, key: jax.Array, dt: float) -> Any:
        """A step later."""
        moved = self.image(state)
        if not self.stochastic:
            return moved
        return self.disturbed(moved, self.process_noise * jax.random.normal(key, (len(self.coordinates),)))
