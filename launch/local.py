"""Start a command as several processes on this machine, watch them, and start them again when one is lost.

    python launch/local.py -n 2 -- python -m spectrax.train +experiment=svt_digits

Every line of output carries the number of its process. When a process dies it is named, and the others are ended.
Ctrl-C and SIGTERM are passed on to all processes, which save and end; a second Ctrl-C kills them.

Exit codes: 0 all processes succeeded; 75 all ended after saving and 76 a process was lost (either way the same command
continues the run); otherwise the code of the process that failed first (2 the config is wrong, 3 data are missing,
4 the loss is not finite, 5 the checkpoint does not fit).
"""

import argparse
import dataclasses
import os
import queue
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence

from command_words import arguments_and_command, count, count_or_zero, seconds
from exit_codes import CONTINUED, PREEMPTED, PROCESS_LOST, Ended, outcome
from output_lines import Screen
from process_set import Events, ProcessSet

_KILL_AFTER = 5.0  # seconds between SIGTERM and SIGKILL for processes that do not end after another failed
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> int:
    """Parse the command line and run it."""
    words, command = arguments_and_command(sys.argv[1:])
    parser = argparse.ArgumentParser(
        prog="launch/local.py",
        usage="%(prog)s -n N [options] -- COMMAND ...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-n", "--processes", type=count, required=True, metavar="N", help="how many processes")
    parser.add_argument(
        "--restarts",
        type=count_or_zero,
        default=0,
        metavar="N",
        help="start all again after exit code 75 or 76, up to N times (default 0)",
    )
    parser.add_argument(
        "--grace",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="what the other processes have to end by themselves after one has failed (default 30)",
    )
    parser.add_argument(
        "--devices-per-process",
        type=count,
        metavar="N",
        help="without accelerators: let the CPU pose as N devices in each process",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the processes as shell commands, start nothing")
    options = parser.parse_args(words)
    if not command:
        parser.error("give the command after --, such as: -- python -m spectrax.train +experiment=svt_digits")
    if shutil.which(command[0]) is None:
        parser.error(f"{command[0]} is not a command here; is its environment active?")
    if options.dry_run:
        print(dry_run(command, settings(options.processes, free_port(), options.devices_per_process, os.environ)))
        return 0
    try:
        return run(command, options)
    except OSError as error:
        parser.error(f"{command[0]} cannot be started: {error.strerror}")


def settings(
    processes: int, port: int, devices: int | None, environment: Mapping[str, str], columns: int | None = None
) -> list[dict[str, str]]:
    """What the environment of each process holds beyond the launcher's own.

    Args:
        devices: how many devices the CPU poses as in each process; None leaves the machine's devices.
        columns: width of a line, if the output is read on a terminal.
    """
    shared = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "JAX_NUM_PROCESSES": str(processes)}
    if devices is not None:
        flags = [environment.get("XLA_FLAGS", ""), f"--xla_force_host_platform_device_count={devices}"]
        shared |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": " ".join(flags).strip()}
    if columns is not None:
        shared["COLUMNS"] = str(columns - len(f"[{processes - 1}] "))
    # Into a pipe Python writes in blocks: lines would come late, and those before a kill never.
    return [{**shared, "JAX_PROCESS_ID": str(index), "PYTHONUNBUFFERED": "1"} for index in range(processes)]


def dry_run(command: Sequence[str], added: Sequence[Mapping[str, str]]) -> str:
    """The processes as lines for a shell."""
    lines = ["# Every start takes a free port. A shell only starts these; the launcher also watches them."]
    for variables in added:
        assignments = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
        lines.append(f"env {' '.join(assignments)} {shlex.join(command)} &")
    return "\n".join([*lines, "wait"])


def run(command: Sequence[str], options: argparse.Namespace) -> int:
    """Start the processes, again if that is wanted, and return the exit code of the last time."""
    events: Events = queue.SimpleQueue()
    screen = Screen(sys.stdout, sys.stderr, reader_left=lambda: events.put(signal.SIGTERM))
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda received, frame: events.put(signal.Signals(received)))
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for start in range(options.restarts + 1):
        added = settings(options.processes, free_port(), options.devices_per_process, os.environ, columns)
        processes = ProcessSet(command, [{**os.environ, **variables} for variables in added], events, screen)
        try:
            ended, asked = watch(processes, options.processes, events, options.grace, screen)
        finally:
            processes.close()
        screen.close()
        code, cause = outcome(ended, asked)
        report(code, cause, screen)
        if asked or code not in CONTINUED or start == options.restarts:
            break
        screen.say(f"restart {start + 1} of {options.restarts}")
    return code


def watch(
    processes: ProcessSet, running: int, events: Events, grace: float, screen: Screen
) -> tuple[list[Ended], signal.Signals | None]:
    """Wait until all processes have ended; pass signals on, and end the others when one has failed.

    Returns:
        the ends in their order, and the first signal that the launcher received.
    """
    ended: list[Ended] = []
    asked: signal.Signals | None = None
    due: list[tuple[float, signal.Signals]] = []  # what will be sent to those that do not end, and when
    sent = False
    while len(ended) < running:
        try:
            event = events.get(timeout=max(0.0, due[0][0] - time.monotonic()) if due else None)
        except queue.Empty:
            sent, number = True, due.pop(0)[1]
            screen.say(f"{running - len(ended)} still running: sending {number.name}")
            processes.send(number)
            continue
        if isinstance(event, Ended):
            ended.append(dataclasses.replace(event, by_launcher=sent))
            if event.returncode and len(ended) < running and not due:
                screen.say(f"{event}; the others have {grace:g} s to end")
                now = time.monotonic()
                due = [(now + grace, signal.SIGTERM), (now + grace + _KILL_AFTER, signal.SIGKILL)]
        elif asked is None:
            asked = event
            screen.say(f"{event.name}: passed on to all processes, which save and end")
            # A hang-up has no meaning for the training.
            processes.send(signal.SIGTERM if event == signal.SIGHUP else event)
        elif event == signal.SIGINT:
            screen.say(f"{event.name} after {asked.name}: killing all processes")
            processes.send(signal.SIGKILL)
    return ended, asked


def report(code: int, cause: Ended | None, screen: Screen) -> None:
    """Say why the processes ended, and what to do."""
    if cause is None:
        return
    advice = ". Run the same command again to continue" if code in (PREEMPTED, PROCESS_LOST) else ""
    screen.say(f"exit code {code}: {cause}{advice}")


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    raise SystemExit(main())
