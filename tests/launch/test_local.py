"""Several processes on this machine: their output, their end, and what follows from it."""

import contextlib
import os
import pty
import queue
import random
import re
import signal
import subprocess
import time

import exit_codes
import local
import pytest
from exit_codes import Ended
from launchers import PYTHON, call, start
from output_lines import LineSplitter, Screen
from process_set import ProcessSet

# Before the program of each test: `rank` is the number of the process.
HEADER = """
import os, signal, sys, time
rank = int(os.environ["JAX_PROCESS_ID"])
def say(*words): os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # unlike print, also from a signal handler
"""


def program(text):
    return ["--", *PYTHON, HEADER + text]


def run(*words, text):
    return call("local.py", *words, *program(text))


@contextlib.contextmanager
def running(*words, text):
    """The launcher, once each of its processes has printed a line, and the process ids of those."""
    launcher = start("local.py", *words, *program(text))
    pids = []
    try:
        while len(pids) < 2:
            found = re.match(r"\[launch\] process \d: pid (\d+)", launcher.stderr.readline())
            pids += [int(found[1])] if found else []
        spoken = set()
        while len(spoken) < 2:
            spoken.add(launcher.stdout.readline()[:3])
        yield launcher, pids
    finally:
        launcher.kill()
        launcher.communicate()


def is_alive(pid):
    """Whether a process runs; one that nobody has waited for is dead too."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_no_line_is_lost_torn_or_out_of_order():
    text = """
import itertools
for number in range(300):
    out = f"out {rank} {number} {'x' * (number % 50)}"
    os.write(1, out[:5].encode()); os.write(1, out[5:].encode() + b"\\n")
    os.write(2, f"error {rank} {number}\\n".encode())
