"""Observables of a state and of those that follow it."""

import dataclasses
import functools
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.estimators.dictionaries.dictionary import check_dimension, fit_dictionary
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.whole_numbers import check_whole


@dataclasses.dataclass(frozen=True, eq=False)
class Delays:
    """Observables g, K g, ... K^(delays-1) g: g of each of the states that `snapshots.delayed` put in a row.

    Attributes:
        delays: states in a row.
        observables: a dictionary of one state, of which a function named "1" is left out; None: the coordinates.
        constant: whether 1 is added, once and first.
    """

    delays: int
    observables: Any = None
    constant: bool = True

    def __post_init__(self) -> None:
        check_whole("delays", self.delays)
        if self.observables is None:
            object.__setattr__(self, "observables", Monomials(degree=1, constant=False))

    @property
    def size(self) -> int:
        return self.delays * len(self._varying) + self.constant

    def names(self) -> tuple[str, ...]:
        names = self.observables.names()
        blocks = [f"{names[place]} at +{delay}" for delay in range(self.delays) for place in self._varying]
        return ("1",) * self.constant + tuple(blocks)

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        self._check(x)
        single = x[:, : x.shape[1] // self.delays]
        observables = fit_dictionary(self.observables, single, seed)
        return self if observables is self.observables else dataclasses.replace(self, observables=observables)

    def __call__(self, x: jax.Array) -> jax.Array:
        self._check(x)
        each = self.observables(x.reshape(len(x) * self.delays, -1))
        values = each[:, np.array(self._varying)].reshape(len(x), -1)
        return jnp.concatenate([jnp.ones((len(x), 1), values.dtype), values], axis=1) if self.constant else values

    @functools.cached_property
    def _varying(self) -> list[int]:
        return [place for place, name in enumerate(self.observables.names()) if name != "1"]

    def _check(self, x: Any) -> None:
        if x.ndim != 2 or x.shape[1] % self.delays:
            check_dimension(
                x, self.delays * max(1, x.shape[-1] // self.delays), f"A dictionary of {self.delays} delays"
            )
