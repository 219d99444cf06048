"""`metrics.csv` as curves, and curves thinned for drawing."""

import csv
import io
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from spectrax.core.errors import UnreadableFile

Curve = tuple[list[int], list[float]]
"""Steps and the values logged at them."""

Curves = dict[tuple[str, str], Curve]
"""A curve by (split, metric)."""

_HEADER = ["step", "split", "metric", "value"]


def read(path: Path) -> Curves:
    """The curves of a `metrics.csv`; none of a file that is absent.

    A last line that has no end yet, as a run leaves it that is writing, is left out.

    Raises:
        UnreadableFile: when the file holds something else.
    """
    if not path.exists():
        return {}
    try:
        text = path.read_bytes().decode()
        whole = text[: text.rfind("\n") + 1]
        rows = csv.reader(io.StringIO(whole, newline=""))
        if next(rows, _HEADER) != _HEADER:
            raise ValueError(f"its columns are not {','.join(_HEADER)}")
        return _collected(rows)
    except (OSError, ValueError, csv.Error) as error:
        raise UnreadableFile(f"{path.name} cannot be read ({error})") from error


def _collected(rows: Iterator[list[str]]) -> Curves:
    curves: Curves = {}
    for number, row in enumerate(rows, 2):
        try:
            step, split, metric, value = row
            point = int(step), float(value)
        except ValueError as error:
            raise ValueError(f"line {number} is not a step, a split, a metric and a value") from error
        steps, values = curves.setdefault((split, metric), ([], []))
        steps.append(point[0])
        values.append(point[1])
    return curves


def thin(curve: Curve, points: int) -> Curve:
    """At most `points` (4 or more) of the curve: its ends, and the least and the greatest value of equal stretches.

    Every spike is kept, which taking each n-th point would not do.
    """
    steps, values = curve
    count = len(steps)
    if count <= points:
        return curve
    stretches = (points - 2) // 2
    edges = [1 + (count - 2) * number // stretches for number in range(stretches + 1)]
    kept = {0, count - 1}
    for start, stop in itertools.pairwise(edges):
        kept.update(_extremes(values, range(start, stop)))
    order = sorted(kept)
    return [steps[index] for index in order], [values[index] for index in order]


def _extremes(values: Sequence[float], places: range) -> set[int]:
    finite = [place for place in places if math.isfinite(values[place])]
    if not finite:
        return set(places[:1])
    return {min(finite, key=values.__getitem__), max(finite, key=values.__getitem__)}
