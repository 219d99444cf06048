"""Products of functions of one coordinate each, and which of them a dictionary holds."""

import dataclasses
import itertools
import math
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import check_dimension
from spectrax.ops.choices import check_choice

INDEX_SETS = ("total", "box", "hyperbolic")
_MOST = 200_000  # functions: a dictionary of more is a mistake in its arguments


class Family(Protocol):
    """Functions of one coordinate, numbered by integers of which 0 is the plainest."""

    def numbers(self, order: int) -> tuple[int, ...]:
        """The numbers up to an order, ascending."""

    def values(self, x: jax.Array, order: int) -> jax.Array:
        """The functions of those numbers (rows, numbers) at the coordinate's values (rows,)."""

    def label(self, number: int, coordinate: str) -> str:
        """A name such as "x0^2"; "" for the constant 1."""


@dataclasses.dataclass(frozen=True, eq=False)
class Products:
    """All products of the functions of several families, one family for each coordinate, in an index set.

    The lowest come first; with families that hold the constant 1, that is the first function.

    Attributes:
        families: one for each coordinate, see `Family`.
        orders: the highest order, of all coordinates together or of each.
        index: "total": the sum of |k_i| / order_i is at most 1 (the total degree); "box": every |k_i| is at most
            order_i; "hyperbolic": and the product of |k_i| + 1 is at most the largest order + 1 (a hyperbolic cross,
            which keeps few of the products of high orders).

    Raises:
        ConfigError: when these make no sense.
    """

    families: tuple[Any, ...]
    orders: int | tuple[int, ...]
    index: str = "total"

    def __post_init__(self) -> None:
        check_choice("index", self.index, INDEX_SETS)
        families = tuple(self.families)
        given = (self.orders,) * len(families) if isinstance(self.orders, int) else tuple(self.orders)
        if not families or len(given) != len(families) or min(given) < 0:
            raise ConfigError(f"orders={self.orders} for {len(families)} coordinates. Give one of 0 or more for each.")
        object.__setattr__(self, "families", families)
        object.__setattr__(self, "orders", given)
        object.__setattr__(self, "_chosen", self._indices())

    @property
    def size(self) -> int:
        return len(self._chosen)

    def names(self) -> tuple[str, ...]:
        return tuple(self._name(numbers) for numbers in self._chosen)

    def __call__(self, x: jax.Array) -> jax.Array:
        check_dimension(x, len(self.families), "A dictionary")
        values = None
        for axis, (family, order) in enumerate(zip(self.families, self.orders, strict=True)):
            places = {number: place for place, number in enumerate(family.numbers(order))}
            columns = np.array([places[numbers[axis]] for numbers in self._chosen])
            factor = family.values(x[:, axis], order)[:, columns]
            values = factor if values is None else values * factor
        return values

    def _indices(self) -> list[tuple[int, ...]]:
        """The index set, lowest first: by the sum of the numbers' sizes, then those of the first coordinates highest
        first."""
        limits = [family.numbers(order) for family, order in zip(self.families, self.orders, strict=True)]
        partial: list[tuple[int, ...]] = [()]
        for numbers in limits:  # coordinate by coordinate: of a box of high dimension only what is kept is ever made
            partial = [(*head, k) for head, k in itertools.product(partial, numbers) if self._holds((*head, k))]
            if len(partial) > _MOST:
                raise ConfigError(f"A dictionary of more than {_MOST:,} functions. Lower the order, or its index set.")
        return sorted(partial, key=lambda chosen: (sum(map(abs, chosen)), [(-abs(k), -k) for k in chosen]))

    def _holds(self, numbers: tuple[int, ...]) -> bool:
        if self.index == "box":
            return True
        if self.index == "hyperbolic":
            return math.prod(abs(k) + 1 for k in numbers) <= max(self.orders) + 1
        shares = [abs(k) / order for k, order in zip(numbers, self.orders, strict=False) if order]
        return sum(shares) <= 1 + 1e-12

    def _name(self, numbers: tuple[int, ...]) -> str:
        pairs = zip(self.families, numbers, strict=True)
        labels = [family.label(k, f"x{axis}") for axis, (family, k) in enumerate(pairs)]
        return " ".join(label for label in labels if label) or "1"


def by_recurrence(first: jax.Array, second: jax.Array, order: int, step: Any) -> jax.Array:
    """Functions 0 ... order of a three-term recurrence, (rows, order + 1): step(k, f_k, f_(k-1)) is f_(k+1)."""
    found = [first, second]
    for k in range(1, order):
        found.append(step(k, found[k], found[k - 1]))
    return jnp.stack(found[: order + 1], axis=1)


def each_coordinate(name: str, value: float | tuple[float, ...], dimension: int) -> tuple[float, ...]:
    """An argument that holds for every coordinate or is given for each, as one for each. Raises `ConfigError`."""
    given = (float(value),) * dimension if isinstance(value, int | float) else tuple(float(entry) for entry in value)
    if len(given) != dimension:
        raise ConfigError(f"{name} has {len(given)} values for {dimension} coordinates. Give one, or one for each.")
    return given
