"""A progress bar on a terminal, a few plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

_PLAIN_PERIOD = 5.0  # seconds between two plain lines


@contextlib.contextmanager
def counting(title: str, total: int, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Yields `advance(count)`; shows how many of `total` are done, the rate and the time left."""
    if not shown:
        yield lambda count: None
    elif sys.stdout.isatty():
        with _bar(title, total) as advance:
            yield advance
    else:
        lines = _Lines(title, total)
        yield lines.advance
        lines.close()


@contextlib.contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), BarColumn())
    start, done = time.monotonic(), 0
    with Progress(*columns, TextColumn("{task.fields[rate]}/s, left"), TimeRemainingColumn()) as progress:
        task = progress.add_task(title, total=total, rate="")

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress.update(task, completed=done, rate=_rate(done / (time.monotonic() - start + 1e-9)))

        yield advance


class _Lines:
    """A line every few seconds, and one at the end of what was done."""

    def __init__(self, title: str, total: int):
        self._title, self._total, self._done = title, total, 0
        self._start = self._printed = time.monotonic()

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._printed >= _PLAIN_PERIOD:
            self._printed = now
            rate = self._done / (now - self._start)
            left = (self._total - self._done) / max(rate, 1e-9)
            self._print(f"  {_rate(rate)}/s  {left:,.0f} s left")

    def close(self) -> None:
        if self._total:
            self._print("")

    def _print(self, more: str) -> None:
        print(f"{self._title}: {self._done:,} of {self._total:,}{more}", flush=True)


def _rate(per_second: float) -> str:
    return f"{per_second:{',.0f' if per_second >= 10 else '.2g'}}"
