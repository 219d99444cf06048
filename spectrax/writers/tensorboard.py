"""TensorBoard event files by tensorboardX (no TensorFlow)."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger("spectrax")

_SUFFIX = ".spectrax"  # tells our files from others in the same directory


class TensorBoardWriter:
    """Scalars named `<split>/<metric>` and `timing/<name>` under `tensorboard/` in the run directory.

    These files are a convenience: when they cannot be written, the run goes on without them and says so once.
    """

    def __init__(self) -> None:
        self._writer: Any = None

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """A new event file; what earlier files hold after `step` is purged by TensorBoard on reading."""
        from tensorboardX import SummaryWriter

        if step == 0:
            # A run killed before its first save left events of steps that are taken again; there is none to purge from.
            for stale in (run_dir / "tensorboard").glob(f"events.out.tfevents.*{_SUFFIX}"):
                stale.unlink(missing_ok=True)
        # Flushed by `mark` and `close` alone: an error in tensorboardX's own thread could not be caught.
        purge_step = step + 1 if step else None
        self._writer = SummaryWriter(
            str(run_dir / "tensorboard"), purge_step=purge_step, flush_secs=10**6, filename_suffix=_SUFFIX
        )

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Add one scalar per metric."""
        self._add(step, {f"{split}/{name}": value for name, value in metrics.items()})

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Add one scalar per timing."""
        self._add(step, {f"timing/{name}": value for name, value in timings.items()})

    def mark(self) -> None:
        """Event files have no position to return to; everything is flushed."""
        with self._or_without():
            if self._writer is not None:
                self._writer.flush()

    def close(self) -> None:
        """Flush and close."""
        with self._or_without():
            if self._writer is not None:
                self._writer.flush()
                self._writer.close()
                self._writer = None

    def _add(self, step: int, scalars: Mapping[str, float]) -> None:
        with self._or_without():
            if self._writer is not None:
                for name, value in scalars.items():
                    self._writer.add_scalar(name, value, step)

    @contextlib.contextmanager
    def _or_without(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            logger.warning("TensorBoard files cannot be written (%s); going on without them.", error.strerror or error)
            # At the end of the process tensorboardX would flush once more and print tracebacks.
            files, self._writer = self._writer.file_writer, None
            broken, files.event_writer = files.event_writer, _Abandoned()
            if broken._worker is not None and broken._worker.is_alive():
                broken._worker.stop()


class _Abandoned:
    """Stands where an event file was that cannot be written any more."""

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
