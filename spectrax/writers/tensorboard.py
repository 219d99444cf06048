"""TensorBoard event files by tensorboardX (no TensorFlow)."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FLUSH_PERIOD = 10.0  # seconds between two looks that a reader can have
_SUFFIX = ".spectrax"  # tells our files from others in the same directory


class TensorBoardWriter:
    """Scalars named `<split>/<metric>` and `timing/<name>` under `tensorboard/` in the run directory."""

    def __init__(self) -> None:
        self._writer: Any = None
        self._flushed = float("-inf")

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """A new event file; what earlier files hold after `step` is purged by TensorBoard on reading."""
        from tensorboardX import SummaryWriter

        if step == 0:
            # A run killed before its first save left events of steps that are taken again; there is none to purge from.
            for stale in (run_dir / "tensorboard").glob(f"events.out.tfevents.*{_SUFFIX}"):
                stale.unlink(missing_ok=True)
        # Flushed by us alone: an error in tensorboardX's own thread could not be caught.
        purge_step = step + 1 if step else None
        self._writer = SummaryWriter(
            str(run_dir / "tensorboard"), purge_step=purge_step, flush_secs=10**6, filename_suffix=_SUFFIX
        )

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Add one scalar per metric."""
        for name, value in metrics.items():
            self._writer.add_scalar(f"{split}/{name}", value, step)

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Add one scalar per timing."""
        for name, value in timings.items():
            self._writer.add_scalar(f"timing/{name}", value, step)
        if time.monotonic() - self._flushed > _FLUSH_PERIOD:
            self._flushed = time.monotonic()
            self._writer.flush()

    def mark(self) -> None:
        """Event files have no position to return to; everything is flushed."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close, or let go of a file that cannot be written."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        try:
            writer.flush()
            writer.close()
        except OSError:
            # At the end of the process tensorboardX would flush once more and print tracebacks.
            files = writer.file_writer
            broken, files.event_writer = files.event_writer, _Abandoned()
            if broken._worker is not None and broken._worker.is_alive():
                broken._worker.stop()
            raise


class _Abandoned:
    """Stands where an event file was that cannot be written any more."""

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
