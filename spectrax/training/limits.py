"""Only a little of the data, to find mistakes quickly."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from spectrax.core.protocols import Batch, Loader


class Limited:
    """A loader of the first batches of another one.

    Args:
        train: training batches, kept in memory and fed again and again; None for all.
        evaluation: batches of each evaluation; None for all.
    """

    def __init__(self, loader: Loader, train: int | None, evaluation: int | None):
        self._loader, self._train, self._evaluation = loader, train, evaluation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def feeds(self, start_step: int, process: tuple[int, int] = (0, 1)) -> Iterator[Any]:
        """The first feeds in a circle, from `start_step` on."""
        if self._train is None:
            yield from self._loader.feeds(start_step, process)
            return
        with contextlib.closing(self._loader.feeds(0, process)) as everything:
            first = list(itertools.islice(everything, self._train))
        for step in itertools.count(start_step):
            yield first[step % self._train]

    def evaluation(self, split: str, process: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """The first batches of the split."""
        with contextlib.closing(self._loader.evaluation(split, process)) as everything:
            yield from itertools.islice(everything, self._evaluation)
