"""A word when training stands still: the stacks of all threads, printed while they wait."""

import contextlib
import faulthandler
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def told(patience: float | None) -> Iterator[None]:
    """Print where every thread is to standard error, each time that what is inside takes another `patience` seconds.

    A thread of C does it, so it works while Python waits inside a collective operation that never ends.
    """
    if patience is None:
        yield
        return
    faulthandler.dump_traceback_later(patience, repeat=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
