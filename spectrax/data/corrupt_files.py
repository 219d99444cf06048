"""Corrupt files that are met while a run reads: told once, and borne up to a limit."""

import fcntl
import json
import logging
import multiprocessing
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectrax.core.errors import DataMissing

logger = logging.getLogger("spectrax")

_NAMED = 5


class CorruptFiles:
    """What the processes of a run that read files have met.

    They share a file, since each of them sees a part of the data, and a different one in every epoch.

    Args:
        root: the directory that names are relative to.
        limit: how many corrupt files are borne.
        command: what lists them all.
    """

    def __init__(self, root: Path, limit: int, command: str):
        self._root, self._limit, self._command = root, limit, command
        self._kept: Any = None
        self._record: Path | None = None

    def __getstate__(self) -> dict[str, Any]:
        self.open()
        return {**self.__dict__, "_kept": None}  # the file goes with the process that made it

    def open(self) -> None:
        """Make the shared file, before workers are started."""
        if self._record is None:
            self._kept = tempfile.TemporaryDirectory(prefix="spectrax_corrupt_", ignore_cleanup_errors=True)
            self._record = Path(self._kept.name) / "met.jsonl"

    def meet(self, name: str, reason: str, instead: str) -> None:
        """Warn of a corrupt file, the first time that any process meets it.

        Args:
            instead: the file that stands in for it.

        Raises:
            DataMissing: when there are more than the limit.
        """
        self.open()
        with open(self._record, "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            met = dict(json.loads(line) for line in file)
            if name not in met:
                met[name] = reason
                file.write(json.dumps([name, reason]) + "\n")
                _tell(f"{self._root / name} {reason}; {instead} stands in for it.")
        self.check(met)

    def check(self, corrupt: Mapping[str, str]) -> None:
        """Raise `DataMissing`, naming the first ones, when these are more than the limit."""
        count = len(corrupt)
        if count <= self._limit:
            return
        first = "; ".join(f"{name} {reason}" for name, reason in list(corrupt.items())[:_NAMED])
        raise DataMissing(
            f"{count} corrupt file{'s' if count > 1 else ''} in {self._root}, more than dataset.max_corrupt="
            f"{self._limit}: {first}{'; ...' if count > _NAMED else ''}. Mend or remove them, or raise the limit; all "
            f"are listed by: {self._command}"
        )


def _tell(warning: str) -> None:
    if multiprocessing.parent_process() is None:
        logger.warning(warning)
    else:  # a worker has nothing that would format a record
        print(warning, file=sys.stderr, flush=True)
