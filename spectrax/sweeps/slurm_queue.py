"""Which runs of a sweep are jobs in SLURM's queue, so that none is submitted twice."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from spectrax.core.errors import RunDirectoryError
from spectrax.core.files import write_json
from spectrax.sweeps.jobs import Job


class Submissions:
    """The jobs that were submitted for the runs of a sweep, in a file: run directory to the id of its latest job.

    The process that submits them and waits may be gone long before they are.
    """

    def __init__(self, path: Path):
        self._path = path

    def require_ended(self, jobs: Sequence[Job]) -> None:
        """Raise `RunDirectoryError` when one of these runs is a job that waits or runs."""
        submitted = self._submitted()
        ids = [submitted[key] for job in jobs if (key := _key(job)) in submitted]
        queued = _queued(ids) if ids else []
        if queued:
            raise RunDirectoryError(
                f"Runs of this sweep are in SLURM's queue already: job {', '.join(queued)}. Wait for them, or end them "
                f"(scancel {' '.join(queued)}), then run the same command again."
            )

    def remember(self, ids: Mapping[Job, str]) -> None:
        """Jobs that have just been submitted."""
        write_json(self._path, {**self._submitted(), **{_key(job): number for job, number in ids.items()}})

    def _submitted(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_bytes())
            return {str(key): str(number) for key, number in content.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            raise RunDirectoryError(
                f"{self._path}, which says what was submitted, cannot be read ({error}). See with squeue that no job "
                "of this sweep is left, and remove the file."
            ) from error


def _key(job: Job) -> str:
    return os.path.abspath(job.run_dir)


def _queued(ids: Sequence[str]) -> list[str]:
    """Those of the jobs that SLURM lists."""
    words = ["squeue", "--noheader", "--format=%i", "--jobs", ",".join(dict.fromkeys(ids))]
    try:
        # Not checked: of a job that ended some time ago SLURM says that its id is invalid.
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
    except FileNotFoundError:  # no SLURM here, which submitting says
        return []
