"""Complex exponentials of the coordinates."""

import dataclasses
import functools
import math
from typing import ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import check_real, not_fitted
from spectrax.estimators.dictionaries.products import Products, check_orders, each_coordinate

_NAME = "A Fourier dictionary"


@dataclasses.dataclass(frozen=True)
class Exponentials:
    """exp(2 pi i k x / period), k from -order to order."""

    period: float = 2 * math.pi
    starts_at_one: ClassVar[bool] = True

    def numbers(self, order: int) -> tuple[int, ...]:
        return tuple(range(-order, order + 1))

    def values(self, x: jax.Array, order: int) -> jax.Array:
        check_real(x, _NAME)
        frequencies = np.arange(-order, order + 1) * (2 * math.pi / self.period)
        return jnp.exp(1j * x[:, None] * frequencies)

    def label(self, number: int, coordinate: str) -> str:
        return f"e({number} {coordinate})" if number else ""


@dataclasses.dataclass(frozen=True, eq=False)
class Fourier:
    """Products of complex exponentials: exact for rotations of circles and tori. The constant 1 comes first.

    Attributes:
        order: the highest frequency, see `index`; -order ... order in each coordinate.
        dimension: coordinates; None: those of the data it is fitted to.
        period: of all coordinates, or of each.
        index: "total", "box" or "hyperbolic", see `Products`.
    """

    order: int
    dimension: int | None = None
    period: float | tuple[float, ...] = 2 * math.pi
    index: str = "box"

    def __post_init__(self) -> None:
        check_orders("order", self.order)

    @property
    def size(self) -> int:
        return self._products.size

    def names(self) -> tuple[str, ...]:
        return self._products.names()

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        return self if self.dimension else dataclasses.replace(self, dimension=x.shape[1])

    def __call__(self, x: jax.Array) -> jax.Array:
        return self._products(x)

    @functools.cached_property
    def _products(self) -> Products:
        if not self.dimension:
            raise not_fitted(_NAME)
        periods = each_coordinate("period", self.period, self.dimension)
        if min(periods) <= 0:
            raise ConfigError(f"period={self.period}: periods are positive.")
        return Products(tuple(map(Exponentials, periods)), self.order, self.index)
