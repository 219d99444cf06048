"""TensorBoard event files by tensorboardX (no TensorFlow)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoardWriter:
    """Scalars named `<split>/<metric>` and `timing/<name>` under `tensorboard/` in the run directory."""

    def __init__(self) -> None:
        self._writer: Any = None

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """A new event file; what earlier files hold after `step` is purged by TensorBoard on reading."""
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(run_dir / "tensorboard"), purge_step=step + 1 if step else None)

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Add one scalar per metric."""
        for name, value in metrics.items():
            self._writer.add_scalar(f"{split}/{name}", value, step)

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Add one scalar per timing."""
        for name, value in timings.items():
            self._writer.add_scalar(f"timing/{name}", value, step)

    def mark(self) -> None:
        """Event files have no position to return to; everything is flushed."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close."""
        if self._writer is not None:
            self._writer.close()
