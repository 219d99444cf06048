"""What Orbax's threads print when a write fails, kept off the screen: `Checkpoints` says what happened, once.

One full disk makes a traceback per array. Orbax keeps the error of each of its threads and raises it again in the
thread that waits, so nothing is lost here.
"""

import logging
import sys
import threading
from typing import Any


def quieten() -> None:
    """Silence Orbax's threads, TensorStore's callbacks and the loggers they use; calling it again changes nothing."""
    # These also report what is meant to be so: that a read-only directory is read only.
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if threading.excepthook is not _thread_hook:
        _thread_hook.before = threading.excepthook
        threading.excepthook = _thread_hook
    if sys.unraisablehook is not _callback_hook:
        _callback_hook.before = sys.unraisablehook
        sys.unraisablehook = _callback_hook


def _thread_hook(raised: Any) -> None:
    if not type(raised.thread).__module__.startswith("orbax."):
        _thread_hook.before(raised)


def _callback_hook(raised: Any) -> None:
    # An array that was still being written finds the event loop of its save closed.
    if str(raised.exc_value) != "Event loop is closed":
        _callback_hook.before(raised)
