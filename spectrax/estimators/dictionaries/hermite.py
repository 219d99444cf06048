"""Hermite polynomials and functions of the coordinates, standardised."""

import dataclasses
import functools
import math
from typing import ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import check_real, not_fitted
from spectrax.estimators.dictionaries.products import Products, by_recurrence, check_orders, each_coordinate

_NAME = "A dictionary of Hermite functions"


@dataclasses.dataclass(frozen=True)
class HermitePolynomials:
    """He_k(z) / sqrt(k!) at z = (x - mean) / deviation: orthonormal under that Gaussian."""

    mean: float = 0.0
    deviation: float = 1.0
    starts_at_one: ClassVar[bool] = True

    def numbers(self, order: int) -> tuple[int, ...]:
        return tuple(range(order + 1))

    def values(self, x: jax.Array, order: int) -> jax.Array:
        check_real(x, _NAME)
        z = (x - self.mean) / self.deviation

        def step(k: int, last: jax.Array, before: jax.Array) -> jax.Array:
            return (z * last - math.sqrt(k) * before) / math.sqrt(k + 1)

        return by_recurrence(jnp.ones_like(z), z, order, step)

    def label(self, number: int, coordinate: str) -> str:
        return f"He{number}({coordinate})" if number else ""


@dataclasses.dataclass(frozen=True)
class HermiteFunctions:
    """H_k(z) exp(-z^2 / 2) / sqrt(2^k k! sqrt(pi)) at z = (x - mean) / deviation: orthonormal on the line in z."""

    mean: float = 0.0
    deviation: float = 1.0

    def numbers(self, order: int) -> tuple[int, ...]:
        return tuple(range(order + 1))

    def values(self, x: jax.Array, order: int) -> jax.Array:
        check_real(x, _NAME)
        z = (x - self.mean) / self.deviation
        first = jnp.exp(-(z**2) / 2) / math.pi**0.25

        def step(k: int, last: jax.Array, before: jax.Array) -> jax.Array:
            return (math.sqrt(2) * z * last - math.sqrt(k) * before) / math.sqrt(k + 1)

        return by_recurrence(first, math.sqrt(2) * z * first, order, step)

    def label(self, number: int, coordinate: str) -> str:
        return f"h{number}({coordinate})"


@dataclasses.dataclass(frozen=True, eq=False)
class Hermite:
    """Products of Hermite polynomials or functions.

    Attributes:
        order: the highest, of all coordinates together, see `index`.
        dimension: coordinates; None: those of the data it is fitted to.
        functions: Hermite functions, which decay, in place of polynomials, of which the first is the constant 1.
        mean, deviation: of all coordinates, or of each; None: those of the data.
        index: "total", "box" or "hyperbolic", see `Products`.
    """

    order: int
    dimension: int | None = None
    functions: bool = False
    mean: float | tuple[float, ...] | None = None
    deviation: float | tuple[float, ...] | None = None
    index: str = "total"

    def __post_init__(self) -> None:
        check_orders("order", self.order)

    @property
    def size(self) -> int:
        return self._products.size

    def names(self) -> tuple[str, ...]:
        return self._products.names()

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        if self.dimension and self.mean is not None and self.deviation is not None:
            return self
        check_real(x, _NAME)
        mean = tuple(x.mean(0).tolist()) if self.mean is None else self.mean
        deviation = tuple(x.std(0).tolist()) if self.deviation is None else self.deviation
        dimension = self.dimension or x.shape[1]
        return dataclasses.replace(self, dimension=dimension, mean=mean, deviation=deviation)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self._products(x)

    @functools.cached_property
    def _products(self) -> Products:
        if not self.dimension or self.mean is None or self.deviation is None:
            raise not_fitted(_NAME)
        means = each_coordinate("mean", self.mean, self.dimension)
        deviations = each_coordinate("deviation", self.deviation, self.dimension)
        if min(deviations) <= 0:
            raise ConfigError(
                "A coordinate does not vary, so it has no Hermite functions. Leave it out, or set deviation."
            )
        kind = HermiteFunctions if self.functions else HermitePolynomials
        return Products(tuple(map(kind, means, deviations)), self.order, self.index)
