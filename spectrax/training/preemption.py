"""A polite end: SIGTERM and Ctrl-C stop a run where it can be continued.

In the loop they set a flag that is read between calls, and the state is saved; before and after it there is nothing to
save, and the run ends at once. With several processes a signal to any of them is told to all with the next call of
steps, so that all save at the same step; before the loop it waits for the loop, since the others wait for this one.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

import jax

from spectrax.core.errors import Preempted
from spectrax.training.step import STOP

# Signals that came inside `ending_at_once`. An exception raised by a handler can get lost: Python discards what is
# raised inside a destructor or a callback from C, and compilers run many of those.
_pending: list[str] = []


class Preemption:
    """Context manager around the loop. A signal from before counts too. A second Ctrl-C stops at once, without saving.

    Attributes:
        asked: the name of the signal that this process received, or None.
    """

    def __init__(self) -> None:
        self.asked: str | None = _pending[0] if _pending else None
        self._alone = jax.process_count() == 1
        self._told = False
        self._handling = _handling(self._receive)

    def __enter__(self) -> "Preemption":
        self._handling.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._handling.__exit__(*error)

    @property
    def agreed(self) -> str | None:
        """Why all processes stop now, or None."""
        if self._alone:
            return self.asked
        return (self.asked or "A signal to another process was") if self._told else None

    def hear(self, report: Mapping[str, float]) -> dict[str, float]:
        """Take in what the report of a call says of the processes' wishes to stop, the same in all of them; returns the
        rest of it."""
        self._told |= bool(report.get(STOP))
        return {name: value for name, value in report.items() if name != STOP}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = signal.Signals(number).name


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """A signal inside ends what runs, however deep, as soon as Python has control (a compilation ends first); raises
    `Preempted`."""
    _pending.clear()

    def receive(number: int, frame: FrameType | None) -> None:
        _pending.append(signal.Signals(number).name)
        if jax.distributed.is_initialized() and number == signal.SIGTERM:
            return
        # Unlike any `Exception`, this is mistaken by no library for a failure of its own.
        raise KeyboardInterrupt

    with _handling(receive):
        try:
            yield
        except KeyboardInterrupt:
            if not _pending:
                raise
            raise Preempted(f"{_pending[0]} received: nothing was left to save. Run the same command again.") from None
        if _pending:
            raise Preempted(f"{_pending[0]} received: this run is finished.")


@contextlib.contextmanager
def _handling(receive: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """`receive` handles both signals inside; the handlers before are put back."""
    # Only the main thread may set handlers; elsewhere (a notebook's worker, a test) signals keep their meaning.
    numbers = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    previous = {number: signal.signal(number, receive) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