os.write(1, b"no end of line")
"""
    code, output, errors = run("-n", 3, text=text)
    assert code == 0
    for rank in range(3):
        mine = [line[4:] for line in output.splitlines() if line.startswith(f"[{rank}] ")]
        assert mine == [*(f"out {rank} {number} {'x' * (number % 50)}" for number in range(300)), "no end of line"]
        mine = [line[4:] for line in errors.splitlines() if line.startswith(f"[{rank}] ")]
        assert mine == [f"error {rank} {number}" for number in range(300)]
    assert len(output.splitlines()) == 3 * 301


def test_lines_do_not_depend_on_the_pieces_they_come_in():
    text = b"one\r\n\ntwo\n 10%\r 20%\r100%\nthree\rfour\r\nlast"
    for seed in range(50):
        cuts = sorted(random.Random(seed).sample(range(len(text)), 8))
        splitter, lines = LineSplitter(), []
        for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            lines += splitter.feed(text[begin:end])
        assert [*lines, *splitter.close()] == [b"one", b"", b"two", b"100%", b"four", b"last"]


def test_on_a_terminal_progress_stays_in_its_line_below_the_others(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    reader, writer = pty.openpty()
    with open(reader, "rb", buffering=0) as master, open(writer, "w") as terminal:
        screen = Screen(terminal, terminal, reader_left=lambda: None)
        screen.live(1, b"hidden")
        screen.live(0, b"10%")
        screen.line(1, b"hello")
        screen.line(0, b"100%")
        screen.say("end")
        shown = ""
        while not shown.endswith("end\r\n"):  # a terminal hands on what was written in pieces
            shown += master.read(4096).decode()
    zero, one, clear = "\x1b[36m[0] \x1b[0m", "\x1b[33m[1] \x1b[0m", "\r\x1b[K"
    assert shown == (
        f"{clear}{zero}10%{clear}{one}hello\r\n{zero}10%"  # drawn again below the line
        f"{clear}{zero}100%\r\n[launch] end\r\n"
    )


# What the processes do and how it ends: exit code, and the process that is named.
ENDS = {
    "all succeed": ("pass", 0, None),
    "all saved": ("sys.exit(75)", 75, "process . .*exit code 75"),
    "the config is wrong": ("sys.exit(2)", 2, "process . .*exit code 2"),
    "one lacks data, the other waits for it": ("sys.exit(3) if rank else time.sleep(60)", 3, "process 1 .*exit code 3"),
    "one is killed, the other waits": (
        "os.kill(os.getpid(), 9) if rank else time.sleep(60)",
        76,
        "process 1 .*killed by SIGKILL",
    ),
    "one is killed, the other notices and aborts": (
        "time.sleep(0.1) if rank == 0 else None; os.kill(os.getpid(), 9) if rank else os.abort()",
        76,
        "process 1 .*killed by SIGKILL",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_exit_code_tells_how_it_ended(name):
    text, expected, named = ENDS[name]
    began = time.monotonic()
    code, _, errors = run("-n", 2, "--grace", 0.3, text=text)
    assert code == expected, errors
    assert re.search(f"exit code {expected}: {named}", errors) if named else "exit code" not in errors
    assert time.monotonic() - began < 10


def end(index, returncode, seconds, by_launcher=False):
    return Ended(index, 100 + index, returncode, seconds, by_launcher)


@pytest.mark.parametrize(
    ("ends", "asked", "code", "named"),
    [
        ([end(0, 1, 5.0), end(1, -9, 5.1)], None, 76, 1),  # the exception was seen before the kill that caused it
        ([end(0, 1, 5.0), end(1, -9, 5.1, by_launcher=True)], None, 1, 0),
        ([end(0, 4, 5.0), end(1, -9, 5.1)], None, 4, 0),
        ([end(0, -6, 5.5), end(1, 134, 5.0)], None, 76, 1),
        ([end(0, 0, 5.0), end(1, -11, 5.0)], None, 76, 1),
        ([end(0, 76, 5.0), end(1, -9, 6.0)], None, 76, 1),
        ([end(0, 76, 5.0), end(1, 3, 9.0)], None, 3, 1),  # the other says why, if later
        ([end(0, 76, 5.0), end(1, -15, 40.0, by_launcher=True)], None, 76, 0),
        ([end(0, 75, 5.0), end(1, 0, 6.0)], None, 75, 0),
        ([end(0, 75, 5.0), end(1, -9, 5.1)], None, 76, 1),
        ([end(0, 75, 5.0), end(1, -9, 40.0, by_launcher=True)], None, 76, 0),  # it did not save
        ([end(0, 75, 5.0), end(1, 75, 5.1)], signal.SIGTERM, 75, 0),
        ([end(0, -15, 5.0), end(1, -15, 5.1)], signal.SIGTERM, 143, 0),
        ([end(0, -9, 5.0), end(1, -9, 5.1)], signal.SIGINT, 130, 0),
        ([end(0, 130, 5.0), end(1, 130, 5.1)], signal.SIGINT, 130, 0),
    ],
)
def test_the_cause_is_told_from_what_followed(ends, asked, code, named):
    found, cause = exit_codes.outcome(ends, asked)
    assert (found, cause.index) == (code, named)


def test_who_does_not_end_after_another_failed_is_terminated_then_killed(monkeypatch, capfd):
    monkeypatch.setattr(local, "_KILL_AFTER", 0.2)
    text = """
signal.signal(signal.SIGTERM, lambda *_: say("not yet"))
if rank: time.sleep(0.2); sys.exit(3)
while True: time.sleep(1)
"""
    events = queue.SimpleQueue()
    with open(1, "w", closefd=False) as out, open(2, "w", closefd=False) as errors:
        screen = Screen(out, errors, reader_left=lambda: None)
        environments = [{**os.environ, "JAX_PROCESS_ID": str(rank)} for rank in range(2)]
        processes = ProcessSet(program(text)[1:], environments, events, screen)
        ended, _ = local.watch(processes, 2, events, 0.2, screen)
        processes.close()
    assert [process.returncode for process in ended] == [3, -signal.SIGKILL]
    output, errors = capfd.readouterr()
    assert "[0] not yet" in output
    assert re.search("sending SIGTERM.*sending SIGKILL", errors, re.DOTALL)


def test_restarts_after_75_and_76_with_a_new_port_each_time(tmp_path):
    text = f"""
