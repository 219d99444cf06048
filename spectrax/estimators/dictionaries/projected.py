"""Linear coordinates of a state: what the dynamic mode decomposition has for a dictionary."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from spectrax.estimators.dictionaries.dictionary import check_dimension


@dataclasses.dataclass(frozen=True, eq=False)
class Projected:
    """Coordinates of a state in an orthonormal basis.

    Attributes:
        basis: (dimension, N), orthonormal columns.
    """

    basis: Any

    @property
    def size(self) -> int:
        return self.basis.shape[1]

    def names(self) -> tuple[str, ...]:
        return tuple(f"coordinate {number}" for number in range(self.size))

    def __call__(self, x: jax.Array) -> jax.Array:
        check_dimension(x, self.basis.shape[0], "A projection")
        return x @ jnp.asarray(self.basis).conj()
