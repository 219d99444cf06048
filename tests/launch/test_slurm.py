"""SLURM: the script that is written, and jobs in a real cluster of one node."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from launchers import call
from slurm_script import Job, script
from sweep import combinations, split_values

GOLDEN = Path(__file__).parent / "golden"
TWO = ["--tasks-per-node=2"]
JOBS = {
    "plain": Job(
        command=["python", "-m", "spectrax.train", "+experiment=svt_digits"],
        working_directory="/home/user/spectrax",
        log_directory="/home/user/.local/state/spectrax/slurm/20260102-030405-spectrax",
    ),
    "sweep": Job(
        command=["python", "-m", "spectrax.train", "run_dir=out/my run ${seed}"],
        working_directory="/home/user/my work",
        log_directory="/home/user/100% mine",
        name="my sweep",
        nodes=2,
        tasks_per_node=4,
        gpus_per_node=8,
        cpus_per_task=8,
        memory="64G",
        time="1-12:00:00",
        partition="gpu",
        account="lab",
        signal_before=300,
        max_requeues=3,
        sweep=combinations(["seed=0,1", "model.depths=[1,1],[2,2]"]),
        at_once=2,
        setup=["module load cuda", "source .venv/bin/activate"],
        sbatch=["--qos=high"],
    ),
}


@pytest.mark.parametrize("name", JOBS)
def test_the_script_is_the_recorded_one(name):
    text = script(JOBS[name])
    assert text == (GOLDEN / f"slurm_{name}.sh").read_text()
    assert subprocess.run(["bash", "-n"], input=text, text=True).returncode == 0


def test_a_sweep_has_every_combination():
    assert combinations(["a=1,2", "b=x,y"]) == [["a=1", "b=x"], ["a=1", "b=y"], ["a=2", "b=x"], ["a=2", "b=y"]]
    assert combinations([]) == []
    assert split_values("[1,2],{a:1,b:2},'x,y',z") == ["[1,2]", "{a:1,b:2}", "'x,y'", "z"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["submit", "--", "true"], "sbatch is not on this machine"),
        (["submit", "--nodes", "2"], "Give the command after --"),
        (["submit", "--sweep", "seed", "--", "true"], "'seed' is no sweep"),
        (["submit", "--sweep", "lr=tag(log,interval(0,1))", "--", "true"], "Hydra's functions are for -m"),
        (["submit", "--sweep", "a=1", "--sweep", "a=2", "--", "true"], "a is swept twice"),
        (["submit", "--sweep", "seed=1,2", "--", "true", "run_dir=out"], "would share run_dir=out"),
        (["submit", "--gpus-per-node=4", "--tasks-per-node=3", "--", "true"], "4 cannot be shared out evenly"),
        (["submit", "--time", "soon", "--", "true"], "'soon' is no time"),
        (["submit", "--nodes", "0", "--", "true"], "'0' is not a whole number of at least 1"),
        (["logs", "7"], "No job 7 was submitted from here"),
        (["cancel", "all"], "'all' is no job id"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(words, said, tmp_path):
    code, _, errors = call("slurm.py", *words, environment={"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert code == 2
    assert said in errors
    assert "Traceback" not in errors


def test_what_a_dry_run_prints_does_what_submit_would(tmp_path):
    """Run by a shell, with an sbatch that shows what it is given."""
    (tmp_path / "sbatch").write_text('#!/bin/bash\ncat "${@: -1}"\n')
    (tmp_path / "sbatch").chmod(0o755)
    words = ["submit", "--records", tmp_path / "my records", "--dry-run", *TWO, "--", "echo", "it's"]
    _, shown, _ = call("slurm.py", *words)
    assert not (tmp_path / "my records").exists()
    path = f"{tmp_path}:/usr/bin:/bin"
    given = subprocess.run(["bash", "-e"], input=shown, capture_output=True, text=True, env={"PATH": path}, check=True)
    assert given.stdout.startswith("#!/bin/bash\n")
    assert "#SBATCH --ntasks-per-node=2" in given.stdout
    assert given.stdout in shown


# What the processes of the jobs run; the files begun_0 and begun_1 tell that they can be signalled.
STUB = """
import os, pathlib, signal, sys, time
mode, rank, restarts = sys.argv[1], os.environ["SLURM_PROCID"], os.environ.get("SLURM_RESTART_COUNT", "0")
def save(*_):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(1.5 if rank == "0" else 0.1)
    print("saved", flush=True)
    sys.exit(75)
