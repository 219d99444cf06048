"""What became of submitted jobs: their states, their logs, and their end."""

import argparse
import shlex
import time
from collections.abc import Sequence

import slurm_logs
from programs import Mistake, call
from slurm_queue import SQUEUE, queue
from slurm_records import Record, all_records

_SHOWN = 20  # submissions that `status` lists
_ASK = 5.0  # seconds between two questions to SLURM, whose controller is shared with everybody


def status(options: argparse.Namespace) -> int:
    """A line for each task of the job, or of the newest jobs that were submitted here.

    Raises:
        Mistake: no such job was submitted here, or squeue is not there or refuses.
    """
    if options.dry_run:
        print(shlex.join(SQUEUE))
        return 0
    records = [_record(options)] if options.job else all_records(options.records)[-_SHOWN:]
    if not records:
        print(f"No job was submitted from here yet ({options.records}).")
        return 0
    queued = queue()
    rows = [("JOB", "NAME", "SUBMITTED", "STATE", "TIME", "RUN")]
    for record in records:
        for task in record.tasks(options.job):
            state, spent = queued.get(task) or (slurm_logs.last_word(record.log(task)) or "not in the queue", "")
            rows.append((task, record.name, record.submitted, state, spent, shlex.join(record.words(task))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def logs(options: argparse.Namespace) -> int:
    """Print the logs of a job's tasks; with `follow` until none of them is in the queue any more.

    Raises:
        Mistake: no such job was submitted here, it has written nothing yet, or squeue is not there.
    """
    record = _record(options)
    tasks = record.tasks(options.job)
    paths = [record.log(task) for task in tasks]
    if options.dry_run:
        how = ["--follow=name", "--retry"] if options.follow else []
        print(shlex.join(["tail", "--lines=+1", *how, *map(str, paths)]))
    elif options.follow:
        slurm_logs.follow(paths, _Queued(tasks))
    elif not slurm_logs.show(paths):
        raise Mistake(f"Job {options.job} has written nothing yet. See: python launch/slurm.py status {options.job}")
    return 0


def cancel(options: argparse.Namespace) -> int:
    """End a job for good. Its processes get SIGTERM, and the site's KillWait (usually 30 s) to save.

    Raises:
        Mistake: scancel is not there or refuses.
    """
    if options.dry_run:
        print(shlex.join(["scancel", options.job]))
        return 0
    call(["scancel", options.job])
    print(f"Cancelled job {options.job}.")
    return 0


class _Queued:
    """Called, says whether any of the tasks is in the queue; asks SLURM only now and then."""

    def __init__(self, tasks: Sequence[str]):
        self._tasks = tasks
        self._asked = time.monotonic()
        self._answer = self._ask()

    def __call__(self) -> bool:
        if time.monotonic() - self._asked >= _ASK:
            self._asked = time.monotonic()
            try:
                self._answer = self._ask()
            except Mistake:  # a busy controller; it answered before
                self._answer = True
        return self._answer

    def _ask(self) -> bool:
        return not queue().keys().isdisjoint(self._tasks)


def _record(options: argparse.Namespace) -> Record:
    """The newest record of the job, or of the array that the task belongs to; raises `Mistake`."""
    found = [record for record in all_records(options.records) if record.tasks(options.job)]
    if not found:
        raise Mistake(
            f"No job {options.job} was submitted from here ({options.records}). "
            "See: python launch/slurm.py status, or name another directory with --records."
        )
    return found[-1]
