"""Splits made here: of every class the same shares."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np


def stratified(
    labels: np.ndarray, shares: Mapping[str, float], seed: int, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Row indices of train, validation and test: of each class the same shares, the total sizes fixed.

    The rows of each class are shuffled; a row's rank within its class, as a fraction, orders all rows; the first
    ones by that order are the test split, those after them the validation split, and the rest is for training.

    Args:
        labels: (rows,) integers.
        shares: of "validation" and "test", each of which is rounded up; one that is left out is empty.
        seed: of the shuffling.
        names: of the rows; with them a row's place in the shuffling hangs on its own name, so that a row more or less
            moves few of the others to another split.
    """
    shuffled = _shuffled(seed, len(labels), names)
    fraction = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        fraction[shuffled(rows)] = (np.arange(len(rows)) + 0.5) / len(rows)
    order = np.argsort(fraction, kind="stable")
    test, validation = (math.ceil(round(shares.get(name, 0) * len(labels), 6)) for name in ("test", "validation"))
    parts = {
        "train": order[test + validation :],
        "validation": order[test : test + validation],
        "test": order[:test],
    }
    return {name: np.sort(rows) for name, rows in parts.items()}


def _shuffled(seed: int, count: int, names: Sequence[str] | None) -> Callable[[np.ndarray], np.ndarray]:
    """Puts row indices into their shuffled order."""
    if names is None:
        return np.random.Generator(np.random.Philox(seed)).permutation
    digests = [hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogateescape")).digest() for name in names]
    place = np.empty(count, np.int64)
    place[sorted(range(count), key=digests.__getitem__)] = np.arange(count)
    return lambda rows: rows[np.argsort(place[rows])]
