"""The record of a sweep, `sweep.json` in its directory: what was run, where, and how it ended."""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from spectrax.config.compose import config_hash
from spectrax.core.files import write_json
from spectrax.reports.sweeps import RECORD
from spectrax.sweeps.jobs import Job
from spectrax.sweeps.request import Request


def directory(request: Request, jobs: Sequence[Job], drawn_from: Sequence[str] = ()) -> Path:
    """Where a sweep keeps its record: the same place for the same runs, in whatever order and words they are asked for.

    Args:
        jobs: all of them, or for an open-ended sweep some that differ in every varied key.
        drawn_from: what an open-ended sweep chooses from, a word for each key.
    """
    if request.directory is not None:
        return Path(request.directory)
    runs = sorted(f"{config_hash(OmegaConf.to_container(job.config, resolve=True))} {_named(job)}" for job in jobs)
    name = hashlib.sha256("\n".join([request.sweeper, *drawn_from, *runs]).encode()).hexdigest()[:10]
    return Path("runs", ".sweeps", experiments(jobs), name)


def experiments(jobs: Sequence[Job]) -> str:
    """The names of their experiments, as one."""
    return "+".join(dict.fromkeys(job.config.experiment for job in jobs))


def _named(job: Job) -> str:
    return next((word for word in job.words if word.startswith("run_dir=")), "")


class Record:
    """How the runs of a sweep stand; on disk after every change.

    Args:
        path: the sweep's directory.
        keys: what is varied.
        kept: whether to write at all; another process may be at the same sweep.
    """

    def __init__(self, path: Path, request: Request, keys: Sequence[str], kept: bool = True):
        self.path = path / RECORD
        self._kept = kept
        self._about = {
            "words": [*request.verbatim, *request.words],
            "sweeper": request.sweeper,
            "launcher": request.launcher,
            "keys": list(keys),
        }
        self._runs: dict[int, dict[str, Any]] = {}

    def remember(self) -> None:
        """Take over how runs ended when the sweep was at work before, as far as its file says."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            self._runs = {run["number"]: run for run in json.loads(self.path.read_bytes())["runs"]}

    def add(self, jobs: Sequence[Job]) -> None:
        """Runs that are to be done, for the first time or again."""
        for job in jobs:
            self._runs[job.number] = {
                "number": job.number,
                "values": dict(job.values),
                # Relative, so that the runs and their sweep may be moved together.
                "run_dir": os.path.relpath(job.run_dir, self.path.parent),
                "exit_code": None,
            }
        self._write()

    def refused(self, number: int, values: Mapping[str, str], code: int) -> None:
        """A run that cannot be: its values make a wrong config, and so it has no directory."""
        self._runs[number] = {"number": number, "values": dict(values), "run_dir": None, "exit_code": code}
        self._write()

    def ended(self, job: Job, code: int) -> None:
        """A run has ended."""
        self._runs[job.number]["exit_code"] = code
        self._write()

    def exit_code(self) -> int:
        """The first that is not zero, by number."""
        codes = (run["exit_code"] for _, run in sorted(self._runs.items()))
        return next((code for code in codes if code), 0)

    def _write(self) -> None:
        if self._kept:
            runs = [run for _, run in sorted(self._runs.items())]
            write_json(self.path, {**self._about, "runs": runs})
