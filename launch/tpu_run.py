"""A command on all workers of a TPU slice: started, watched, and started again."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from exit_codes import CONTINUED, PROCESS_LOST, Ended, outcome
from programs import Refused
from tpu_commands import Pod, attempt
from tpu_life import GONE, is_gone, settled

_ENDED = re.compile(rb"\[(\d+)\] pid (\d*) ended with exit code (\d+)\s*")  # as tpu_worker.sh says it
_KILL_AFTER = 10.0  # seconds between SIGTERM and SIGKILL for a connection that does not end


def keep_running(
    pod: Pod, command: Sequence[str], restarts: int, poll: float, prepare: Callable[[], None], remakes: bool
) -> int:
    """Run the command until it has succeeded, failed for good, or was told to end; the exit code.

    Args:
        command: words that every worker runs.
        restarts: how often to start again after the codes 75 and 76, a lost connection, or the loss of the slice.
        poll: seconds between two looks at the slice.
        prepare: called before each restart; puts what the run needs on the slice.
        remakes: whether `prepare` makes the slice again where it was taken away; otherwise that is the end.

    Raises:
        Mistake: from `prepare`; of a slice that was taken away meanwhile only where `prepare` does not make it again.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it means what Ctrl-C does
    code = PROCESS_LOST
    for restart in range(restarts + 1):
        if restart:
            _say(f"restart {restart} of {restarts}")
            try:
                prepare()
            except Refused as error:
                time.sleep(poll)  # its state follows
                if not remakes or settled(pod, poll) not in GONE:
                    raise
                _say(f"the slice was taken away again: {error}")
                code = PROCESS_LOST
                continue
        connection = Connection(pod, command, poll)
        code = connection.run()
        if connection.asked or code not in CONTINUED:
            return code
        time.sleep(poll)  # a machine of the slice may be shutting down: its state follows
        found = settled(pod, poll)
        if found in GONE:
            _say(f"the slice is {found or 'gone'}")
            if not remakes:
                _say("`tpu_pod.py up` makes it again and continues the run")
                return PROCESS_LOST
    return code


class Connection:
    """The command on all workers, through one call of gcloud that shows its output.

    Attributes:
        asked: whether the user told the run to end.
    """

    def __init__(self, pod: Pod, command: Sequence[str], poll: float):
        self._pod, self._poll = pod, poll
        self._words = pod.on_workers(attempt(command))
        self._ends: list[Ended] = []
        self.asked = False

    def run(self) -> int:
        """Wait for the end on all workers; the exit code of all together, 76 where the connection was lost."""
        process = subprocess.Popen(
            self._words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us, who pass it on
        )
        reader = threading.Thread(target=self._relay, args=(process,), daemon=True)
        reader.start()
        try:
            self._watch(process)
        finally:
            _end(process)
        reader.join(_KILL_AFTER)
        if process.returncode == 0:
            return 0
        code, cause = outcome(self._ends, signal.SIGTERM if self.asked else None)
        if cause is None:
            _say("the connection to the workers was lost")
            return PROCESS_LOST
        _say(f"exit code {code}: {cause}")
        return code

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Until the connection has ended, the slice has gone, or the user has pressed Ctrl-C twice."""
        while True:
            try:
                if self._over(process):
                    return
            except KeyboardInterrupt:
                if self.asked:
                    _say("left; the run goes on by itself. The same command shows it again, and `stop` ends it")
                    raise
                self.asked = True
                _say("passed on to all workers, which save and end. Ctrl-C again leaves them to themselves")
                subprocess.Popen(self._pod.on_workers(["stop"]), stdin=subprocess.DEVNULL, start_new_session=True)

    def _over(self, process: "subprocess.Popen[bytes]") -> bool:
        try:
            process.wait(timeout=self._poll)
            return True
        except subprocess.TimeoutExpired:
            return is_gone(self._pod)

    def _relay(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout
        for line in process.stdout:
            with contextlib.suppress(BrokenPipeError):  # a reader that left, such as `head`, does not end the run
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
            if match := _ENDED.fullmatch(line):
                worker, pid, code = (int(number or 0) for number in match.groups())
                self._ends.append(Ended(worker, pid, code, time.monotonic()))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End gcloud and the connections that it holds, where they have not ended."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_AFTER)
            return


def _say(text: str) -> None:
    print(f"[launch] {text}", file=sys.stderr, flush=True)
