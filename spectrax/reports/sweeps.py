"""The records of sweeps: found, read without trust in what they hold, and matched with the runs they name."""

import dataclasses
import glob
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spectrax.config.shell import STOPPED
from spectrax.core.errors import UnreadableFile
from spectrax.reports.choice import Choice
from spectrax.reports.runs import Run, is_run

RECORD = "sweep.json"
_FOLDER = ".sweeps"  # where records are, beside the runs


@dataclasses.dataclass(frozen=True)
class SweptRun:
    """A run as the record tells it.

    Attributes:
        values: what was varied, by key.
        directory: None for a run that was refused: its values made a wrong config.
        exit_code: None for a run that has not come to an end.
    """

    values: dict[str, str]
    directory: Path | None
    exit_code: int | None


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A record.

    Attributes:
        name: its directory's, with that above.
        words: of the command line.
        keys: what was varied.
    """

    name: str
    words: tuple[str, ...]
    keys: tuple[str, ...]
    runs: tuple[SweptRun, ...]


@dataclasses.dataclass(frozen=True)
class Row:
    """A run as the record tells it, and what its directory says; None where it left nothing that can be read."""

    swept: SweptRun
    run: Run | None

    @property
    def status(self) -> str:
        """How it stands, in words."""
        code = self.swept.exit_code
        if code:
            return f"stopped ({code})" if code in STOPPED else f"failed ({code})"
        if self.run is None:
            return "nothing there" if code == 0 else "not begun"
        return "finished" if self.run.finished else "unfinished"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A sweep and what its runs came to.

    Attributes:
        rows: the best first.
        choice: what orders them; None where nothing was evaluated yet.
    """

    sweep: Sweep
    rows: tuple[Row, ...]
    choice: Choice | None


def find(source: str) -> list[Path]:
    """The directories with a record at or below a directory, or at or below what a pattern matches."""
    literal = os.path.expanduser(source)
    starts = [literal] if os.path.isdir(literal) else sorted(glob.glob(literal, recursive=True))
    found = {path.resolve(): path for start in starts for path in _below(start)}
    return list(found.values())


def _below(start: str) -> Iterator[Path]:
    for folder, folders, names in os.walk(start):
        folders[:] = sorted(name for name in folders if not name.startswith(".") or name == _FOLDER)
        if RECORD in names or is_run(names):
            folders.clear()
        if RECORD in names:
            yield Path(folder)


def read(directory: Path) -> Sweep:
    """A record as it stands, its sweep at an end or not.

    Raises:
        UnreadableFile: when it is not what a sweep writes.
    """
    try:
        content = json.loads((directory / RECORD).read_bytes())
        return Sweep(
            name="/".join(directory.absolute().parts[-2:]),
            words=_texts(content["words"]),
            keys=_texts(content["keys"]),
            runs=tuple(_run(directory, run) for run in content["runs"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableFile(f"{RECORD} is not the record of a sweep ({error})") from error


def _run(directory: Path, content: dict[str, Any]) -> SweptRun:
    code, place = content["exit_code"], content["run_dir"]
    if not isinstance(place, str | None) or not (code is None or isinstance(code, int)):
        raise TypeError("a run has no directory or exit code")
    values = {str(key): str(value) for key, value in content["values"].items()}
    return SweptRun(values, None if place is None else Path(os.path.normpath(directory / place)), code)


def _texts(content: Any) -> tuple[str, ...]:
    if not isinstance(content, list):
        raise TypeError("no list of words")
    return tuple(map(str, content))


def outcome(sweep: Sweep, runs: Sequence[Run]) -> Outcome:
    """The sweep with those of the runs that are its own, ordered by what most of them choose by."""
    by_place = {run.directory.resolve(): run for run in runs}
    rows = [Row(swept, by_place.get(swept.directory.resolve()) if swept.directory else None) for swept in sweep.runs]
    choices = Counter(row.run.choice for row in rows if row.run and row.run.choice)
    choice = choices.most_common(1)[0][0] if choices else None

    def score(row: Row) -> float:
        return choice.score(row.run.metrics) if row.run and choice else -math.inf

    return Outcome(sweep, tuple(sorted(rows, key=lambda row: -score(row))), choice)


def counted(outcome: Outcome) -> str:
    """How many runs there are, and how they stand."""
    count = len(outcome.rows)
    missing = sum(row.swept.exit_code in (None, *STOPPED) for row in outcome.rows)
    failed = sum(bool(row.swept.exit_code) for row in outcome.rows if row.swept.exit_code not in STOPPED)
    parts = [f"{count:,} run{'' if count == 1 else 's'}"]
    return ", ".join(parts + [f"{many:,} {how}" for many, how in ((failed, "failed"), (missing, "missing")) if many])
