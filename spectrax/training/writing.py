"""All writers of a run as one: what one of them cannot do does not stop training."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrax.core.protocols import Writer

logger = logging.getLogger("spectrax")


class Writers:
    """Passes everything on to each writer; one that raises is closed and left out, with one warning.

    Writers with `essential = True` are part of the run: what they raise ends it.
    """

    def __init__(self, writers: Sequence[Writer]):
        self._writers = list(writers)
        self._marks: dict[str, Any] = {}  # those of writers that are left out now stay, for when they come back

    def open(self, run_dir: Path, step: int, total_steps: int, marks: Mapping[str, Any]) -> None:
        """Open each at its own mark: a run may go on with other writers, and a new one begins where it is."""
        self._marks = dict(marks)
        for writer in list(self._writers):
            with self._or_without(writer):
                writer.open(run_dir, step, total_steps, marks.get(type(writer).__name__))

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Record the metrics of one step and split."""
        for writer in list(self._writers):
            with self._or_without(writer):
                writer.write(step, split, metrics)

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Record how fast it goes."""
        for writer in list(self._writers):
            with self._or_without(writer):
                writer.timing(step, timings)

    def marks(self) -> dict[str, Any]:
        """The position of each, by the name of its class."""
        for writer in list(self._writers):
            with self._or_without(writer):
                self._marks[type(writer).__name__] = writer.mark()
        return dict(self._marks)

    def close(self) -> None:
        """Finish all."""
        for writer in list(self._writers):
            with self._or_without(writer):
                writer.close()
        self._writers.clear()

    @contextlib.contextmanager
    def _or_without(self, writer: Writer) -> Any:
        try:
            yield
        except Exception as error:
            if getattr(writer, "essential", False):
                raise
            said = str(error).splitlines() or [type(error).__name__]
            logger.warning("%s failed and is left out from here on: %s", type(writer).__name__, said[0])
            self._writers.remove(writer)
            with contextlib.suppress(Exception):
                writer.close()
