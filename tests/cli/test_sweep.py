"""Sweeps: what is run, skipped, continued and told, whichever sweeper and launcher."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sweeping
import yaml
from command_line import SMALL
from omegaconf import OmegaConf

from spectrax.config.compose import compose_command, config_hash
from spectrax.config.shell import guarded
from spectrax.core import lock
from spectrax.core.errors import ConfigError, RunDirectoryError
from spectrax.sweeps import jobs, request
from spectrax.sweeps.driver import sweep
from spectrax.sweeps.slurm_queue import Submissions

SHORT = ["trainer.steps=4"]


_composed = functools.cache(compose_command)


def quickly_composed(words):
    """The config of a run; those that differ in seed, peak and shift alone are composed once."""
    pairs = dict(word.split("=", 1) for word in words if word.split("=")[0] in ("seed", "schedule.peak", "task.shift"))
    config = _composed(tuple(word for word in words if word.split("=")[0] not in pairs)).copy()
    for key, value in pairs.items():
        OmegaConf.update(config, key, yaml.safe_load(value))
    if not any(word.startswith("run_dir=") for word in words):
        name = config_hash(OmegaConf.to_container(config, resolve=True))
        config.run_dir = f"runs/{config.experiment}/{name}"
    return config


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jobs, "compose_command", quickly_composed)


def swept(*words):
    """The exit code of a sweep over runs that take no time."""
    return guarded(lambda: sweep(sweeping.run, [*SHORT, *words]))


def record():
    (path,) = Path("runs/.sweeps").rglob("sweep.json")
    return json.loads(path.read_text())


def test_a_sweep_goes_on_past_failures_and_again_does_what_is_missing(capfd):
    sweeping.tell(1, "disk")
    sweeping.tell(2, "bug")
    sweeping.tell(3, "nan")
    assert swept("seed=range(4)") == 1 and sweeping.begun() == [0, 1, 2, 3]
    output, errors = capfd.readouterr()
    assert "[3] failed with exit code 4: " in errors and "a mistake in code" in errors
    assert "4 runs, 3 failed" in output and "failed (4)" in output
    assert [run["exit_code"] for run in record()["runs"]] == [0, 1, 1, 4]
    sweeping.tell(1, "")
    sweeping.tell(2, "")
    assert swept("seed=3,2,1,0") == 4 and sweeping.begun() == [3, 2, 1]
    output, errors = capfd.readouterr()
    assert output.count("finished before") == 1 and "4 runs, 1 failed" in output
    found = record()
    assert found["keys"] == ["seed"] and [run["values"]["seed"] for run in found["runs"]] == list("3210")
    (where,) = Path("runs/.sweeps").glob("*/*")
    assert f"runs={where}" in output
    assert all((where / run["run_dir"] / "config.yaml").exists() for run in found["runs"])


def test_the_best_run_is_the_first_of_the_table(capsys):
    assert swept("schedule.peak=0.1,0.01,0.001") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "finished" in line]
    assert [line[0] for line in lines] == ["0.01", "0.001", "0.1"] and lines[0][1] == "1.0000"
    assert all(line[-1].startswith("runs/svt_digits/") for line in lines)


def test_a_sweep_that_is_killed_or_stopped_continues_with_what_is_missing(capfd):
    sweeping.tell(1, "wait")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-m", "sweeping", *SHORT, "seed=0,1,2"], env=environment)
    log, end = Path("begun.txt"), time.monotonic() + 60
    while not log.exists() or log.read_text() != "0\n1\n":
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert [run["exit_code"] for run in record()["runs"]] == [0, None, None]
    sweeping.begun()
    sweeping.tell(1, "stop")
    assert swept("seed=0,1,2") == 75 and sweeping.begun() == [1]
    assert "3 runs, 2 missing" in capfd.readouterr().out
    sweeping.tell(1, "")
    assert swept("seed=0,1,2") == 0 and sweeping.begun() == [1, 2]


def test_a_finished_run_is_known_by_its_files(finished):
    """As training leaves them, see the fixture."""
    run_dir, _ = finished
    words = [*SMALL, "trainer.evaluate_every_steps=60", "trainer.log_every=2", "schedule.peak=5e-3"]

    def is_finished(*more):
        (job,) = jobs.grid(request.read([*words, *more, f"run_dir={run_dir}"]))
        return jobs.is_finished(job)

    assert is_finished("trainer.steps=60")
    assert not is_finished("trainer.steps=61") and not is_finished("trainer.steps=60", "seed=1")


def test_in_doubt_a_run_is_not_finished():
    words = ["run_dir=out/${seed}", "seed=0"]
    assert swept(*words) == 0
    (job,) = jobs.grid(request.read([*SHORT, *words]))
    assert jobs.is_finished(job)
    shutil.rmtree(job.run_dir)
    job.config.trainer.steps = None  # so many epochs: a named directory may be going on to more of them
    sweeping.run(job.config, job.words)
    assert not jobs.is_finished(job)
    shutil.rmtree(job.run_dir)
    job.config.trainer.steps = 4
    sweeping.run(job.config, job.words)
    assert jobs.is_finished(job)
    (job.run_dir / "checkpoints" / "step_4").rmdir()
    assert not jobs.is_finished(job)
    (job.run_dir / "checkpoints" / "step_4").mkdir()
    (job.run_dir / "summary.json").write_text("[")
    assert not jobs.is_finished(job)


def test_runs_may_be_done_in_batches_and_keys_come_from_the_experiment():
    Path("experiments").mkdir()
    Path("experiments/wide.yaml").write_text(
        "hydra:\n  sweeper:\n    max_batch_size: 2\n    params: {seed: 'range(3)', task.shift: '0,1'}\n"
    )
    assert swept("experiment=wide", "task.shift=2") == 0 and sweeping.begun() == [0, 1, 2]


@pytest.mark.parametrize(
    "words, said",
    [
        (["hydra/launcher=submitit_local"], "the extra `sweep`"),
        (["hydra/launcher=submitit_slurm"], "the extra `sweep`"),
        (["hydra/sweeper=optuna"], "the extra `sweep`"),
        (["hydra/launcher=rocket"], "hydra/launcher/rocket"),
        (["hydra.launcher.pace=3"], "hydra.launcher.pace"),
        (["schedule.peak=interval(0,1)"], "hydra/sweeper=optuna"),
        (["run_dir=out"], "would share run_dir=out"),
        (["run_dir=gs://lab/${seed}"], "run_dir=gs://lab/"),
        (["hydra.sweep.dir=gs://lab/sweep"], "hydra.sweep.dir=gs://lab/sweep: a sweep reads its runs from a disk"),
    ],
)
def test_a_wrong_sweep_is_a_sentence_and_exit_code_2(monkeypatch, capsys, words, said):
    monkeypatch.setattr(request, "_is_installed", lambda module: False)
    assert swept("seed=0,1", *words) == 2 and sweeping.begun() == []
    assert said in capsys.readouterr().err


def test_the_processes_of_a_run_do_a_grid_together():
    with lock.held(Path("sweep"), "sweep's directory", "hydra.sweep.dir=PATH"):
        assert swept("seed=0,1", "hydra.sweep.dir=sweep") == 0 and sweeping.begun() == [0, 1]
    assert not Path("sweep/sweep.json").exists()  # the one that holds it keeps the record


# Optuna


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna", reason="needs the extra `sweep`")


PEAK = ["hydra/sweeper=optuna", "schedule.peak=tag(log,interval(1e-4,1))"]


def trials(optuna):
    (path,) = Path("runs/.sweeps").rglob("study.db")
    study = optuna.load_study(study_name=path.parent.name, storage=f"sqlite:///{path}")
    return study.direction, study.trials


def test_a_study_looks_for_the_best_past_failed_trials(optuna, capsys):
    sweeping.tell(2, "nan")
    assert swept(*PEAK, "seed=0,2", "hydra.sweeper.n_trials=12") == 4
    direction, found = trials(optuna)
    assert direction == optuna.study.StudyDirection.MAXIMIZE and len(found) == 12
    failed = [trial for trial in found if trial.params["seed"] == "2"]
    assert failed and all(trial.state == optuna.trial.TrialState.FAIL for trial in failed)
    done = [trial for trial in found if trial.state == optuna.trial.TrialState.COMPLETE]
    for trial in done:
        assert trial.value == pytest.approx(1 / (1 + 100 * abs(trial.params["schedule.peak"] - 0.01)))
    assert f"12 runs, {len(failed)} failed" in capsys.readouterr().out
    sweeping.begun()
    assert swept(*PEAK, "seed=0,2", "hydra.sweeper.n_trials=12") == 4 and sweeping.begun() == []
    assert "12 runs" in capsys.readouterr().out


def test_an_interrupted_study_goes_on_to_what_it_would_have_tried(optuna, tmp_path, monkeypatch):
    words = [*PEAK, "hydra/sweeper/sampler=random", "seed=0"]
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    assert swept(*words, "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2") == 0
    undisturbed = [trial.params for trial in trials(optuna)[1]]
    monkeypatch.chdir(tmp_path / "parts")
    for what, code in (("stop", 75), ("disk", 1), ("", 0)):
        sweeping.tell(0, what)
        assert swept(*words, "hydra.sweeper.n_trials=3") == code
    assert swept(*words, "hydra.sweeper.n_trials=4") == 0  # a longer study is the same one
    _, found = trials(optuna)
    assert [trial.params for trial in found] == undisturbed
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in found)


@pytest.mark.parametrize(
    "words, said",
    [
        (["hydra.sweeper.direction=minimize"], "trainer.select_mode=max"),
        (["hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0"),
        (["hydra.sweeper.storage=nowhere://"], "hydra.sweeper.storage=nowhere://"),
        (["+hydra.sweeper.sampler.charm=1"], "charm"),
        (["++hydra.sweeper.sampler._target_=os.system"], "os.system is outside"),
        (["run_dir=out"], "would share run_dir=out"),
        (["trainer.batch_size=interval(0.5,2)"], "trainer.batch_size=0.5 should be a whole number"),
    ],
)
def test_a_wrong_study_is_a_sentence(optuna, capsys, words, said):
    assert swept(*PEAK, *words) == 2 and sweeping.begun() == []
    assert said in capsys.readouterr().err


def test_hydras_grammar_as_distributions(optuna):
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    from spectrax.config.overrides import parse
    from spectrax.sweeps.search_space import ends, space

    words = ["a=x,[1,2]", "b=range(1,9,3)", "c=int(interval(1,4))", "d=tag(log,interval(0.1,10))", "e=choice(0.1,true)"]
    found = space({override.key_or_group: override for override in parse(words)[0]})
    assert found == {
        "a": CategoricalDistribution(["x", "[1,2]"]),
        "b": IntDistribution(1, 7, step=3),
        "c": IntDistribution(1, 4),
        "d": FloatDistribution(0.1, 10, log=True),
        "e": CategoricalDistribution(["0.1", "True"]),
    }
    assert ends(found)[1] == {"a": "[1,2]", "b": 7, "c": 4, "d": 10, "e": "True"}
    with pytest.raises(ConfigError, match="cannot be varied"):
        space({override.key_or_group: override for override in parse(["d=tag(log,interval(-1,10))"])[0]})


def test_studies_of_other_questions_are_others(optuna, capsys):
    few = "hydra.sweeper.n_trials=1"
    assert swept(*PEAK, few) == 0
    assert swept(PEAK[0], "schedule.peak=interval(1e-4,1)", few) == 0  # the same ends, not the same question
    assert len(list(Path("runs/.sweeps").rglob("study.db"))) == 2
    named = [few, "hydra.sweeper.storage=sqlite:///named.db", "hydra.sweeper.study_name=named"]
    assert swept(*PEAK, *named) == 0
    sweeping.begun()
    less = ["trainer.select_mode=min", "trainer.select_by=loss"]
    for other in (["schedule.peak=interval(1e-4,1)"], [PEAK[1], "seed=0,1"], [PEAK[1], *less]):
        assert swept(PEAK[0], *other, *named) == 2 and sweeping.begun() == []
        assert "The study named in sqlite:///named.db chooses from other values" in capsys.readouterr().err


def test_a_trial_whose_config_is_wrong_is_in_the_record(optuna, capsys):
    words = ["hydra/sweeper=optuna", "trainer.batch_size=choice(32,0.5,64)", "hydra.sweeper.n_trials=8"]
    assert swept(*words, "hydra/sweeper/sampler=random") == 2
    refused = [run for run in record()["runs"] if run["exit_code"]]
    assert refused and all(run["values"] == {"trainer.batch_size": "0.5"} for run in refused)
    assert all(run["exit_code"] == 2 and run["run_dir"] is None for run in refused)
    output = capsys.readouterr().out
    assert f"8 runs, {len(refused)} failed" in output and "failed (2)" in output


# submitit


def test_what_is_in_slurms_queue_is_not_submitted_again(tmp_path, monkeypatch):
    (tmp_path / "squeue").write_text('#!/bin/sh\n[ "$4" = 7_0,7_1 ] && [ ! -e ended ] && echo 7_1\n')
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    runs = jobs.grid(request.read([*SHORT, "seed=0,1,2"]))
    submissions = Submissions(tmp_path / "jobs" / "submitted.json")
    submissions.require_ended(runs)
    submissions.remember({runs[0]: "6"})
    submissions.remember({job: f"7_{job.number}" for job in runs[:2]})
    submissions.require_ended(runs[2:])
    with pytest.raises(RunDirectoryError, match=r"job 7_1\. Wait for them, or end them \(scancel 7_1\)"):
        Submissions(tmp_path / "jobs" / "submitted.json").require_ended(runs)
    Path("ended").touch()
    submissions.require_ended(runs)
    (tmp_path / "jobs" / "submitted.json").write_text("[")
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        submissions.require_ended(runs)


def test_one_process_alone_submits_a_sweep(launched, capsys):
    with lock.held(Path("sweep"), "sweep's directory", "hydra.sweep.dir=PATH"):
        assert swept("seed=0,1", "hydra.sweep.dir=sweep", "hydra/launcher=submitit_local") == 1
    assert f"Process {os.getpid()} is at this sweep (sweep)." in capsys.readouterr().err and sweeping.begun() == []


PROGRAM = """
import os, signal, sys, time
what = sys.argv[1]
if what == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if what == "waits":  # as a training: it saves and ends
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    open("waits", "w").close()
    time.sleep(60)
