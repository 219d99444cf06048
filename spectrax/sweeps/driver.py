"""A sweep from its command line to its outcome."""

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from spectrax.core import lock
from spectrax.core.errors import RunDirectoryError
from spectrax.sweeps import in_process, outcome, record, request
from spectrax.sweeps.jobs import Job, Launch, SweepStopped, grid, is_finished, varied
from spectrax.sweeps.record import Record
from spectrax.sweeps.request import Request

Work = Callable[[Launch, Record], None]
"""Has the runs of a sweep done that are missing, and records how they end."""


def sweep(run: in_process.Run, overrides: Sequence[str]) -> int:
    """Do every run that is missing, past failures, and tell how all of them ended.

    Returns:
        The first exit code that is not zero; after a signal, its.

    Raises:
        ConfigError: when the words of the sweep, or of any run of a grid, are wrong: nothing was run then.
        RunDirectoryError: when the sweep's directory cannot be used.
    """
    asked = request.read(overrides)
    if asked.sweeper == "basic":
        jobs = grid(asked)
        size = asked.sweeper_keys().get("max_batch_size") or max(len(jobs), 1)
        return _swept(run, asked, jobs, functools.partial(_do_grid, jobs, size))
    from spectrax.sweeps.search import Search

    search = Search(asked)
    return _swept(run, asked, search.examples, search.run, search.drawn_from)


def _do_grid(jobs: Sequence[Job], size: int, launch: Launch, kept: Record) -> None:
    kept.add(jobs)
    missing = []
    for job in jobs:
        if is_finished(job):
            print(f"{job}: finished before", flush=True)
            kept.ended(job, 0)
        else:
            missing.append(job)
    for start in range(0, len(missing), size):
        for job, code in launch(missing[start : start + size]):
            kept.ended(job, code)


def _swept(run: in_process.Run, asked: Request, jobs: Sequence[Job], work: Work, drawn_from: Sequence[str] = ()) -> int:
    directory = record.directory(asked, jobs, drawn_from)
    with lock.held(directory, "sweep's directory", "hydra.sweep.dir=PATH") as holder:
        # The processes of a run on several hosts do the same grid together; trials are for one to choose, and jobs for
        # one to submit.
        if holder is not None and (asked.sweeper, asked.launcher) != ("basic", "basic"):
            raise RunDirectoryError(f"Process {holder} is at this sweep ({directory}). Wait for it, or end it.")
        kept = Record(directory, asked, list(varied(asked)), kept=holder is None)
        stopped = None
        try:
            work(_telling(_launcher(run, asked, directory, record.experiments(jobs))), kept)
        except SweepStopped as stop:
            stopped = stop.code
        if holder is None:
            outcome.show(directory)
    return kept.exit_code() if stopped is None else stopped


def _launcher(run: in_process.Run, asked: Request, directory: Path, name: str) -> Launch:
    if asked.launcher == "basic":
        return in_process.launcher(run)
    from spectrax.sweeps import submitted

    keys = asked.launcher_keys(str(directory), name)
    return submitted.launcher(asked.launcher.removeprefix("submitit_"), keys)


def _telling(launch: Launch) -> Launch:
    """The same, and a line for every run that fails."""

    def told(jobs: Sequence[Job]) -> Iterator[tuple[Job, int]]:
        for job, code in launch(jobs):
            if code:
                words = " ".join(job.words)
                print(f"[{job.number}] failed with exit code {code}: {words}", file=sys.stderr, flush=True)
            yield job, code

    return told
