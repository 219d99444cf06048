"""`python -m spectrax.report runs=DIR_OR_PATTERN [output=DIR] [scatter=METRIC,METRIC]`: runs and sweeps as a table and
as a page, and two metrics against each other."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spectrax.config.shell import leave, plain_command
from spectrax.core.errors import ConfigError, DataMissing, UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from spectrax.reports.comparison import Comparison
    from spectrax.reports.runs import Run
    from spectrax.reports.sweeps import Outcome, Sweep

_KEYS = {
    "runs": "a directory (with all runs and sweeps below it), a sweep's own, or a pattern such as 'runs/svt_*'",
    "scatter": "two metrics, such as final.test.loss,final.test.nrmse: report.png sets them against each other",
    "output": "directory for report.csv, .md and .html (default: that of runs=; for a pattern, the current one)",
}
_KEYS_ON_SCREEN, _METRICS_ON_SCREEN = 4, 3  # the files hold more


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Read every run, compare them, write the three files."""
    from spectrax.reports import page, pairs, table
    from spectrax.reports.comparison import compare
    from spectrax.reports.sweeps import outcome

    if overrides:
        raise ConfigError(f"{overrides[0]} is not a key of this command. Its keys: {', '.join(_KEYS)}.")
    source = keys["runs"]
    scatter = pairs.metric_names(keys["scatter"]) if keys.get("scatter") else None
    sweeps, damaged = _sweeps(source)
    runs, skipped = read_all(source, sweeps)
    skipped = [*damaged, *skipped]
    for line in skipped:
        print(line, flush=True)
    if not runs:
        raise DataMissing(f"None of the {len(skipped):,} run directories of runs={source} could be read.")
    comparison = compare(runs)
    scattered = pairs.pairs(comparison, *scatter) if scatter else {}
    outcomes = [outcome(sweep, comparison.runs) for sweep in sweeps]
    directory = os.path.expanduser(source)
    output = Path(keys.get("output") or (directory if os.path.isdir(directory) else "."))
    texts = {
        "report.csv": table.tidy(comparison),
        "report.md": table.markdown(comparison, outcomes),
        "report.html": page.page(comparison, _title(source), skipped, outcomes),
    }
    _print(comparison, outcomes)
    _write(output, texts)
    drawn = _drawn(output, scattered, scatter) if scatter else []
    print("Written: " + ", ".join(f"{output}/{name}" for name in [*texts, *drawn]))
    return 0


def _drawn(output: Path, scattered: "Mapping[str, list[tuple[float, float]]]", names: tuple[str, str]) -> list[str]:
    """Write the scatter plot, whole or not at all; the names of files."""
    import numpy as np

    from spectrax.core.files import atomic_write
    from spectrax.plots.metric_pairs import metric_pairs

    groups = {label: np.array(values) for label, values in scattered.items()}
    with atomic_write(output / "report.png") as file:
        metric_pairs(groups, *names).savefig(file, format="png", dpi=120)
    return ["report.png"]


def _sweeps(source: str) -> tuple[list["Sweep"], list[str]]:
    """The sweeps of a directory or pattern, and a line for each whose record could not be read."""
    from spectrax.reports import runs, sweeps

    found, skipped = [], []
    for directory in sweeps.find(source):
        try:
            found.append(sweeps.read(directory))
        except UnreadableFile as error:
            skipped.append(f"{runs.printable(directory)} is skipped: {error}.")
    return found, skipped


def read_all(source: str, sweeps: Sequence["Sweep"] = ()) -> tuple[list["Run"], list[str]]:
    """The runs of a directory or pattern and those of sweeps, and a line for each that could not be read.

    Raises:
        DataMissing: when there is no run directory at all.
    """
    from spectrax.reports import runs

    directories = runs.find(source, [run.directory for sweep in sweeps for run in sweep.runs if run.directory])
    if not directories:
        raise DataMissing(
            f"runs={source}: no run directory is there. Give a directory with runs below it, or a quoted pattern; "
            "`python -m spectrax.train` makes one."
        )
    found, skipped = [], []
    for directory, name in zip(directories, runs.short_names(directories), strict=True):
        try:
            found.append(runs.read(directory, name))
        except UnreadableFile as error:
            skipped.append(f"{runs.printable(directory)} is skipped: {error}.")
    return found, skipped


def _title(source: str) -> str:
    from spectrax.reports.runs import printable

    return f"Runs of {printable(Path(source))}"


def _write(output: Path, texts: "Mapping[str, str]") -> None:
    from spectrax.core.files import told_if_unwritable, write_text

    with told_if_unwritable(output, "DIR"):
        for name, text in texts.items():
            write_text(output / name, text)


def _print(comparison: "Comparison", outcomes: Sequence["Outcome"]) -> None:
    from rich.measure import Measurement

    from spectrax.core.screen import standard_output
    from spectrax.reports.sweeps import counted
    from spectrax.reports.table import choices

    console = standard_output()
    screens = [_screen(comparison, count) for count in range(_METRICS_ON_SCREEN, 0, -1)]
    unbounded = console.options.update(max_width=10_000)
    fitting = (screen for screen in screens if Measurement.get(console, unbounded, screen).maximum <= console.width)
    console.print(next(fitting, screens[-1]))
    for experiment, choice, best in choices(comparison):
        console.print(f"{experiment}: best by {choice}: {best or 'none yet'}", markup=False, highlight=False)
    for outcome in outcomes:
        over = f" over {', '.join(outcome.sweep.keys)}" if outcome.sweep.keys else ""
        console.print(f"Sweep {outcome.sweep.name}{over}: {counted(outcome)}", markup=False, highlight=False)


def _screen(comparison: "Comparison", metrics: int) -> "Table":
    """The table with so many columns of metrics; the files have them all."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from spectrax.reports.table import columns

    few = dataclasses.replace(comparison, keys=comparison.keys[:_KEYS_ON_SCREEN], metrics=comparison.metrics[:metrics])
    shown = [column for column in columns(few) if column.title not in ("experiment", "examples/s")]
    screen = Table(title=_counted(comparison.runs), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in shown:
        side = "left" if column is shown[0] else "right"
        screen.add_column(Text(column.title.replace(".", "\n")), justify=side, overflow="fold")
    for one in comparison.runs:
        # Names and values are text, whatever brackets they hold.
        screen.add_row(*[Text(column.shown(one)) for column in shown])
    return screen


def _counted(runs: "Sequence[Run]") -> str:
    unfinished = sum(not one.finished for one in runs)
    return f"{len(runs)} runs" + (f", {unfinished} unfinished" if unfinished else "")


main = plain_command(run, __doc__, _KEYS, required=["runs"], config="none")

if __name__ == "__main__":
    leave(main())