path = "{tmp_path}/starts_" + str(rank)
with open(path, "a") as file: file.write(os.environ["JAX_COORDINATOR_ADDRESS"] + "\\n")
starts = len(open(path).readlines())
if starts == 1: sys.exit(75)
if starts == 2: os.kill(os.getpid(), 9) if rank else time.sleep(60)
"""
    code, _, errors = run("-n", 2, "--restarts", 5, "--grace", 0.1, text=text)
    assert code == 0
    assert re.findall(r"restart \d of \d", errors) == ["restart 1 of 5", "restart 2 of 5"]
    addresses = (tmp_path / "starts_0").read_text().split()
    assert len(set(addresses)) == len(addresses) == 3
    assert (tmp_path / "starts_1").read_text().split() == addresses


@pytest.mark.parametrize(("ends", "starts"), [(75, 3), (3, 1)])
def test_restarts_are_counted_and_only_for_what_can_be_continued(ends, starts):
    code, output, _ = run("-n", 1, "--restarts", 2, text=f"say('started'); sys.exit({ends})")
    assert (code, output.count("started")) == (ends, starts)


# Each process counts the signals it gets, and ends after a moment.
COUNTING = """
got = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, frame: got.append(signal.Signals(number).name))
say("ready")
while not got: time.sleep(0.01)
time.sleep(0.3)
say("got", *got); sys.exit(75)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_every_process_once_and_nothing_is_restarted(number):
    with running("-n", 2, "--restarts", 3, text=COUNTING) as (launcher, _):
        os.killpg(launcher.pid, number)  # as the terminal does at Ctrl-C: to all that are in its group
        output, errors = launcher.communicate(timeout=20)
    assert launcher.returncode == 75
    assert sorted(output.splitlines()) == [f"[{rank}] got {number.name}" for rank in range(2)]
    assert "restart" not in errors


def test_a_second_interrupt_kills():
    text = "signal.signal(signal.SIGINT, lambda *_: say('saving')); say('ready')\nwhile True: time.sleep(1)"
    with running("-n", 2, text=text) as (launcher, pids):
        launcher.send_signal(signal.SIGINT)
        for _ in pids:
            assert launcher.stdout.readline().endswith("saving\n")
        launcher.send_signal(signal.SIGINT)
        launcher.communicate(timeout=20)
    assert launcher.returncode == 130
    assert not any(map(is_alive, pids))


def test_no_process_outlives_a_launcher_that_is_killed():
    text = "signal.signal(signal.SIGTERM, signal.SIG_IGN); say('ready'); time.sleep(60)"
    with running("-n", 2, text=text) as (launcher, pids):
        assert all(map(is_alive, pids))
        launcher.kill()
        launcher.wait()
        wait_for(lambda: not any(map(is_alive, pids)))


def test_what_the_processes_started_themselves_is_ended_too():
    text = "import subprocess; say(subprocess.Popen(['sleep', '60'], stdout=-3, stderr=-3).pid)"
    code, output, _ = run("-n", 2, text=text)
    assert code == 0
    pids = [int(line.split()[1]) for line in output.splitlines()]
    assert len(pids) == 2
    wait_for(lambda: not any(map(is_alive, pids)))


def test_when_the_reader_leaves_the_processes_are_asked_to_end():
    with running("-n", 2, text=COUNTING.replace("while not got:", "while not got: say('more');")) as (launcher, pids):
        launcher.stdout.close()
        launcher.stdout = None
        launcher.communicate(timeout=20)
    assert launcher.returncode == 75
    assert not any(map(is_alive, pids))


def test_what_a_dry_run_prints_can_be_run_by_a_shell():
    text = "say(rank, os.environ['JAX_NUM_PROCESSES'], os.environ['XLA_FLAGS'], os.environ['JAX_COORDINATOR_ADDRESS'])"
    environment = {**os.environ, "XLA_FLAGS": "--xla_one=1"}
    words = ["-n", 2, "--devices-per-process", 4, "--dry-run", *program(text)]
    code, shown, _ = call("local.py", *words, environment=environment)
    assert code == 0
    done = subprocess.run(["bash", "-e"], input=shown, capture_output=True, text=True, check=True)
    for rank, line in enumerate(sorted(done.stdout.splitlines())):
        flags = "--xla_one=1 --xla_force_host_platform_device_count=4"
        assert re.fullmatch(rf"{rank} 2 {flags} 127\.0\.0\.1:\d+", line)
    assert "JAX_PLATFORMS=cpu" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-n", 2], "give the command after --"),
        (["-n", 0, "--", "true"], "'0' is not a whole number of at least 1"),
        (["-n", 2, "--", "no_such_command"], "no_such_command is not a command here"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(words, said):
    code, _, errors = call("local.py", *words)
    assert code == 2
    assert said in errors
    assert "Traceback" not in errors
