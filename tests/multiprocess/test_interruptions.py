"""Signals and kills of any process: a run of several is continued to the same bits."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import members
import pytest

LAUNCHER = Path(__file__).parents[2] / "launch" / "local.py"
KILLS = int(os.environ.get("SPECTRAX_TEST_KILLS", "2"))


def wait_for(path, pattern, processes, seconds=100):
    end = time.monotonic() + seconds
    while not list(path.glob(pattern)):
        assert time.monotonic() < end and all(process.poll() is None for process in processes)
        time.sleep(0.05)


def stopped(layout, asked, data_dir, tmp_path):
    """The run of two processes, after a signal to one of them."""
    command = ["spectrax.train", *members.SMALL, *layout, "run_dir=run"]
    processes = members.start(command, tmp_path, data_dir)
    wait_for(tmp_path, "run/metrics.csv", processes)
    processes[asked].send_signal(signal.SIGTERM)
    codes, outputs = members.finish(processes)
    assert codes == [75, 75], "\n".join(outputs)
    steps = [re.search(r"saved at step (\d+)", output)[1] for output in outputs]
    assert steps[0] == steps[1] and int(steps[0]) < 60
    return tmp_path / "run"


@pytest.mark.parametrize("asked", [pytest.param(0, marks=pytest.mark.thorough), 1])
def test_a_signal_to_one_process_stops_all_at_one_step(asked, undisturbed, data_dir, tmp_path):
    run = stopped([], asked, data_dir, tmp_path)
    members.train("run_dir=run", cwd=tmp_path, data_dir=data_dir)
    members.assert_same_run(undisturbed, run)


@pytest.mark.thorough
def test_processes_that_share_layers_agree_to_stop_too(data_dir, tmp_path):
    run = stopped(members.SHARED_LAYERS, 1, data_dir, tmp_path)
    members.train("run_dir=run", *members.SHARED_LAYERS, cwd=tmp_path, data_dir=data_dir)
    assert ("60", "test", "loss") in members.metrics(run)


@pytest.mark.thorough
def test_kills_of_any_process_are_survived_by_the_launcher(undisturbed, data_dir, tmp_path):
    """SIGKILL and SIGTERM in turn, to either process, at moments spread over the run."""
    launch = [sys.executable, str(LAUNCHER), "-n", "2", "--restarts", str(KILLS), "--grace", "20", "--"]
    words = [sys.executable, "-u", "-m", "spectrax.train", *members.SMALL, "run_dir=run", "trainer.save_every_steps=4"]
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        launcher = subprocess.Popen(
            [*launch, *words], cwd=tmp_path, env=members.environment(data_dir), stdout=file, stderr=subprocess.STDOUT
        )
    try:
        for number in range(KILLS):
            kill_one(log, tmp_path / "run", launcher, number)
        code = launcher.wait(timeout=100)
    finally:
        launcher.terminate()
        launcher.wait()
    text = log.read_text()
    assert code == 0, text
    if KILLS > 1:
        assert "process 0" in text and "SIGKILL" in text
    members.assert_same_run(undisturbed, tmp_path / "run")


def kill_one(log, run, launcher, number):
    """Wait until this start has taken steps, then end one of its processes."""
    # The last kill too must fall well before the end, whatever the number: step 48 of 60, saves being 4 steps apart.
    end, wanted = time.monotonic() + 100, (48 * (number + 1)) // (KILLS + 1)
    while True:
        assert launcher.poll() is None and time.monotonic() < end, log.read_text()
        pids = re.findall(r"process (\d): pid (\d+)", log.read_text())
        if len(pids) == 2 * (number + 1) and saved(run) >= wanted:
            break
        time.sleep(0.02)
    victim = int(pids[-2:][number % 2][1])
    os.kill(victim, signal.SIGKILL if number % 4 < 2 else signal.SIGTERM)


def saved(run):
    steps = [int(path.name.removeprefix("step_")) for path in run.glob("checkpoints/step_*") if path.name[5:].isdigit()]
    return max(steps, default=0)
