"""Brings what the other writers wrote to the bucket of the run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class BucketWriter:
    """The last of the writers of a run in a bucket: what those before it made safe on this disk, it makes safe there.

    Marks are taken before each checkpoint, so the records in the bucket are there when the checkpoint is.

    Args:
        push: brings all records to the bucket.
    """

    essential = True  # a checkpoint without its records could not be continued

    def __init__(self, push: Callable[[], None]):
        self._push = push

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """Nothing to open."""

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Others write."""

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Others write."""

    def mark(self) -> None:
        """Bring the records to the bucket."""
        self._push()

    def close(self) -> None:
        """Nothing to close: the end of the run brings what is left."""
