"""Which products of functions of one coordinate each a dictionary holds."""

import math
from collections.abc import Sequence

from spectrax.core.errors import ConfigError

INDEX_SETS = ("total", "box", "hyperbolic")
MOST = 200_000  # functions: a dictionary of more is a mistake in its arguments
_ALL = 1 + 1e-12  # what a product may cost, and rounding of the costs' sum

Chosen = tuple[tuple[int, int], ...]
"""Coordinates with the numbers of their functions, ascending, of which none is 0: the plainest is left out."""


def index_set(numbers: Sequence[Sequence[int]], orders: Sequence[int], index: str) -> list[Chosen]:
    """The products in an index set, lowest first: by the sum of the numbers' sizes, then those of the first coordinates
    highest first.

    Work and memory grow with the products that are kept, and with how many of their functions are not the plainest;
    not with the number of coordinates.

    Args:
        numbers: of the functions of each coordinate, 0 among them.
        orders: the highest of each coordinate.
        index: "total", "box" or "hyperbolic", see `spectrax.estimators.dictionaries.products.Products`.

    Raises:
        ConfigError: when they are more than 200,000.
    """
    steps = _steps(numbers, orders, index)
    found: list[Chosen] = []
    grown: list[tuple[Chosen, int, float]] = [((), 0, 0.0)]  # with the first of the steps that may follow, and the cost
    while grown:
        found.extend(chosen for chosen, _, _ in grown)
        longer: list[tuple[Chosen, int, float]] = []
        for chosen, first, cost in grown:
            for place in range(first, len(steps)):
                before = len(longer)
                for more, axis, number in steps[place]:
                    if cost + more > _ALL:
                        break
                    longer.append(((*chosen, (axis, number)), place + 1, cost + more))
                if len(longer) == before:
                    break  # nor can any later coordinate be paid for
            if len(found) + len(longer) > MOST:
                raise ConfigError(f"A dictionary of more than {MOST:,} functions. Lower the order, or its index set.")
        grown = longer
    return sorted((tuple(sorted(chosen)) for chosen in found), key=_rank)


def _steps(numbers: Sequence[Sequence[int]], orders: Sequence[int], index: str) -> list[list[tuple[float, int, int]]]:
    """What functions of a coordinate other than the plainest cost, with coordinate and number: the cheapest first, of
    a coordinate and of all. A product is kept where its functions cost 1 at most."""
    largest = math.log(max(orders) + 1)

    def cost(number: int, order: int) -> float:
        if index == "box" or not order:
            return 0.0
        return math.log(abs(number) + 1) / largest if index == "hyperbolic" else abs(number) / order

    each = [
        sorted((cost(number, order), axis, number) for number in of_axis if number)
        for axis, (of_axis, order) in enumerate(zip(numbers, orders, strict=True))
    ]
    return sorted(steps for steps in each if steps)


def _rank(chosen: Chosen) -> tuple[int, list[tuple[int, int, int]]]:
    return sum(abs(number) for _, number in chosen), [(axis, -abs(number), -number) for axis, number in chosen]
