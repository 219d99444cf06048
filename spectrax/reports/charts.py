"""What the page's script draws: curves and numbers of the runs as plain JSON values."""

import math
from collections.abc import Sequence
from typing import Any

from spectrax.reports.comparison import Comparison
from spectrax.reports.curves import thin
from spectrax.reports.labels import labels
from spectrax.reports.runs import Run

_POINTS_PER_LINE = 1000
_POINTS = 200_000  # of all lines together, so that a page of 100 runs stays small
_LINES_SHOWN = 12  # at first; the legend shows and hides the others
_COLOURS, _DASHES = 7, 4  # as in page.css
_SPLITS = {"validation": 0, "test": 1, "train": 2}


def charted(comparison: Comparison) -> dict[str, Any]:
    """Charts of curves, and for every run the numbers that can be set against each other."""
    runs = comparison.runs
    shown = _shown_first(comparison)
    metrics = dict.fromkeys([*comparison.metrics, *sorted({name for run in runs for name in run.metrics})])
    return {
        "runs": [
            {
                "label": label,
                "name": run.name,
                "look": look(index),
                "shown": run in shown,
                "numbers": _numbers(run, comparison.keys),
            }
            for index, (run, label) in enumerate(zip(runs, labels(runs), strict=True))
        ],
        "charts": _charts(runs),
        "across": ["parameters", "seconds", "examples per second", *comparison.keys],
        "up": list(metrics),
    }


def look(index: int) -> str:
    """The classes of a run's line: a colour of its own, with other dashes after the last colour."""
    return f"c{index % _COLOURS} d{index // _COLOURS % _DASHES}"


def finite(value: Any) -> float | int | None:
    """A number with the digits that a picture shows; None for everything that has no place on an axis."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _numbers(run: Run, keys: Sequence[str]) -> dict[str, float | int | None]:
    found = {
        "parameters": run.parameters,
        "seconds": run.seconds,
        "examples per second": run.examples_per_second,
        **{key: run.config.get(key) for key in keys},
        **run.metrics,
    }
    return {name: finite(value) for name, value in found.items()}


def _shown_first(comparison: Comparison) -> list[Run]:
    """The best few of every experiment."""
    experiments = dict.fromkeys(run.experiment for run in comparison.runs)
    share = max(1, _LINES_SHOWN // len(experiments))
    members = [[run for run in comparison.runs if run.experiment == name] for name in experiments]
    return [run for runs in members for run in runs[:share]]


def _charts(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A chart for each split and metric that some run logged more than once."""
    names = dict.fromkeys(name for run in runs for name, (steps, _) in run.curves.items() if len(steps) > 1)
    lines = sum(name in run.curves for run in runs for name in names)
    points = min(_POINTS_PER_LINE, max(_POINTS // max(lines, 1), 100))
    return [
        {
            "title": f"{split} {metric}",
            "logarithmic": not metric.startswith("accuracy"),
            "lines": [_line(index, run, (split, metric), points) for index, run in enumerate(runs)],
        }
        for split, metric in sorted(names, key=lambda name: (_SPLITS.get(name[0], 3), name))
    ]


def _line(index: int, run: Run, name: tuple[str, str], points: int) -> dict[str, Any]:
    steps, values = thin(run.curves.get(name, ([], [])), points)
    return {"run": index, "x": steps, "y": [finite(value) for value in values]}
