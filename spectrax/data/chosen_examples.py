"""Some classes of a data set, and of its training examples only so many: for transfer to little data."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Stored


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which examples are taken.

    Attributes:
        classes: the data set's numbers of the classes, whose new numbers are their places here; None for all.
        train_examples: how many for training, as evenly over the classes as can be: of each the first ones in the
            published order; None for all.
    """

    classes: Sequence[int] | None
    train_examples: int | None

    def check(self, num_classes: int, known: int, balanced: bool) -> None:
        """Raises `ConfigError` when the choice makes no sense for a data set of `known` classes, of which the config
        says that `num_classes` are used."""
        if self.train_examples is not None and self.train_examples < 1:
            raise ConfigError(f"dataset.train_examples={self.train_examples} must be at least 1, or null for all.")
        if self.classes is None:
            return
        classes = list(self.classes)
        if len(set(classes)) != len(classes) or not set(classes) <= set(range(known)):
            raise ConfigError(f"dataset.classes={classes} should be different numbers from 0 to {known - 1}.")
        if len(classes) != num_classes:
            raise ConfigError(
                f"dataset.classes={classes} are {len(classes)}, but dataset.num_classes={num_classes}. "
                f"Set dataset.num_classes={len(classes)}."
            )
        if not balanced:
            raise ConfigError(
                "dataset.classes is for data sets with equally many examples of each class: not this one."
            )

    def sizes(self, published: Mapping[str, int], known: int) -> dict[str, int]:
        """Examples by split, of a data set with as many of each class. Raises `ConfigError` when too many are asked."""
        part = known if self.classes is None else len(self.classes)
        sizes = {name: size * part // known for name, size in published.items()}
        if self.train_examples is None:
            return sizes
        if self.train_examples > sizes["train"]:
            raise ConfigError(f"dataset.train_examples={self.train_examples}, but there are {sizes['train']:,}.")
        return {**sizes, "train": self.train_examples}

    def rows(self, split: str, labels: np.ndarray) -> np.ndarray:
        """The places of the examples that are taken, in their order, of those with the given labels (examples,)."""
        rows = np.arange(len(labels)) if self.classes is None else np.flatnonzero(np.isin(labels, list(self.classes)))
        if split != "train" or self.train_examples is None:
            return rows
        rank = np.empty(len(rows), np.int64)  # of each example within its class
        for label in np.unique(labels[rows]):
            of_class = np.flatnonzero(labels[rows] == label)
            rank[of_class] = np.arange(len(of_class))
        return np.sort(rows[np.argsort(rank, kind="stable")[: self.train_examples]])

    def renumbered(self, example: Mapping[str, Any]) -> dict[str, Any]:
        """The stored example with its class's new number."""
        if self.classes is None:
            return dict(example)
        return {**example, "label": np.int32(list(self.classes).index(int(example["label"])))}


class ChosenSplit:
    """Random access to the chosen ones of stored examples.

    Args:
        rows: their places.
    """

    def __init__(self, stored: Stored, rows: np.ndarray, choice: Choice):
        self._stored, self._rows, self._choice = stored, rows, choice

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._choice.renumbered(self._stored[int(self._rows[index])])

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Many by one read."""
        found = self._stored.__getitems__([int(self._rows[index]) for index in indices])
        return [self._choice.renumbered(example) for example in found]
