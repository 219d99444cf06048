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
        yield _plain(title, total)
        print(f"{title}: {total:,} of {total:,}", flush=True)


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
            progress.update(task, completed=done, rate=f"{done / (time.monotonic() - start + 1e-9):,.0f}")

        yield advance


def _plain(title: str, total: int) -> Callable[[int], None]:
    start, done, printed = time.monotonic(), 0, time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, printed
        done += count
        now = time.monotonic()
        if now - printed >= _PLAIN_PERIOD:
            printed = now
            rate = done / (now - start)
            print(f"{title}: {done:,} of {total:,}  {rate:,.0f}/s  {(total - done) / rate:.0f} s left", flush=True)

    return advance
