"""How fast a run goes: examples per second, the share of time spent waiting for input, the time left."""

import contextlib
import time
from collections.abc import Iterator

from spectrax.training.writing import Writers

_REPORT_PERIOD = 1.0  # seconds between two reports to the writers


class Stopwatch:
    """Counts steps and seconds; pauses for evaluation and saving.

    Args:
        batch_size: examples per step.
        seconds_before: wall time that earlier starts of the same run took.
    """

    def __init__(self, batch_size: int, seconds_before: float):
        self._batch_size = batch_size
        self._before = seconds_before
        self._start = time.perf_counter()
        self._aside = 0.0
        self._stalled = 0.0
        self._steps = 0
        self._trained = 0.0  # seconds of training up to the latest call
        self._reported = float("-inf")

    def seconds(self) -> float:
        """Wall time of the run so far, over all its starts."""
        return self._before + time.perf_counter() - self._start

    def examples_per_second(self) -> float:
        """Training throughput since this start, evaluation and saving not counted."""
        return self._steps * self._batch_size / max(self._trained, 1e-9)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time inside does not count as training."""
        start = time.perf_counter()
        yield
        self._aside += time.perf_counter() - start

    @contextlib.contextmanager
    def waiting_for_input(self) -> Iterator[None]:
        """Time inside counts as input stall."""
        start = time.perf_counter()
        yield
        self._stalled += time.perf_counter() - start

    def stepped(self, step: int, count: int, writers: Writers) -> None:
        """Note a call of `count` steps that ended at `step`, and tell the writers about once a second."""
        self._steps += count
        moment = time.perf_counter()
        self._trained = moment - self._start - self._aside
        if moment - self._reported < _REPORT_PERIOD:
            return
        self._reported = moment
        timings = {
            "seconds": self.seconds(),
            "examples_per_second": self.examples_per_second(),
            "input_stall": self._stalled / max(self._trained, 1e-9),
        }
        writers.timing(step, timings)
