"""Exit codes of the training command, and what those of several processes mean together."""

import dataclasses
import signal
from collections.abc import Sequence

PREEMPTED = 75  # stopped after saving: the same command continues the run
PROCESS_LOST = 76  # a process of the run died; the same command continues from the last checkpoint
CONTINUED = (PREEMPTED, PROCESS_LOST)  # the codes after which starting again makes sense

_MEANINGS = {
    1: "the run directory cannot be used, or an unexpected error",
    2: "the config is wrong",
    3: "data are missing",
    4: "the loss is not finite",
    5: "the checkpoint does not fit",
    PREEMPTED: "stopped after saving",
    PROCESS_LOST: "another process was lost",
}
_REASONS = (2, 3, 4, 5)  # of the process itself, whatever happened to others
_SHELL_SIGNALS = 128  # a shell reports a death by signal N as the exit code 128 + N
_SIMULTANEOUS = 1.0  # seconds within which the order of two ends says little
_FOLLOWING = ("SIGABRT", "SIGTERM")  # how a process ends because of another: JAX aborts, a supervisor terminates


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        returncode: as `subprocess` has it, negative for a death by signal.
        time: seconds on the monotonic clock.
        by_launcher: it was ended because another process had failed.
    """

    index: int
    pid: int
    returncode: int
    time: float
    by_launcher: bool = False

    @property
    def signal(self) -> str | None:
        """Name of the signal that killed it, or None."""
        number = -self.returncode if self.returncode < 0 else self.returncode - _SHELL_SIGNALS
        interrupted = self.returncode - _SHELL_SIGNALS == signal.SIGINT  # what a command itself returns after Ctrl-C
        known = {member.value: member.name for member in signal.Signals}
        return None if interrupted else known.get(number)

    def __str__(self) -> str:
        who = f"process {self.index} (pid {self.pid})"
        if self.signal:
            return f"{who} was killed by {self.signal}"
        meaning = _MEANINGS.get(self.returncode)
        return f"{who} ended with exit code {self.returncode}" + (f" ({meaning})" if meaning else "")


def outcome(ended: Sequence[Ended], asked: signal.Signals | None = None) -> tuple[int, Ended | None]:
    """Exit code of a set of processes that have all ended, and the process that was the cause (None: all is well).

    Args:
        asked: the signal by which all processes had been asked to end.
    """
    failed = sorted((process for process in ended if process.returncode), key=lambda process: process.time)
    if not failed:
        return 0, None
    cause = _cause(failed)
    if all(process.returncode == PREEMPTED for process in failed):
        return PREEMPTED, cause
    if asked and cause.signal:
        return _SHELL_SIGNALS + asked, cause
    if cause.signal or cause.returncode in CONTINUED:
        return PROCESS_LOST, cause
    return cause.returncode, cause


def _cause(failed: Sequence[Ended]) -> Ended:
    """The process that failed first; of nearly simultaneous ends a kill, unless the first had a reason of its own."""
    own = [process for process in failed if not process.by_launcher]
    own = [process for process in own if process.returncode != PROCESS_LOST] or own  # these know that another failed
    first = own[0]
    if first.returncode in _REASONS:
        return first
    near = [process for process in own if process.time - first.time <= _SIMULTANEOUS]
    killed = [process for process in near if process.signal and process.signal not in _FOLLOWING]
    return killed[0] if killed else first
