"""`metrics.csv` (values that are the same on every rerun) and `timings.csv` (values that are not)."""

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from spectrax.core.errors import RunDirectoryError

_METRICS_HEADER = ("step", "split", "metric", "value")
_TIMINGS_HEADER = ("step", "name", "value")


class CsvWriter:
    """One row per step, split and metric, appended as soon as it is known.

    The mark is the length of `metrics.csv` in bytes: when a run continues, the file is cut back to what it was at the
    checkpoint, and the steps after it write the same bytes again.
    """

    def __init__(self) -> None:
        self._metrics: BinaryIO | None = None
        self._timings: BinaryIO | None = None

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """Open both files; raises `RunDirectoryError` when `metrics.csv` is shorter than the checkpoint says."""
        self._metrics = _open_at(run_dir / "metrics.csv", mark, _METRICS_HEADER)
        timings = run_dir / "timings.csv"
        self._timings = _open_at(timings, timings.stat().st_size if timings.exists() else None, _TIMINGS_HEADER)

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Append one row per metric; `repr` keeps every bit of a float."""
        self._metrics.write(_rows((step, split, name, repr(float(value))) for name, value in metrics.items()))

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Append to `timings.csv`."""
        self._timings.write(_rows((step, name, f"{value:.6g}") for name, value in timings.items()))
        self._timings.flush()

    def mark(self) -> int:
        """Force the rows to disk and give the file's length."""
        self._metrics.flush()
        os.fsync(self._metrics.fileno())
        return self._metrics.tell()

    def close(self) -> None:
        """Close both files."""
        for file in (self._metrics, self._timings):
            if file is not None:
                file.close()


def _open_at(path: Path, length: int | None, header: tuple[str, ...]) -> BinaryIO:
    """The file cut to `length` bytes and ready to append; with None, a new file that begins with `header`."""
    size = path.stat().st_size if path.exists() else 0
    if length is not None and size < length:
        raise RunDirectoryError(
            f"{path} has {size} bytes where the checkpoint expects at least {length}: rows are lost. "
            "Restore the file, or start again with another run_dir."
        )
    file = open(path, "ab" if size else "wb")  # noqa: SIM115 (the writer owns it until close)
    file.truncate(length or 0)
    file.seek(0, os.SEEK_END)
    if not length:
        file.write(_rows([header]))
        file.flush()
    return file


def _rows(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
