"""A polite end: SIGTERM and Ctrl-C set a flag that the loop reads between calls; a second Ctrl-C stops at once."""

import signal
import threading
from types import FrameType
from typing import Any


class Preemption:
    """Context manager; `requested` holds the name of the signal that asked to stop, or None."""

    def __init__(self) -> None:
        self.requested: str | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Preemption":
        # Only the main thread may set handlers; elsewhere (a notebook's worker, a test) signals keep their meaning.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = signal.Signals(number).name
