"""Products of functions of one coordinate each."""

import dataclasses
import numbers
from typing import Any, ClassVar, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import check_dimension
from spectrax.estimators.dictionaries.index_sets import INDEX_SETS, index_set
from spectrax.ops.choices import check_choice

_MANY = 16  # coordinates, above which factors that are 1 are left out of products


class Family(Protocol):
    """Functions of one coordinate, numbered by integers of which 0 is the plainest.

    Attributes:
        starts_at_one: function 0 is the constant 1, and so no factor of a product; a family that does not say has not.
    """

    starts_at_one: ClassVar[bool]

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
        check_orders("orders", self.orders)
        given = tuple(map(int, self.orders)) if np.iterable(self.orders) else (int(self.orders),) * len(families)
        if not families or len(given) != len(families):
            raise ConfigError(f"orders={self.orders} for {len(families)} coordinates. Give one of 0 or more for each.")
        object.__setattr__(self, "families", families)
        object.__setattr__(self, "orders", given)
        known = [family.numbers(order) for family, order in zip(families, given, strict=True)]
        object.__setattr__(self, "_chosen", index_set(known, given, self.index))

    @property
    def size(self) -> int:
        return len(self._chosen)

    def names(self) -> tuple[str, ...]:
        plainest = {axis: 0 for axis, family in enumerate(self.families) if family.label(0, "x")}
        each = (sorted((plainest | dict(chosen)).items()) for chosen in self._chosen)
        labels = ([self.families[axis].label(k, f"x{axis}") for axis, k in named] for named in each)
        return tuple(" ".join(label for label in found if label) or "1" for found in labels)

    def __call__(self, x: jax.Array) -> jax.Array:
        check_dimension(x, len(self.families), "A dictionary")
        return self._of_many_alike(x) if self._alike and len(self.families) > _MANY else self._by_coordinates(x)

    def _by_coordinates(self, x: jax.Array) -> jax.Array:
        chosen = np.zeros((len(self.families), self.size), int)
        for place, factors in enumerate(self._chosen):
            for axis, k in factors:
                chosen[axis, place] = k
        values = None
        for axis, (family, order) in enumerate(zip(self.families, self.orders, strict=True)):
            places = {number: place for place, number in enumerate(family.numbers(order))}
            columns = np.array([places[number] for number in chosen[axis]])
            factor = family.values(x[:, axis], order)[:, columns]
            values = factor if values is None else values * factor
        return values

    def _of_many_alike(self, x: jax.Array) -> jax.Array:
        """Of a product those factors alone that are not 1: of many coordinates they are few."""
        family, order = self.families[0], self.orders[0]
        table = jax.vmap(lambda values: family.values(values, order), in_axes=1, out_axes=1)(x)  # (rows, axes, numbers)
        places = {number: place for place, number in enumerate(family.numbers(order))}
        most = max(1, *map(len, self._chosen))
        filled = np.array([[*factors, *[(0, 0)] * (most - len(factors))] for factors in self._chosen])
        values = None
        for axes, numbers_there in zip(filled[..., 0].T, filled[..., 1].T, strict=True):
            factor = table[:, axes, np.array([places[number] for number in numbers_there])]
            values = factor if values is None else values * factor
        return values

    @property
    def _alike(self) -> bool:
        """All coordinates have the same functions, of which the plainest is 1."""
        same = all(family == self.families[0] for family in self.families) and len(set(self.orders)) == 1
        return same and getattr(self.families[0], "starts_at_one", False)


def check_orders(name: str, orders: Any) -> None:
    """Raises `ConfigError` when an argument is no order, nor one for each coordinate."""
    each = orders if np.iterable(orders) else (orders,)
    if not all(isinstance(order, numbers.Integral) and order >= 0 for order in each):
        raise ConfigError(f"{name}={orders!r}: give a whole number of 0 or more, or one for each coordinate.")


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
