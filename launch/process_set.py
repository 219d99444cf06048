"""Processes of one run on this machine: started together, listened to, ended together."""

import contextlib
import ctypes
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from exit_codes import Ended
from output_lines import LineSplitter, Screen

_PR_SET_PDEATHSIG = 1
_PIECE = 65536  # bytes read at once
_LAST_LINES = 5.0  # seconds for the output of processes that have ended

Events = queue.SimpleQueue[Ended | signal.Signals]
"""What happens to the launcher, in order: a process ended, or somebody sent it a signal."""


class ProcessSet:
    """Starts the processes and puts an `Ended` into `events` for each that ends.

    Every process has a session of its own, so that Ctrl-C in the terminal reaches the launcher alone, which passes it
    on once. Linux kills the processes when the launcher dies.

    Args:
        command: the words that every process runs.
        environments: one for each process.
        events: what happens, in order.
    """

    def __init__(
        self,
        command: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        events: Events,
        screen: Screen,
    ):
        self._events, self._screen = events, screen
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        try:
            for environment in environments:
                self._processes.append(_start(command, environment))
        except BaseException:
            self.close()
            raise
        for index, process in enumerate(self._processes):
            screen.say(f"process {index}: pid {process.pid}")
            for work in (self._read, self._wait):
                self._threads.append(threading.Thread(target=work, args=(index, process), daemon=True))
        for thread in self._threads:  # only now: what runs between a fork and its program should find no threads
            thread.start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the processes that run, not to what they started themselves."""
        for process in self._processes:
            process.send_signal(number)  # does nothing once its end is known

    def close(self) -> None:
        """Kill what is left of the processes and of those that they started; write their last lines."""
        for process in self._processes:
            process.kill()
            process.wait()
        # Those that they started may be at work still, writing the last lines.
        self._join(_LAST_LINES)
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self._join(_LAST_LINES)

    def _read(self, index: int, process: "subprocess.Popen[bytes]") -> None:
        """Both streams of a process to the screen, until they are closed."""
        assert process.stdout and process.stderr
        streams: dict[BinaryIO, str] = {process.stdout: "out", process.stderr: "errors"}
        splitters = {stream: LineSplitter() for stream in streams.values()}
        with selectors.DefaultSelector() as selector:
            for file in streams:
                selector.register(file, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select():
                    stream, piece = streams[key.fileobj], os.read(key.fd, _PIECE)
                    splitter = splitters[stream]
                    for line in splitter.feed(piece) if piece else splitter.close():
                        self._screen.line(index, line, stream)
                    if splitter.live:
                        self._screen.live(index, splitter.live, stream)
                    if not piece:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()

    def _wait(self, index: int, process: "subprocess.Popen[bytes]") -> None:
        returncode = process.wait()
        self._events.put(Ended(index, process.pid, returncode, time.monotonic()))

    def _join(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _start(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),
    )


def _die_with(parent: int) -> Callable[[], None] | None:
    """What a new process does before its program starts: ask the kernel to kill it when its parent dies.

    None where the kernel is not Linux, which alone can be asked.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
