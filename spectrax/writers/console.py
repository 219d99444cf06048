"""What a person watches: a live bar with rate and time left, or plain lines when the output is not a terminal."""

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spectrax.core.screen import digits

_PLAIN_PERIOD = 10.0  # seconds between two plain progress lines
_SHOWN = ("loss", "accuracy", "relative_l2")
_MOST = 12  # metrics in a line

logger = logging.getLogger("spectrax")


class ConsoleWriter:
    """Progress of training on standard output; evaluations become lines above the bar."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout)
        self._bar: Progress | None = None
        self._task: Any = None
        self._total = 0
        self._latest = ""
        self._printed = 0.0
        self._first: tuple[float, int] | None = None

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """Show the bar (on a terminal) from `step` on."""
        self._total = total_steps
        self._first = None
        if self._console.is_terminal and step < total_steps:
            self._bar = Progress(
                TextColumn("step"),
                MofNCompleteColumn(),
                BarColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[rate]}{task.fields[metrics]}"),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("train", total=total_steps, completed=step, rate="", metrics="")
            self._bar.start()

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Training rows feed the bar; other splits are printed."""
        shown = "  ".join(f"{name} {metrics[name]:.4g}" for name in _SHOWN if name in metrics)
        if split == "train":
            self._latest = shown
        else:
            shown = [f"{name} {digits(value)}" for name, value in metrics.items()]
            if len(shown) > _MOST:
                shown[_MOST - 1 :] = [f"and {len(shown) - _MOST + 1:,} more in metrics.csv"]
            logger.info("step %d  %s: %s", step, split, "  ".join(shown))

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Move the bar, or print a line every few seconds."""
        rate = f"{timings['examples_per_second']:,.0f} examples/s"
        if self._bar is not None:
            self._bar.update(self._task, completed=step, rate=rate, metrics=f"  {self._latest}")
        elif time.monotonic() - self._printed >= _PLAIN_PERIOD:
            self._printed = time.monotonic()
            logger.info("step %d of %d  %s%s  %s", step, self._total, rate, self._time_left(step), self._latest)

    def mark(self) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _time_left(self, step: int) -> str:
        now = time.monotonic()
        if self._first is None:
            self._first = (now, step)
            return ""
        start, first = self._first
        seconds = (now - start) / max(step - first, 1) * (self._total - step)
        return f"  {int(seconds) // 60}:{int(seconds) % 60:02d} left"
