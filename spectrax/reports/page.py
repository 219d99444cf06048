"""The runs as one HTML page that needs nothing beside itself: style, script, data and figures are inside."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from spectrax.reports import table
from spectrax.reports.charts import charted, finite, look
from spectrax.reports.comparison import ABSENT, Comparison
from spectrax.reports.labels import labels
from spectrax.reports.runs import Run, printable
from spectrax.reports.sweeps import Outcome, counted
from spectrax.reports.table import Column

_LARGEST_FIGURE = 4 * 2**20  # bytes
_PICTURES = {b"\x89PNG\r\n\x1a\n": "png", b"GIF89a": "gif"}  # how files of pictures begin


def page(comparison: Comparison, title: str, skipped: Sequence[str] = (), sweeps: Sequence[Outcome] = ()) -> str:
    """The page.

    Args:
        title: its heading.
        skipped: a line for each directory that could not be read.
        sweeps: those that some of the runs belong to.
    """
    style, script = _asset("page.css"), _asset("page.js")
    finished = sum(run.finished for run in comparison.runs)
    return Template(_asset("page.html")).substitute(
        title=escape(title),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=_embedded(charted(comparison)),
        summary=f"{_counted(len(comparison.runs), 'run')}, {finished} finished",
        choices="".join(f"<li>{line}</li>" for line in _choices(comparison)),
        runs=_runs(comparison),
        sweeps=_section("sweeps", "Sweeps", "".join(_sweep(outcome, comparison.runs) for outcome in sweeps)),
        seeds=_section("seeds", "Over seeds", _seeds(comparison)),
        figures=_section("figures", "Figures of the best run", "".join(_figures(comparison))),
        differences=_section("differences", "What differs in the configs", _differences(comparison)),
        overrides="".join(map(_overrides, comparison.runs)),
        skipped=_section("skipped", "Skipped", _list(map(escape, skipped))),
    )


def _asset(name: str) -> str:
    return resources.files("spectrax.reports").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """How the page's policy names the only script and the only style that a browser may obey."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embedded(value: Any) -> str:
    """JSON that nothing inside can end before its end."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _choices(comparison: Comparison) -> list[str]:
    lines = []
    for name, choice, best in table.choices(comparison):
        which = f": the best is <strong>{escape(best)}</strong>" if best else ""
        lines.append(f"{escape(name)}, ordered by <code>{escape(choice)}</code>{which}")
    return lines


def _runs(comparison: Comparison) -> str:
    shown = table.columns(comparison)
    numeric = {c.title for c in shown if any(finite(c.value(run)) is not None for run in comparison.runs)}
    best = [id(run) for run in comparison.best.values()]
    head = "".join(_head(column.title, column.title in numeric) for column in shown)
    body = "".join(_row(index, run, shown, numeric, id(run) in best) for index, run in enumerate(comparison.runs))
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _head(title: str, numeric: bool) -> str:
    kind = "number" if numeric else ""
    return f'<th scope="col" class="{kind}"><button type="button">{escape(title)}</button></th>'


def _row(index: int, run: Run, shown: Sequence[Column], numeric: set[str], best: bool) -> str:
    star = '<span class="best" title="the best finished run of its experiment">★</span>' if best else ""
    name = escape(run.name)
    first = f'<th scope="row" title="{name}">{_swatch(index)}{name}{star}</th>'
    cells = "".join(_cell(column, run, column.title in numeric) for column in shown[1:])
    return f'<tr data-run="{index}">{first}{cells}</tr>'


def _cell(column: Column, run: Run, numeric: bool) -> str:
    value = column.value(run)
    kind = "number" if numeric else "unfinished" if column.value is table.status and not run.finished else ""
    order = f' data-value="{value!r}"' if finite(value) is not None else ""
    return f'<td class="{kind}"{order}>{escape(column.shown(run))}</td>'


def _swatch(index: int) -> str:
    """The run's line as it looks in the charts."""
    return f'<svg class="swatch {look(index)}" viewBox="0 0 24 8" aria-hidden="true"><path d="M1 4H23"/></svg>'


def _sweep(outcome: Outcome, runs: Sequence[Run]) -> str:
    shown = table.sweep_columns(outcome)
    places = {id(run): index for index, run in enumerate(runs)}
    head = "".join(f'<th scope="col">{escape(column.title)}</th>' for column in shown)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(column.shown(row))}</td>' for column in shown[:-1])}"
        f"<td>{_swatch(places[id(row.run)]) if row.run else ''}{escape(shown[-1].shown(row))}</td></tr>"
        for row in outcome.rows
    )
    words = escape(" ".join(outcome.sweep.words))
    return (
        f"<h3>{escape(outcome.sweep.name)}: {escape(counted(outcome))}</h3><p><code>{words}</code></p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _seeds(comparison: Comparison) -> str:
    shown = table.seed_columns(comparison)
    rows = [[column.shown(group) for column in shown] for group in comparison.seeds]
    heading = "<p>Mean ± standard deviation of the finished runs.</p>"
    return heading + _grid([column.title for column in shown], rows) if rows else ""


def _differences(comparison: Comparison) -> str:
    runs = comparison.runs
    rows = [[key, *[table.written(run.config.get(key, ABSENT)) for run in runs]] for key in comparison.differing]
    return _grid(["key", *[run.name for run in runs]], rows) if rows else ""


def _grid(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _overrides(run: Run) -> str:
    words = "\n".join(map(escape, run.overrides)) or "(none)"
    return f"<details><summary>{escape(run.name)}</summary><pre>{words}</pre></details>"


def _figures(comparison: Comparison) -> Iterable[str]:
    told = {id(run): label for run, label in zip(comparison.runs, labels(comparison.runs), strict=True)}
    for run in comparison.best.values():
        found = [path for ending in ("png", "gif") for path in run.directory.glob(f"figures/*.{ending}")]
        pictures = "".join(map(_figure, sorted(found)))
        if pictures:
            said = f": {escape(told[id(run)])}" if told[id(run)] != run.name else ""
            yield f'<h3>{escape(run.name)}{said}</h3><div class="figures">{pictures}</div>'


def _figure(path: Path) -> str:
    try:
        data = path.read_bytes() if path.stat().st_size <= _LARGEST_FIGURE else b""
    except OSError:
        data = b""
    name = escape(printable(Path(path.stem)).replace("_", " "))
    kind = next((kind for beginning, kind in _PICTURES.items() if data.startswith(beginning)), None)
    if kind is None:
        return f"<p>{name}: the file is no PNG or GIF picture, or too large for this page.</p>"
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<figure><img src="{source}" alt="{name}"><figcaption>{name}</figcaption></figure>'


def _section(name: str, heading: str, content: str) -> str:
    return f'<section id="{name}"><h2>{heading}</h2>{content}</section>' if content else ""


def _list(items: Iterable[str]) -> str:
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
