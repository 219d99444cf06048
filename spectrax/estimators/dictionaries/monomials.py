"""Products of powers of the coordinates."""

import dataclasses
import functools
from typing import ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.estimators.dictionaries.dictionary import not_fitted
from spectrax.estimators.dictionaries.products import Products, check_orders


@dataclasses.dataclass(frozen=True)
class Powers:
    """1, x, x^2 ..."""

    starts_at_one: ClassVar[bool] = True

    def numbers(self, order: int) -> tuple[int, ...]:
        return tuple(range(order + 1))

    def values(self, x: jax.Array, order: int) -> jax.Array:
        powers = [jnp.ones_like(x)]
        for _ in range(order):
            powers.append(powers[-1] * x)
        return jnp.stack(powers, axis=1)

    def label(self, number: int, coordinate: str) -> str:
        return "" if number == 0 else coordinate if number == 1 else f"{coordinate}^{number}"


@dataclasses.dataclass(frozen=True, eq=False)
class Monomials:
    """Monomials of the coordinates: exact for linear systems, badly conditioned at high degree.

    Attributes:
        degree: the highest.
        dimension: coordinates; None: those of the data it is fitted to.
        index: "total", "box" or "hyperbolic", see `Products`.
        constant: whether 1 is among them.
    """

    degree: int = 1
    dimension: int | None = None
    index: str = "total"
    constant: bool = True

    def __post_init__(self) -> None:
        check_orders("degree", self.degree)

    @property
    def size(self) -> int:
        return self._products.size - (not self.constant)

    def names(self) -> tuple[str, ...]:
        return self._products.names()[not self.constant :]

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        return self if self.dimension else dataclasses.replace(self, dimension=x.shape[1])

    def __call__(self, x: jax.Array) -> jax.Array:
        return self._products(x)[:, not self.constant :]

    @functools.cached_property
    def _products(self) -> Products:
        if not self.dimension:
            raise not_fitted("A dictionary of monomials")
        return Products((Powers(),) * self.dimension, self.degree, self.index)
