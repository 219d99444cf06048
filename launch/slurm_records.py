"""What was submitted: a directory for each submission, with its script, its logs, and a record of it in JSON."""

import contextlib
import dataclasses
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_RECORD = "job.json"


@dataclasses.dataclass(frozen=True)
class Record:
    """A submitted job.

    Attributes:
        job: its id, as sbatch told it.
        submitted: local time, ISO 8601.
        sweep: for an array job, the words that each of its tasks adds to the command.
        directory: where script and logs are.
    """

    job: str
    name: str
    submitted: str
    command: list[str]
    sweep: list[list[str]]
    directory: Path

    def save(self) -> None:
        """Write the record into its directory, whole or not at all."""
        values = {key: value for key, value in dataclasses.asdict(self).items() if key != "directory"}
        write_text(self.directory / _RECORD, json.dumps(values, indent=2) + "\n")

    def tasks(self, wanted: str | None = None) -> list[str]:
        """The ids that SLURM gives the job's tasks: `12`, or `12_0`, `12_1` ... of an array.

        Args:
            wanted: a job, or one task of it; what is not of this record gives nothing. None gives all.
        """
        tasks = [f"{self.job}_{index}" for index in range(len(self.sweep))] or [self.job]
        return [task for task in tasks if wanted in (None, self.job, task)]

    def words(self, task: str) -> list[str]:
        """What the task runs; of an array's task what it adds to the command."""
        return self.sweep[int(task.partition("_")[2])] if self.sweep else self.command

    def log(self, task: str) -> Path:
        """The log of a task; it appears when the task starts."""
        return self.directory / f"{task}.log"


def default_directory() -> Path:
    """Where records are kept: `spectrax/slurm` in the user's directory for state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "spectrax" / "slurm"


def new_directory(records: Path, name: str) -> Path:
    """Path for a new submission, named by time and job; it is not made yet."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}"
    paths = (records / f"{stem}{suffix}" for suffix in ("", *(f"-{number}" for number in range(2, 10_000))))
    return next(path for path in paths if not path.exists())


def all_records(records: Path) -> list[Record]:
    """All records, the oldest first; what cannot be read is named on standard error and left out."""
    return list(_readable(records))


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name, then give it its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _readable(records: Path) -> Iterator[Record]:
    for path in sorted(records.glob(f"*/{_RECORD}")):
        try:
            record = Record(**json.loads(path.read_text()), directory=path.parent)
        except (OSError, ValueError, TypeError) as error:
            print(f"{path} is no record of a job, and left out: {error}", file=sys.stderr)
        else:
            yield record