print("error: told to", file=sys.stderr)
sys.exit(int(what))
"""


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """Exit codes by word of processes that a submitit launcher of this machine starts, and whether it was stopped."""
    reason = "needs the extra `sweep`"
    for module in ("submitit", "hydra_plugins.hydra_submitit_launcher"):
        pytest.importorskip(module, reason=reason)
    from spectrax.sweeps import submitted

    monkeypatch.setattr(submitted, "_PAUSE", 0.05)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    Path("program.py").write_text(PROGRAM)

    def launch(*words):
        asked = request.read(["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=1"])
        launcher = submitted.launcher("local", asked.launcher_keys(str(tmp_path / "sweep"), "test"), "program")
        codes = {}
        try:
            for job, code in launcher([jobs.Job(n, {}, (word,), None) for n, word in enumerate(words)]):
                codes[job.words[0]] = code
        except jobs.SweepStopped as stop:
            return codes, stop.code
        return codes, None

    return launch


def test_jobs_tell_how_their_runs_ended(launched, capfd):
    assert launched("0", "4", "killed") == ({"0": 0, "4": 4, "killed": 137}, None)
    assert "error: told to" in capfd.readouterr().err


def test_a_signal_has_the_jobs_save_and_ends_the_sweep(launched):
    def interrupt():
        deadline = time.monotonic() + 60
        while not Path("waits").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    assert launched("waits") == ({"waits": 75}, 75)
