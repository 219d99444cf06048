"""The runs as a tidy CSV file, as Markdown, and as columns for a screen or a page."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from spectrax.core import screen
from spectrax.reports.comparison import ABSENT, Comparison
from spectrax.reports.runs import Run, printable
from spectrax.reports.sweeps import Outcome, Row


@dataclasses.dataclass(frozen=True)
class Column:
    """A column for people, of runs or of groups of runs.

    Attributes:
        value: what rows are sorted by.
        text: the value in words or digits.
        named_by_files, filled_by_files: whether its title, or its cells, are text out of the runs' files.
    """

    title: str
    value: Callable[[Any], Any]
    text: Callable[[Any], str]
    named_by_files: bool = False
    filled_by_files: bool = False

    def shown(self, row: Any) -> str:
        """The cell of a row."""
        return self.text(self.value(row))


def columns(comparison: Comparison) -> list[Column]:
    """What matters most of the runs, their names first."""
    return [
        Column("run", lambda run: run.name, str, filled_by_files=True),
        Column("experiment", lambda run: run.experiment, str, filled_by_files=True),
        Column("seed", lambda run: run.config.get("seed", ABSENT), written, filled_by_files=True),
        *[_key_column(key, lambda run: run) for key in comparison.keys],
        Column("parameters", lambda run: run.parameters, whole),
        *[Column(name, lambda run, name=name: run.metrics.get(name), digits, True) for name in comparison.metrics],
        Column("step", lambda run: run.step, whole),
        Column("status", status, str),
        Column("examples/s", lambda run: run.examples_per_second, whole),
        Column("time", whole_time, clock),
    ]


def seed_columns(comparison: Comparison) -> list[Column]:
    """Of the groups that differ in their seed alone: mean ± standard deviation of each metric."""
    return [
        Column("experiment", lambda group: group.runs[0].experiment, str, filled_by_files=True),
        *[_key_column(key, lambda group: group.runs[0]) for key in comparison.seed_keys],
        Column("seeds", lambda group: len(group.runs), whole),
        *[
            Column(name, lambda group, name=name: group.mean_and_deviation(name), spread, named_by_files=True)
            for name in comparison.metrics
        ],
    ]


def sweep_columns(outcome: Outcome) -> list[Column]:
    """Of the runs of a sweep: what was varied, what chooses the best, how the run stands and where it is."""
    best = [outcome.choice.name] if outcome.choice else []
    return [
        *[
            Column(key, lambda row, key=key: row.swept.values.get(key, ""), _shortened, True, True)
            for key in outcome.sweep.keys
        ],
        *[Column(name, lambda row, name=name: row.run and row.run.metrics.get(name), digits, True) for name in best],
        Column("step", lambda row: row.run and row.run.step, whole),
        Column("outcome", lambda row: row.status, str),
        Column("run", _run_name, str, filled_by_files=True),
    ]


def _shortened(value: str) -> str:
    """A number that a search found, without the digits that nobody reads."""
    try:
        return f"{float(value):.5g}" if len(value) > 10 else value
    except ValueError:
        return value


def _run_name(row: Row) -> str:
    if row.run:
        return row.run.name
    return printable(row.swept.directory) if row.swept.directory else ""


def _key_column(key: str, run_of: Callable[[Any], Run]) -> Column:
    return Column(key, lambda row: run_of(row).config.get(key, ABSENT), written, True, True)


def status(run: Run) -> str:
    """Whether the run came to its end."""
    return "finished" if run.finished else "unfinished"


def whole_time(run: Run) -> float | None:
    """Seconds of training, evaluation and saving, with compilation."""
    return None if run.seconds is None else run.seconds + (run.compile_seconds or 0.0)


def tidy(comparison: Comparison) -> str:
    """CSV: one row per run with everything; numbers with all their digits, nothing where a run says nothing."""
    metrics = sorted({name for run in comparison.runs for name in run.metrics})
    text = io.StringIO()
    rows = [_tidy_row(run, comparison.differing, metrics) for run in comparison.runs]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _tidy_row(run: Run, keys: Sequence[str], metrics: Sequence[str]) -> Mapping[str, Any]:
    return {
        "run_dir": printable(run.directory),
        "experiment": run.experiment,
        "seed": written(run.config.get("seed", ABSENT)),
        **{key: written(run.config.get(key, ABSENT)) for key in keys},
        "parameters": run.parameters,
        "step": run.step,
        "status": status(run),
        "best_step": run.best_step,
        "selected_on": run.selected_on,
        **{name: run.metrics.get(name) for name in metrics},
        "examples_per_second": run.examples_per_second,
        "seconds": run.seconds,
        "compile_seconds": run.compile_seconds,
        "device": run.device,
    }


def markdown(comparison: Comparison, sweeps: Sequence[Outcome] = ()) -> str:
    """A table of the runs, the best first, one of the seeds where there are several, and one of each sweep."""
    parts = ["# Runs", "", *_choice_lines(comparison), "", *_grid(columns(comparison), comparison.runs), ""]
    if comparison.seeds:
        parts += ["## Over seeds", "", "Mean ± standard deviation of the finished runs.", ""]
        parts += [*_grid(seed_columns(comparison), comparison.seeds), ""]
    for outcome in sweeps:
        parts += [f"## Sweep {_code(outcome.sweep.name)}", "", f"{_code(' '.join(outcome.sweep.words))}", ""]
        parts += [*_grid(sweep_columns(outcome), outcome.rows), ""]
    return "\n".join(parts)


def choices(comparison: Comparison) -> list[tuple[str, str, str]]:
    """By experiment: its name, what chooses the best run, and the name of that run or nothing."""
    best = {name: run.name for name, run in comparison.best.items()}
    return [(name, str(choice), best.get(name, "")) for name, choice in comparison.chosen.items()]


def _choice_lines(comparison: Comparison) -> list[str]:
    return [
        f"- {_code(name)}: ordered by {_code(choice)}" + (f"; the best is {_code(best)}" if best else "")
        for name, choice, best in choices(comparison)
    ]


def _grid(shown: Sequence[Column], rows: Sequence[Any]) -> list[str]:
    titles = [_code(column.title) if column.named_by_files else column.title for column in shown]
    cells = [[_code(c.shown(row)) if c.filled_by_files else c.shown(row) for c in shown] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in (titles, ["---"] * len(titles), *cells)]


def _code(text: str) -> str:
    """Text of unknown origin as a code span, where nothing in it is markup or ends the cell."""
    plain = " ".join(text.replace("`", "'").replace("|", "\\|").split())
    return f"`{plain}`" if plain else ""


def written(value: Any) -> str:
    """A value of a config as one would write it on a command line; nothing where it is absent."""
    if value is ABSENT:
        return ""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def whole(value: float | None) -> str:
    """A number without decimals, thousands apart."""
    return f"{value:,.0f}" if value is not None and math.isfinite(value) else ""


def digits(value: float | None) -> str:
    """See `spectrax.core.screen.digits`; nothing where there is no number."""
    return "" if value is None else screen.digits(value)


def spread(pair: tuple[float, float]) -> str:
    """Mean ± standard deviation; nothing where there is none."""
    mean, deviation = pair
    return "" if math.isnan(mean) else f"{digits(mean)} ± {deviation:.2g}"


def clock(seconds: float | None) -> str:
    """Minutes and seconds, from an hour on with hours."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
