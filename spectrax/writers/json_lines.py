"""`metrics.jsonl`: one JSON object per logged step and split, for programs that read along."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectrax.writers.resumable import RowFile


class JsonLinesWriter:
    """Lines such as `{"step": 60, "split": "validation", "loss": 0.31, "accuracy": 0.94}`.

    JSON has no words for NaN and the infinities: they become null. The mark is the file's length, as in `CsvWriter`.
    """

    def __init__(self) -> None:
        self._file: RowFile | None = None

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """Open the file, cut back to `mark`."""
        self._file = RowFile(run_dir / "metrics.jsonl", mark)

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Append a line and show it."""
        values = {name: float(value) if math.isfinite(value) else None for name, value in metrics.items()}
        line = json.dumps({"step": step, "split": split, **values}, allow_nan=False)
        self._file.append(f"{line}\n".encode())
        self._file.flush()

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Timings are never part of the metrics."""

    def mark(self) -> int:
        """Force the lines to disk and give the file's length."""
        return self._file.mark()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
