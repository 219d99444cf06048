"""Legendre polynomials of the coordinates, orthonormal on a box."""

import dataclasses
import functools
import math
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import check_real, not_fitted
from spectrax.estimators.dictionaries.products import Products, by_recurrence, check_orders, each_coordinate

_NAME = "A dictionary of Legendre polynomials"


@dataclasses.dataclass(frozen=True)
class LegendrePolynomials:
    """sqrt((2k + 1) / (upper - lower)) P_k, orthonormal on [lower, upper] with respect to length."""

    lower: float = -1.0
    upper: float = 1.0

    def numbers(self, order: int) -> tuple[int, ...]:
        return tuple(range(order + 1))

    def values(self, x: jax.Array, order: int) -> jax.Array:
        check_real(x, _NAME)
        t = (2 * x - (self.lower + self.upper)) / (self.upper - self.lower)

        def step(k: int, last: jax.Array, before: jax.Array) -> jax.Array:
            return ((2 * k + 1) * t * last - k * before) / (k + 1)

        scales = np.sqrt((2 * np.arange(order + 1) + 1) / (self.upper - self.lower))
        return by_recurrence(jnp.ones_like(t), t, order, step) * scales

    def label(self, number: int, coordinate: str) -> str:
        return f"P{number}({coordinate})" if number else ""


@dataclasses.dataclass(frozen=True, eq=False)
class Legendre:
    """Products of Legendre polynomials: with Gauss-Legendre weights their Gram matrix is the identity.

    Attributes:
        order: the highest degree, see `index`.
        dimension: coordinates; None: those of the data it is fitted to.
        lower, upper: ends of the box, of all coordinates or of each; None: the range of the data.
        index: "total", "box" or "hyperbolic", see `Products`.
    """

    order: int
    dimension: int | None = None
    lower: float | tuple[float, ...] | None = None
    upper: float | tuple[float, ...] | None = None
    index: str = "total"

    def __post_init__(self) -> None:
        check_orders("order", self.order)

    @property
    def size(self) -> int:
        return self._products.size

    def names(self) -> tuple[str, ...]:
        return self._products.names()

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        if self.dimension and self.lower is not None and self.upper is not None:
            return self
        check_real(x, _NAME)
        lower = tuple(x.min(0).tolist()) if self.lower is None else self.lower
        upper = tuple(x.max(0).tolist()) if self.upper is None else self.upper
        return dataclasses.replace(self, dimension=self.dimension or x.shape[1], lower=lower, upper=upper)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self._products(x)

    @functools.cached_property
    def _products(self) -> Products:
        if not self.dimension or self.lower is None or self.upper is None:
            raise not_fitted(_NAME)
        lower = each_coordinate("lower", self.lower, self.dimension)
        upper = each_coordinate("upper", self.upper, self.dimension)
        if not all(low < high and math.isfinite(high - low) for low, high in zip(lower, upper, strict=True)):
            raise ConfigError(
                f"lower={self.lower}, upper={self.upper} is no box. Give lower < upper for each coordinate."
            )
        return Products(tuple(map(LegendrePolynomials, lower, upper)), self.order, self.index)