signal.signal(signal.SIGTERM, save)
print("begun", *sys.argv[1:], "of", os.environ["SLURM_NTASKS"], "after", restarts, flush=True)
print("devices", os.environ.get("JAX_LOCAL_DEVICE_IDS"), flush=True)
pathlib.Path(f"begun_{rank}").touch()
if mode == "wait" and restarts == "0":
    time.sleep(60)
if mode == "fail":
    time.sleep(60 if rank == "0" else 0.5)
    sys.exit(3)
if mode == "die":
    time.sleep(60 if rank == "0" else 0.5)
    os.kill(os.getpid(), signal.SIGKILL)
print("done", flush=True)
"""


def submit(cluster, *words, mode="plain"):
    (cluster.directory / "stub.py").write_text(STUB)
    return cluster.submit(*words, command=[sys.executable, "stub.py", mode])


def begun(cluster):
    cluster.wait_for(lambda: all((cluster.directory / f"begun_{rank}").exists() for rank in (0, 1)), "start")


@pytest.mark.slurm
def test_a_job_of_two_processes(cluster):
    job = submit(cluster, *TWO, "--job-name=mine", "--cpus-per-task=1", "--gpus-per-node=4")
    log, status = cluster.finished(job)
    for rank in (0, 1):
        assert f"{rank}: begun plain of 2 after 0\n" in log
        assert f"{rank}: devices {2 * rank},{2 * rank + 1}\n" in log
        assert f"{rank}: done\n" in log
    assert re.search(rf"^{job} +mine +\S+ +ended with exit code 0 .*stub.py plain$", status)
    record = json.loads(next(cluster.directory.glob("*/*/job.json")).read_text())
    assert record["job"] == job


@pytest.mark.slurm
def test_a_sweep_is_an_array(cluster):
    job = submit(cluster, "--sweep=seed=0,1", "--sweep=depths=[1,1],[2,2]")
    cluster.finished(job)
    for index, words in enumerate(combinations(["seed=0,1", "depths=[1,1],[2,2]"])):
        log, status = cluster.finished(f"{job}_{index}")
        assert f"0: begun plain {' '.join(words)} of 1 after 0\n" in log
        assert status.startswith(f"{job}_{index} ")
        assert status.endswith(shlex.join(words))


@pytest.mark.slurm
def test_sigterm_reaches_the_processes_and_the_run_goes_on(cluster):
    job = submit(cluster, *TWO, mode="wait")
    begun(cluster)
    subprocess.run(["scancel", "--signal=TERM", job], env=cluster.environment, check=True)
    followed = cluster.launch("logs", job, "--follow")  # through the queue
    log, status = cluster.finished(job)
    assert log == followed
    for rank in (0, 1):
        assert re.search(
            f"{rank}: begun wait of 2 after 0(.|\n)*{rank}: saved(.|\n)*{rank}: begun wait of 2 after 1", log
        )
    assert "exit code 75: requeued, 1 of 10" in log
    assert "ended with exit code 0" in status


@pytest.mark.slurm
def test_what_is_cancelled_saves_and_stays_cancelled(cluster):
    job = submit(cluster, *TWO, mode="wait")
    begun(cluster)
    assert "running" in cluster.launch("status", job)
    cluster.launch("cancel", job)
    log, status = cluster.finished(job)
    assert {"0: saved", "1: saved"} <= set(log.splitlines())
    assert "SLURM is ending the job: not requeued" in log
    assert "ended with exit code 75" in status


@pytest.mark.slurm
@pytest.mark.parametrize(("mode", "code"), [("fail", 3), ("die", 76)])
def test_the_code_is_that_of_the_process_that_failed_first(cluster, mode, code):
    job = submit(cluster, *TWO, "--max-requeues=0", mode=mode)
    log, status = cluster.finished(job)
    assert "0: saved" in log  # its own exit code is 75
    assert f"ended with exit code {code} " in status
    assert ("requeued 0 times already" in log) == (code == 76)
