"""Splits made here: of every class the same shares."""

import math
from collections.abc import Mapping

import numpy as np


def stratified(labels: np.ndarray, shares: Mapping[str, float], seed: int) -> dict[str, np.ndarray]:
    """Row indices of train, validation and test: of each class the same shares, the total sizes fixed.

    The rows of each class are shuffled; a row's rank within its class, as a fraction, orders all rows; the first
    ones by that order are the test split, those after them the validation split, and the rest is for training.

    Args:
        labels: (rows,) integers.
        shares: of "validation" and "test", each of which is rounded up; one that is left out is empty.
        seed: of the shuffling.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    fraction = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        fraction[generator.permutation(rows)] = (np.arange(len(rows)) + 0.5) / len(rows)
    order = np.argsort(fraction, kind="stable")
    test, validation = (math.ceil(round(shares.get(name, 0) * len(labels), 6)) for name in ("test", "validation"))
    parts = {
        "train": order[test + validation :],
        "validation": order[test : test + validation],
        "test": order[:test],
    }
    return {name: np.sort(rows) for name, rows in parts.items()}
