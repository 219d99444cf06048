"""Two metrics of all finished runs, by groups that differ in their seed alone: what a scatter plot shows."""

import difflib
import math
from collections.abc import Sequence
from typing import Any

from spectrax.core.errors import ConfigError
from spectrax.reports.comparison import Comparison
from spectrax.reports.runs import Run


def metric_names(text: str) -> tuple[str, str]:
    """Of "ACROSS,UP". Raises `ConfigError` for another number of names."""
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise ConfigError(f"scatter={text}: give two metrics, such as scatter=final.test.loss,final.test.nrmse.")
    return names[0], names[1]


def pairs(comparison: Comparison, across: str, up: str) -> dict[str, list[tuple[float, float]]]:
    """The two metrics of each run that has both, by a label of what tells its group from others.

    Raises:
        ConfigError: when no finished run has both; it names the nearest metric.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for run in comparison.runs:
        pair = run.metrics.get(across, math.nan), run.metrics.get(up, math.nan)
        if run.finished and all(map(math.isfinite, pair)):
            found.setdefault(_label(run, comparison.seed_keys), []).append(pair)
    if not found:
        known = list(dict.fromkeys(name for run in comparison.runs for name in run.metrics))
        missing = next((name for name in (across, up) if name not in known), across)
        near = difflib.get_close_matches(missing, known, 1, 0.3)
        raise ConfigError(
            f"No finished run has both {across} and {up}." + (f" A metric that there is: {near[0]}." if near else "")
        )
    return found


def _label(run: Run, keys: Sequence[str]) -> str:
    told: list[Any] = [f"{key.rpartition('.')[2]} {run.config[key]}" for key in keys if key in run.config]
    return ", ".join(told) or run.experiment or "runs"
