"""What a run survives: kills at any moment, signals, a second process, full and unwritable disks."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import PLAIN, SMALL, call, start, train

STEPS = 50
RUN = [*PLAIN, f"trainer.steps={STEPS}", "trainer.evaluate_every_steps=10", "trainer.log_every=5", "run_dir=run"]
KILLS = int(os.environ.get("SPECTRAX_TEST_KILLS", "1"))


def state_of(run_dir, step=STEPS):
    import orbax.checkpoint as ocp

    from spectrax.core.trees import leaf_paths

    tree = ocp.StandardCheckpointer().restore((run_dir / "checkpoints" / f"step_{step}" / "state").absolute())
    return {path: np.asarray(leaf) for path, leaf in leaf_paths(tree)}


def assert_same_run(first, second):
    assert (first / "metrics.csv").read_bytes() == (second / "metrics.csv").read_bytes()
    a, b = state_of(first), state_of(second)
    assert a.keys() == b.keys()
    for path in a:
        np.testing.assert_array_equal(a[path], b[path], err_msg=path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, data_dir):
    cwd = tmp_path_factory.mktemp("undisturbed")
    code, output = train(*RUN, cwd=cwd, data_dir=data_dir)
    assert code == 0, output
    return cwd / "run"


def wait_for(condition, process, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def logged_step(run_dir):
    """The last whole step in metrics.csv."""
    path = Path(run_dir, "metrics.csv")
    lines = path.read_text().splitlines()[1:] if path.exists() else []
    return int(lines[-1].split(",")[0]) if lines else 0


def saved_steps(run_dir):
    """Finished checkpoints: unfinished ones have longer names."""
    return [path for path in Path(run_dir, "checkpoints").glob("step_*") if path.name.removeprefix("step_").isdigit()]


def test_a_polite_signal_and_sigkills_at_random_moments_leave_a_bit_identical_run(undisturbed, tmp_path, data_dir):
    process = start(["spectrax.train", *SMALL, *RUN], tmp_path, data_dir)
    wait_for(lambda: logged_step(tmp_path / "run") >= 10, process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 75, output
    assert "Run the same command to continue" in output and "Traceback" not in output
    moments = random.Random(0)
    for kill in range(KILLS):
        process = start(["spectrax.train", *SMALL, *RUN], tmp_path, data_dir)
        # A random step of those still to come, then a random moment after it: also in the middle of a save.
        step = logged_step(tmp_path / "run")
        target = min(step + 5 * moments.randint(0, 3), STEPS - 5)
        wait_for(lambda target=target: logged_step(tmp_path / "run") >= target, process)
        time.sleep(moments.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0), f"kill {kill}"
    code, output = train(*RUN, cwd=tmp_path, data_dir=data_dir)
    assert code == 0 and "Continuing from step" in output, output
    assert_same_run(undisturbed, tmp_path / "run")


def children(process):
    """The processes that a process started and that still run."""
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return [int(word) for word in listing.stdout.split()]


def runs(pid):
    """Whether a process exists and has not ended."""
    path = Path("/proc", str(pid), "stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_with_workers_a_signal_to_all_of_them_is_survived(tmp_path, data_dir, number):
    """As a terminal's Ctrl-C and a scheduler do it. No worker outlives its run, whatever ended it."""
    grain = [*RUN, "loader=grain"]
    process = start(["spectrax.train", *SMALL, *grain], tmp_path, data_dir, apart=True)
    # Something is saved for good, and more was done since.
    wait_for(lambda: saved_steps(tmp_path / "run") and logged_step(tmp_path / "run") >= 15, process)
    workers = children(process)
    assert workers
    if number == signal.SIGKILL:
        process.kill()  # the process alone: its workers must notice
    else:
        os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == (-number if number == signal.SIGKILL else 75), output
    assert "Traceback" not in output, output
    deadline = time.monotonic() + 30
    while any(runs(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its run"
        time.sleep(0.1)
    if number == signal.SIGKILL:  # after the other, a run continues as without workers
        code, output = train(*grain, cwd=tmp_path, data_dir=data_dir)
        assert code == 0 and "Continuing from step" in output, output
        assert logged_step(tmp_path / "run") == STEPS


def test_a_signal_while_compiling_exits_75_and_ends_a_sweep(tmp_path, data_dir):
    # Another width than the other tests', so that the step is compiled, not found in the cache.
    sweep = ["-m", "seed=0,1", "model.stem_width=12", "trainer.steps=10"]
    process = start(["spectrax.train", *SMALL, *sweep], tmp_path, data_dir)
    logs = tmp_path / "runs" / "svt_digits"
    wait_for(lambda: any("Compiling" in log.read_text() for log in logs.glob("*/log.txt")), process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 75, output
    assert "SIGTERM received" in output and "[1]" not in output, output


def test_a_second_process_on_the_same_run_refuses(tmp_path, data_dir):
    first = start(["spectrax.train", *SMALL, *RUN, "trainer.steps=100000"], tmp_path, data_dir)
    try:
        wait_for(lambda: (tmp_path / "run" / "config.yaml").exists(), first)
        code, output = train(*RUN, "trainer.steps=100000", cwd=tmp_path, data_dir=data_dir)
        assert code == 1 and f"in use by process {first.pid}" in output and "Traceback" not in output
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()


@pytest.mark.thorough
def test_a_finished_run_says_so_and_evaluates_to_the_same_bits(undisturbed, tmp_path, data_dir):
    run_dir = undisturbed
    before = (run_dir / "metrics.csv").read_bytes()
    code, output = train(*RUN, cwd=run_dir.parent, data_dir=data_dir)
    assert code == 0 and "nothing was left to do" in output
    assert (run_dir / "metrics.csv").read_bytes() == before
    summary = json.loads((run_dir / "summary.json").read_text())
    for step, kept in (("last", "final"), ("best", "best")):
        output = tmp_path / f"{step}.json"
        arguments = ["spectrax.evaluate", f"checkpoint={run_dir}", f"step={step}", f"output={output}"]
        code, text = call(arguments, tmp_path, data_dir)
        assert code == 0, text
        metrics = json.loads(output.read_text())["metrics"]
        assert metrics
        for name, value in metrics.items():
            assert value == summary["metrics"][f"{kept}.test.{name}"], (step, name)


def test_another_config_in_the_same_run_directory_exits_5_with_a_diff(undisturbed, data_dir):
    run_dir = undisturbed
    code, output = train(*RUN, "seed=7", cwd=run_dir.parent, data_dir=data_dir)
    assert code == 5 and "seed: 0 -> 7" in output and "Traceback" not in output


@pytest.mark.thorough
def test_more_steps_continue_a_finished_run(undisturbed, tmp_path, data_dir):
    arguments = [argument for argument in RUN if not argument.startswith("trainer.steps=")]
    code, output = train(*arguments, "trainer.steps=10", cwd=tmp_path, data_dir=data_dir)
    assert code == 0, output
    code, output = train(*arguments, "trainer.steps=20", cwd=tmp_path, data_dir=data_dir)
    assert code == 0 and "Continuing from step 10 of 20" in output
    assert logged_step(tmp_path / "run") == 20


@pytest.mark.thorough
def test_divergence_exits_4_and_names_the_step(tmp_path, data_dir):
    code, output = train(*RUN, "schedule.peak=1e30", cwd=tmp_path, data_dir=data_dir)
    assert code == 4 and "at step" in output and "first bad leaf" in output and "Traceback" not in output


def test_an_unwritable_run_directory_is_a_sentence(tmp_path, data_dir):
    (tmp_path / "file").write_text("")
    code, output = train(*RUN[:-1], "run_dir=file/run", cwd=tmp_path, data_dir=data_dir)
    assert code == 1 and "cannot be written" in output and "run_dir=PATH" in output and "Traceback" not in output


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MiB, where the machine allows making one."""
    target = tmp_path / "disk"
    target.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(target)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield target
    subprocess.run(["umount", str(target)], check=True)


def fill(path):
    """Write zeros until nothing fits."""
    with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))


# The command without its look at the free space: the disk is found full in the middle of a save.
UNFORESEEN = """
import sys
from spectrax import train
from spectrax.training import checkpoints
checkpoints.check_room = lambda directory, needed: None
sys.exit(train.main())
"""


@pytest.mark.thorough
@pytest.mark.parametrize("module", ["spectrax.train", "unforeseen"])
def test_a_full_disk_is_a_sentence_and_earlier_checkpoints_stay(small_disk, tmp_path, data_dir, module):
    (tmp_path / "unforeseen.py").write_text(UNFORESEEN)
    lengths = ["trainer.steps=120", "trainer.evaluate_every_steps=60"]
    where = [*lengths, f"run_dir={small_disk}/run"]
    checkpoints = small_disk / "run" / "checkpoints"
    process = start([module, *SMALL, *where], tmp_path, data_dir)
    try:
        wait_for(lambda: (checkpoints / "step_60").exists(), process)
        fill(small_disk / "filler")
        output, _ = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 1, output
    assert "intact" in output and "Traceback" not in output, output
    assert "the disk is full" in output or "No space left on device" in output
    assert [path.name for path in checkpoints.glob("step_*[0-9]")] == ["step_60"]
    if module == "unforeseen":  # the worse of the two
        (small_disk / "filler").unlink()
        code, output = train(*where, cwd=tmp_path, data_dir=data_dir)
        assert code == 0 and "Continuing from step" in output, output
