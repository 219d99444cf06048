"""The submitit launchers: every run of a sweep as a job, on a SLURM cluster or as a process of this machine.

The jobs and their keys (`hydra.launcher.*`) are those of the plug-in hydra-submitit-launcher. Its own launcher gives up
the whole sweep when one job is lost, be it to a time limit, so submitit is called here.
"""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import submitit
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
from submitit.core.utils import FailedJobError, FailedSubmissionError, UncompletedJobError

from spectrax.core.errors import ConfigError, Preempted, ProcessLost
from spectrax.sweeps.jobs import Job, Launch, SweepStopped
from spectrax.sweeps.slurm_queue import Submissions

_COMMON = {field.name for field in dataclasses.fields(BaseQueueConf)}
_OF_EXECUTORS = ("_target_", "submitit_folder", "max_num_timeout")  # keys that are not a job's
_PAUSE = 1.0  # seconds between two looks at the jobs


class Training:
    """What a job does: the run in a process of its own, whose exit code it returns, however it ends.

    Args:
        words: the command line of the run.
        module: what runs it.
    """

    def __init__(self, words: Sequence[str], module: str):
        self._words, self._module = list(words), module
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        signal.signal(signal.SIGTERM, self._stop)
        # The notice of a time limit, which SLURM sends to every process of a job, is for submitit alone.
        notice = getattr(signal, f"SIG{submitit.JobEnvironment.USR_SIG}")
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module, *self._words],
            preexec_fn=lambda: signal.signal(notice, signal.SIG_IGN),
        )
        try:
            code = self._process.wait()
        except UncompletedJobError:  # raised at the notice, when the job may not be queued again
            code = self._process.wait()
        # SLURM and this job both say it, and a run that has saved and is about to end has no ear for the second time.
        if code == -signal.SIGTERM:
            return Preempted.exit_code
        return code if code >= 0 else 128 - code

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Called by submitit at the notice: the run saves and ends; if its job is queued again, it goes on."""
        self._stop()
        if self._process is not None:
            # This interrupts a wait for the process, whose lock it must not touch.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        return submitit.helpers.DelayedSubmission(Training(self._words, self._module))

    def _stop(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)


def launcher(cluster: str, keys: Mapping[str, Any], module: str = "spectrax.train") -> Launch:
    """Submits all runs at once and waits for them. A signal to this process cancels the jobs: they save and end.

    Args:
        cluster: "local" or "slurm".
        keys: `hydra.launcher`.
        module: what runs the words of a run.

    Raises:
        ConfigError: when submitit refuses the keys, or there is no cluster; from what it gives, when the jobs cannot be
            submitted.
        RunDirectoryError: from what it gives, when jobs of these runs are in SLURM's queue already.
        SweepStopped: from what it gives, after a signal, when all jobs have ended.
    """
    executor = _executor(cluster, keys)
    submissions = Submissions(_fixed_folder(keys["submitit_folder"]) / "submitted.json") if cluster == "slurm" else None

    def launch(jobs: Sequence[Job]) -> Iterator[tuple[Job, int]]:
        with _Signals() as signals:
            waiting = _submit(executor, jobs, module, submissions)
            while waiting:
                if signals.asked and not signals.answered:
                    signals.answered = True
                    _cancel(waiting.values(), cluster)
                for job in [job for job, submitted in waiting.items() if submitted.done()]:
                    yield job, _code(job, waiting.pop(job))
                if waiting:
                    time.sleep(_PAUSE)
            if signals.asked:
                raise SweepStopped(Preempted.exit_code)

    return launch


def _executor(cluster: str, keys: Mapping[str, Any]) -> submitit.AutoExecutor:
    own = {"slurm_max_num_timeout": keys["max_num_timeout"]} if "max_num_timeout" in keys else {}
    jobs = {key: value for key, value in keys.items() if key not in _OF_EXECUTORS}
    try:
        executor = submitit.AutoExecutor(keys["submitit_folder"], cluster, **own)
        executor.update_parameters(
            **{key if key in _COMMON else f"{cluster}_{key}": value for key, value in jobs.items()}
        )
    except (RuntimeError, ValueError, NameError, AssertionError) as error:
        raise ConfigError(f"hydra/launcher=submitit_{cluster}: {str(error).splitlines()[0]}") from error
    return executor


def _fixed_folder(pattern: str) -> Path:
    """The folder that holds the folders of all jobs, whose names a pattern such as `jobs/%j` makes."""
    path = Path(pattern)
    return next(folder for folder in (path, *path.parents) if "%" not in str(folder))


def _submit(
    executor: submitit.AutoExecutor, jobs: Sequence[Job], module: str, submissions: Submissions | None
) -> dict[Job, submitit.Job[int]]:
    if submissions:
        submissions.require_ended(jobs)
    # Processes of this machine that carry the jobs are in the terminal's group, but a Ctrl-C there is not for them.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        submitted = executor.submit_array([Training(job.words, module) for job in jobs])
    except (FailedSubmissionError, OSError) as error:
        raise ConfigError(f"The jobs cannot be submitted: {str(error).strip().splitlines()[-1]}") from error
    finally:
        signal.signal(signal.SIGINT, before)
    waiting = dict(zip(jobs, submitted, strict=True))
    if submissions:
        submissions.remember({job: one.job_id for job, one in waiting.items()})
    for job, one in waiting.items():
        print(f"{job} is job {one.job_id}, {one.paths.stdout}", flush=True)
    return waiting


def _code(job: Job, submitted: submitit.Job[int]) -> int:
    """The exit code of a run: of several processes, the first that is not zero."""
    try:
        code = next((code for code in submitted.results() if code), 0)
    except (UncompletedJobError, FailedJobError) as error:
        print(f"{job}: job {submitted.job_id} is lost. {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
        return ProcessLost.exit_code
    errors = [line for line in (submitted.stderr() or "").splitlines() if line.startswith("error: ")] if code else []
    for line in errors[-1:]:
        print(line, file=sys.stderr, flush=True)
    return code


def _cancel(jobs: Sequence[submitit.Job[int]], cluster: str) -> None:
    print(f"interrupted: {len(jobs)} jobs are told to save and end", file=sys.stderr, flush=True)
    for job in jobs:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            if cluster == "local":
                os.kill(int(job.job_id), signal.SIGTERM)  # submitit's own way kills it after a second
            else:
                job.cancel()


class _Signals:
    """SIGTERM and Ctrl-C ask for an end; another Ctrl-C ends at once, and leaves the jobs alone.

    Attributes:
        asked: whether one came.
        answered: set by who has done what there is to do about it.
    """

    def __init__(self) -> None:
        self.asked = self.answered = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Signals":
        self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
