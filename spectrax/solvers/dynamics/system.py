"""What a dynamical system is: initial states, a law that advances them, and trajectories of many of them at once."""

import abc
import dataclasses
import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.solvers.precision import computing_in


@dataclasses.dataclass(frozen=True, kw_only=True)
class System(abc.ABC):
    """Base of all systems: a frozen dataclass, whose attributes are the parameters of the law.

    A state is a vector of float64. Law and random numbers are functions of the state, of a key and of the number of
    the frame alone, so that a trajectory does not depend on those computed beside it.

    Attributes:
        name: lower_snake_case.
        description, units, citation: for the data card.
        continuous: what is between two frames lies between their states.
        libraries: distributions that compute.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    units: ClassVar[str] = "dimensionless"
    citation: ClassVar[str]
    continuous: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "jax")

    @property
    @abc.abstractmethod
    def coordinates(self) -> tuple[str, ...]:
        """Names of the numbers of a state."""

    @property
    def stochastic(self) -> bool:
        """The law draws random numbers."""
        return False

    @property
    def unitary(self) -> bool:
        """The law is invertible and preserves the measure that its data sample: the Koopman operator on the functions
        that are square integrable is unitary."""
        return False

    @abc.abstractmethod
    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """A random initial state (dimension,)."""

    @abc.abstractmethod
    def advance(self, state: Any, key: jax.Array, dt: float) -> Any:
        """The state (dimension,), as `internal` gives it, one frame of `dt` units of time later; traced in float64."""

    def internal(self, state: jax.Array) -> Any:
        """What is advanced in place of a state (dimension,): the state itself, unless its numbers are exact ones."""
        return state

    def shown(self, internal: Any) -> jax.Array:
        """The inverse of `internal`."""
        return internal

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Nodes (points, dimension) and weights (points,) of the quadrature rule of this system's space.

        Args:
            grid: how many nodes along each axis.

        Raises:
            ConfigError: when there is no such rule.
        """
        raise ConfigError(f"{self.name} has no quadrature rule of initial states: leave dataset.source.grid null.")

    def check(self, dt: float) -> None:
        """Raise `ConfigError` when frames cannot be `dt` apart."""
        if not dt > 0:
            raise ConfigError(f"dataset.dt={dt:g}: frames of {self.name} lie a positive time apart.")

    def trajectories(
        self, initial: ArrayLike, *, length: int, dt: float, skipped: int = 0, seeds: ArrayLike | None = None
    ) -> np.ndarray:
        """Trajectories from initial states, all at once.

        Args:
            initial: (trajectories, dimension).
            length: frames of each; the first is the initial state where none is skipped.
            dt: units of time between frames.
            skipped: frames that are computed and left out before the first one.
            seeds: uint32 (trajectories, 2), of what is random; may be left out where nothing is.

        Returns:
            float64 (trajectories, length, dimension), computed on the CPU.

        Raises:
            ConfigError: when an argument is out of range or a state does not stay finite.
        """
        initial = np.asarray(initial, np.float64)
        self._check(initial, length, dt, skipped, seeds)
        seeds = np.zeros((len(initial), 2), np.uint32) if seeds is None else np.asarray(seeds, np.uint32)
        with computing_in("float64"):
            result = np.asarray(_trajectories(self, initial, seeds, length, dt, skipped))
        if not np.isfinite(result).all():
            raise ConfigError(
                f"A state of {self.name} did not stay finite: take smaller steps or other initial states."
            )
        return result

    def _check(self, initial: np.ndarray, length: int, dt: float, skipped: int, seeds: ArrayLike | None) -> None:
        self.check(dt)
        if initial.ndim != 2 or initial.shape[1] != len(self.coordinates):
            raise ConfigError(
                f"Initial states of {self.name} have shape (trajectories, {len(self.coordinates)}), "
                f"not {initial.shape}."
            )
        if length < 1 or skipped < 0:
            raise ConfigError(f"A trajectory has at least one frame, and skips none or more: {length=}, {skipped=}.")
        if self.stochastic and seeds is None:
            raise ConfigError(f"{self.name} draws random numbers: give `seeds`, two for each trajectory.")


@functools.partial(jax.jit, static_argnums=(0, 3, 4, 5))
def _trajectories(
    system: System, initial: jax.Array, seeds: jax.Array, length: int, dt: float, skipped: int
) -> jax.Array:
    def one(state: jax.Array, seed: jax.Array) -> jax.Array:
        key = jax.random.wrap_key_data(seed, impl="threefry2x32")
        move = lambda number, state: system.advance(state, jax.random.fold_in(key, number), dt)  # noqa: E731
        frame = lambda state, number: (move(number, state), system.shown(state))  # noqa: E731
        state = jax.lax.fori_loop(0, skipped, move, system.internal(state))
        last, before = jax.lax.scan(frame, state, jnp.arange(skipped, skipped + length - 1))
        return jnp.concatenate([before, system.shown(last)[None]])

    return jax.vmap(one)(initial, seeds)
