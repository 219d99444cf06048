"""What a sweep came to, on the screen."""

from pathlib import Path

from spectrax.core.errors import UnreadableFile
from spectrax.reports import runs, sweeps, table


def show(directory: Path) -> None:
    """A table of the sweep whose record is there, the best run first, and how to see more of it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from spectrax.core.screen import standard_output

    sweep = sweeps.read(directory)
    found = [run for one in sweep.runs if one.directory and (run := _run(one.directory)) is not None]
    outcome = sweeps.outcome(sweep, found)
    screen = Table(title=sweeps.counted(outcome), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    shown = table.sweep_columns(outcome)
    for column in shown:
        screen.add_column(Text(column.title.replace(".", "\n")), no_wrap=column is shown[-1])
    for row in outcome.rows:
        # Names and values are text, whatever brackets they hold.
        screen.add_row(*[Text(column.shown(row)) for column in shown])
    console = standard_output()
    console.print(screen)
    console.print(f"More of it: python -m spectrax.report runs={directory}", markup=False, highlight=False)


def _run(directory: Path) -> runs.Run | None:
    try:
        return runs.read(directory, runs.printable(directory))
    except UnreadableFile:
        return None
