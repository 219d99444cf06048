"""The basic launcher: the runs of a sweep in this process, one after another."""

import traceback
from collections.abc import Callable, Iterator, Sequence

from omegaconf import DictConfig

from spectrax.config.shell import STOPPED, guarded
from spectrax.sweeps.jobs import Job, Launch, SweepStopped

Run = Callable[[DictConfig, list[str]], int | None]
"""Does one run, from its config and its words; gives its exit code."""


def launcher(run: Run) -> Launch:
    """Has `run` do every run. A signal, a second Ctrl-C or the loss of a process ends the sweep with the run it ends.

    Raises:
        SweepStopped: by what it gives, after the run that was stopped.
    """

    def launch(jobs: Sequence[Job]) -> Iterator[tuple[Job, int]]:
        for job in jobs:
            print(job, flush=True)
            code = _code(run, job)
            yield job, code
            if code in STOPPED:
                raise SweepStopped(code)

    return launch


def _code(run: Run, job: Job) -> int:
    try:
        return guarded(lambda: run(job.config, list(job.words)))
    except Exception:
        # A mistake in code, not in a config, and perhaps of this run alone.
        traceback.print_exc()
        return 1
