"""`metrics.csv` (values that are the same on every rerun) and `timings.csv` (values that are not)."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectrax.writers.resumable import RowFile

_METRICS_HEADER = ("step", "split", "metric", "value")
_TIMINGS_HEADER = ("step", "name", "value")


class CsvWriter:
    """One row per step, split and metric, appended as soon as it is known.

    The mark is the length of `metrics.csv` in bytes: when a run continues, the file is cut back to what it was at the
    checkpoint, and the steps after it write the same bytes again.
    """

    essential = True  # a run without its metrics could not be continued

    def __init__(self) -> None:
        self._metrics: RowFile | None = None
        self._timings: RowFile | None = None

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """Open both files; raises `RunDirectoryError` when `metrics.csv` is shorter than the checkpoint says."""
        self._metrics = RowFile(run_dir / "metrics.csv", mark, _rows([_METRICS_HEADER]))
        timings = run_dir / "timings.csv"
        length = timings.stat().st_size if timings.exists() else None
        self._timings = RowFile(timings, length, _rows([_TIMINGS_HEADER]))

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Append one row per metric; `repr` keeps every bit of a float."""
        self._metrics.append(_rows((step, split, name, repr(float(value))) for name, value in metrics.items()))

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Append to `timings.csv`."""
        self._timings.append(_rows((step, name, f"{value:.6g}") for name, value in timings.items()))
        self._timings.flush()

    def mark(self) -> int:
        """Force the rows to disk and give the file's length."""
        return self._metrics.mark()

    def close(self) -> None:
        """Close both files."""
        for file in (self._metrics, self._timings):
            if file is not None:
                file.close()


def _rows(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
