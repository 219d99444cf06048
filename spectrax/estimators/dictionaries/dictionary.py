"""What a dictionary is."""

import dataclasses
from typing import Any, Protocol, Self, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError


class Dictionary(Protocol):
    """Functions psi_1 ... psi_N of a state; frozen, and traceable when called.

    Attributes:
        size: N. Raises `ConfigError` as long as the dictionary has to see data first.
    """

    @property
    def size(self) -> int: ...

    def names(self) -> tuple[str, ...]:
        """A name for each function, such as "x0^2 x1"."""

    def __call__(self, x: jax.Array) -> jax.Array:
        """The functions (rows, N) of states (rows, dimension), in the precision of the states."""


@runtime_checkable
class LooksAtData(Protocol):
    """A dictionary that takes something from snapshots: its dimension, centres, a scale."""

    def fitted(self, x: np.ndarray, seed: int) -> Dictionary:
        """The dictionary for states like these (rows, dimension); the same one for the same seed, and itself where
        nothing is to be found, so that what was compiled for it still serves."""


def fit_dictionary(dictionary: Any, x: np.ndarray, seed: int) -> Dictionary:
    """The dictionary made ready for states like `x` (rows, dimension). Raises `ConfigError` where it is none, or does
    not fit them."""
    if isinstance(dictionary, type) or not callable(dictionary):
        raise ConfigError(f"dictionary={dictionary!r} is no dictionary. Give one, such as Monomials(degree=3).")
    return dictionary.fitted(x, seed) if isinstance(dictionary, LooksAtData) else dictionary


def check_dimension(x: jax.Array, dimension: int, what: str) -> None:
    """Raises `ConfigError` when states (rows, dimension) are not what a dictionary was made for."""
    if x.ndim != 2 or x.shape[1] != dimension:
        raise ConfigError(
            f"{what} of {dimension} coordinates got states of shape {list(x.shape)}. Give (rows, {dimension})."
        )


def check_real(x: Any, what: str) -> None:
    """Raises `ConfigError` when states are complex, which a dictionary is not made for."""
    if jnp.iscomplexobj(x):
        raise ConfigError(
            f"{what} takes real states, and these are complex. Give real and imaginary parts as coordinates."
        )


def not_fitted(what: str) -> ConfigError:
    """The error of a dictionary that is used before it has seen data."""
    return ConfigError(f"{what} has seen no data yet. Call .fitted(x, seed), or let an estimator do it.")


@dataclasses.dataclass(frozen=True, eq=False)
class Stacked:
    """Several dictionaries side by side, such as the state, a constant and radial basis functions.

    Attributes:
        dictionaries: with no function in common, or Gram matrices are singular.
    """

    dictionaries: tuple[Any, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "dictionaries", tuple(self.dictionaries))

    @property
    def size(self) -> int:
        return sum(dictionary.size for dictionary in self.dictionaries)

    def names(self) -> tuple[str, ...]:
        return tuple(name for dictionary in self.dictionaries for name in dictionary.names())

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        fitted = tuple(fit_dictionary(dictionary, x, seed) for dictionary in self.dictionaries)
        same = all(new is old for new, old in zip(fitted, self.dictionaries, strict=True))
        return self if same else type(self)(fitted)

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.concatenate([dictionary(x) for dictionary in self.dictionaries], axis=1)
