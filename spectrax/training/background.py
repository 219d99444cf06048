"""What Orbax's threads print when a write fails, kept off the screen: `Checkpoints` says what happened, once.

One full disk makes a traceback per array. Orbax keeps the error of each of its threads and raises it again in the
thread that waits, so nothing is lost here.
"""

import functools
import logging
import sys
import threading
import traceback
from typing import Any


@functools.cache
def quieten() -> None:
    """Silence Orbax's threads, TensorStore's callbacks and what Orbax logs; calling it again changes nothing."""
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(_is_not_orbax)
    before_threads, before_callbacks = threading.excepthook, sys.unraisablehook

    def thread_hook(raised: Any) -> None:
        if not type(raised.thread).__module__.startswith("orbax."):
            before_threads(raised)

    def callback_hook(raised: Any) -> None:
        # An array that was still being written finds the event loop of its save closed.
        if str(raised.exc_value) != "Event loop is closed":
            before_callbacks(raised)

    threading.excepthook, sys.unraisablehook = thread_hook, callback_hook


def _is_not_orbax(record: logging.LogRecord) -> bool:
    """Orbax also logs what is meant to be so, such as that a read-only directory is read only."""
    trace = traceback.extract_tb(record.exc_info[2]) if record.exc_info else []
    return not any("orbax" in path for path in [record.pathname, *(frame.filename for frame in trace)])
