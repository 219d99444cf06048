"""The output of several processes on one screen: whole lines, each behind the number of its process."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)  # ANSI: cyan, yellow, magenta, green, blue, red
_CLEAR_LINE = b"\r\x1b[K"
_LIVE_PERIOD = {True: 0.1, False: 10.0}  # seconds between two states of a progress bar, on a terminal and elsewhere


class LineSplitter:
    """Bytes in pieces become lines; of what a carriage return overwrites only the last state is kept."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Lines that the piece completes, without their ends."""
        *whole, rest = (self._rest + piece).split(b"\n")
        self._rest = b"\r".join(rest.split(b"\r")[-2:])
        return [_visible(line) for line in whole]

    @property
    def live(self) -> bytes:
        """State of a line that is being overwritten, such as a progress bar; empty if there is none."""
        return _visible(self._rest) if b"\r" in self._rest else b""

    def close(self) -> list[bytes]:
        """The last line, if its end never came."""
        line, self._rest = _visible(self._rest), b""
        return [line] if line else []


class Screen:
    """Writes lines of all processes and of the launcher to two streams; safe for threads.

    Progress that overwrites its line is shown for process 0 alone: in place on a terminal, now and then elsewhere.

    Args:
        reader_left: called when nobody reads one of the streams any more.
    """

    def __init__(self, out: TextIO, errors: TextIO, reader_left: Callable[[], None]):
        self._streams = {"out": out.fileno(), "errors": errors.fileno()}
        self._terminal = {name: os.isatty(number) for name, number in self._streams.items()}
        self._reader_left = reader_left
        self._left: set[str] = set()  # streams that nobody reads any more
        self._lock = threading.Lock()
        self._live = b""  # what stands in the terminal's last line
        self._live_stream = "out"
        self._live_shown = 0.0

    def line(self, index: int, text: bytes, stream: str = "out") -> None:
        """A line of a process."""
        with self._lock:
            if index == 0:
                self._clear_live()  # the line ends the progress, or the next state comes soon
            self._write_line(self._prefix(index, stream) + text, stream)

    def live(self, index: int, text: bytes, stream: str = "out") -> None:
        """The present state of a line of a process that will be overwritten."""
        terminal, now = self._terminal[stream], time.monotonic()
        with self._lock:
            if index or now - self._live_shown < _LIVE_PERIOD[terminal]:
                return
            self._live_shown = now
            if not terminal:
                self._write_line(self._prefix(index, stream) + text, stream)
                return
            width = shutil.get_terminal_size().columns - len(f"[{index}] ") - 1
            self._live = self._prefix(index, stream) + text.decode(errors="replace")[:width].encode()
            self._live_stream = stream
            self._write(_CLEAR_LINE + self._live, stream)

    def say(self, text: str) -> None:
        """A line of the launcher's own."""
        with self._lock:
            self._write_line(f"[launch] {text}".encode(), "errors")

    def close(self) -> None:
        """Takes away progress that nothing overwrote."""
        with self._lock:
            self._clear_live()

    def _clear_live(self) -> None:
        if self._live:
            self._write(_CLEAR_LINE, self._live_stream)
        self._live = b""

    def _prefix(self, index: int, stream: str) -> bytes:
        prefix = f"[{index}] "
        if self._terminal[stream] and "NO_COLOR" not in os.environ:
            prefix = f"\x1b[{_COLOURS[index % len(_COLOURS)]}m{prefix}\x1b[0m"
        return prefix.encode()

    def _write_line(self, line: bytes, stream: str) -> None:
        if self._live and self._terminal[stream]:
            self._write(_CLEAR_LINE + line + b"\n" + self._live, stream)
        else:
            self._write(line + b"\n", stream)

    def _write(self, text: bytes, stream: str) -> None:
        try:
            while text and stream not in self._left:
                text = text[os.write(self._streams[stream], text) :]
        except OSError:  # the pipe's reader has gone, or the terminal was closed
            self._left.add(stream)
            self._reader_left()


def _visible(line: bytes) -> bytes:
    """What a terminal shows of a line with carriage returns: its last state."""
    states = [state for state in line.split(b"\r") if state]
    return states[-1] if states else b""
