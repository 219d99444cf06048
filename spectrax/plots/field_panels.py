"""Panels of fields: input, truth, prediction and error of a few examples; and what was predicted of files."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing

__all__ = ["Figure", "Panel", "compared", "predicted"]

_WIDTH = 2.5  # inches of a panel
_TALLEST, _FLATTEST = 1.3, 0.35  # height over width of a panel
_LONGEST_NAME = 30


@dataclasses.dataclass(frozen=True)
class Panel:
    """One scalar field to be shown.

    Attributes:
        title: what stands beside it.
        prediction: (*space).
        truth: likewise; None where it is not known.
        given: the input; None where it is no field of its own.
        coordinates: of each value, (*space, 2); None on a uniform grid.
    """

    title: str
    prediction: np.ndarray
    truth: np.ndarray | None = None
    given: np.ndarray | None = None
    coordinates: np.ndarray | None = None

    @property
    def is_line(self) -> bool:
        """Whether it has one dimension of space and so is drawn as a line."""
        return self.coordinates is None and self.prediction.ndim == 1


def compared(panels: Sequence[Panel], view: Sequence[float] | None = None) -> Figure:
    """A row for each panel: input, truth, prediction, and the error, signed. Truth and prediction share their colours.

    Args:
        view: (x from, x to, y from, y to), the part of the plane that is shown; for fields with coordinates.
    """
    if panels[0].is_line:
        return _lines(panels)
    headings = ["truth", "prediction", "prediction \N{MINUS SIGN} truth"]
    headings = headings if panels[0].given is None else ["input", *headings]
    figure, grid = _grid(panels, len(headings), view)
    for axes, heading in zip(grid[0], headings, strict=True):
        axes.set_title(heading, fontsize=10)
    for row, panel in zip(grid, panels, strict=True):
        row[0].set_ylabel(panel.title, fontsize=9)
        if panel.given is not None:
            _filled(figure, [row[0]], [panel.given], panel, drawing.colours(panel.given))
        shared = drawing.colours(panel.truth)
        _filled(figure, list(row[-3:-1]), [panel.truth, panel.prediction], panel, shared)
        error = panel.prediction - panel.truth
        _filled(figure, [row[-1]], [error], panel, drawing.signed_colours(error))
    for axes in grid.ravel():
        drawing.zoom(axes, view if panels[0].coordinates is not None else None)
    return drawing.settled(figure)


def predicted(panels: Sequence[Panel], view: Sequence[float] | None = None, columns: int = 4) -> Figure:
    """What was predicted, each panel below its title, without a truth."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=((_WIDTH + 0.7) * columns, rows * (_WIDTH * _shape(panels[0], view) + 0.4)))
    figure.set_layout_engine("constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        name = panel.title
        axes.set_title(name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}", fontsize=8)
        if panel.is_line:
            axes.plot(panel.prediction, color=drawing.PREDICTION, linewidth=1.4)
            axes.tick_params(labelsize=7)
        else:
            _filled(figure, [axes], [panel.prediction], panel, drawing.colours(panel.prediction))
            drawing.zoom(axes, view if panel.coordinates is not None else None)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return drawing.settled(figure)


def _lines(panels: Sequence[Panel]) -> Figure:
    """Fields in one dimension: truth and prediction above each other, the error beside them."""
    figure = Figure(figsize=(9, 2.3 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 2, squeeze=False, width_ratios=(3, 2), sharex=True)
    for (left, right), panel in zip(grid, panels, strict=True):
        place = np.linspace(0, 1, len(panel.truth))
        if panel.given is not None:
            left.plot(place, panel.given, color=drawing.OTHER, linewidth=1, label="input")
        left.plot(place, panel.truth, color=drawing.TRUTH, linewidth=1.8, label="truth")
        left.plot(place, panel.prediction, color=drawing.PREDICTION, linewidth=1.4, linestyle="--", label="prediction")
        left.set_ylabel(panel.title, fontsize=9)
        right.plot(place, panel.prediction - panel.truth, color=drawing.ERROR, linewidth=1.2)
        right.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
        right.ticklabel_format(axis="y", scilimits=(-2, 3))
        for axes in (left, right):
            axes.set_xlim(0, 1)
            axes.tick_params(labelsize=8)
    grid[0, 0].legend(fontsize=8, frameon=False, ncols=3, loc="best")
    grid[0, 1].set_title("prediction \N{MINUS SIGN} truth", fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("place", fontsize=9)
    return figure


def _grid(panels: Sequence[Panel], columns: int, view: Sequence[float] | None) -> tuple[Figure, np.ndarray]:
    width = _WIDTH * columns + 0.75 * (columns - 1) + 0.5
    figure = Figure(figsize=(width, len(panels) * (_WIDTH * _shape(panels[0], view) + 0.15) + 0.3))
    figure.set_layout_engine("constrained", w_pad=0.04, h_pad=0.05)
    return figure, figure.subplots(len(panels), columns, squeeze=False)


def _shape(panel: Panel, view: Sequence[float] | None) -> float:
    """Height over width of a picture."""
    if panel.is_line:
        return 0.7
    if panel.coordinates is None:
        width, height = drawing.flat(panel.prediction).shape
    elif view is not None:
        width, height = view[1] - view[0], view[3] - view[2]
    else:
        width, height = np.ptp(panel.coordinates.reshape(-1, 2), axis=0)
    return float(np.clip(height / max(width, 1e-12), _FLATTEST, _TALLEST))


def _filled(
    figure: Figure, axes: Sequence[Axes], fields: Sequence[np.ndarray], panel: Panel, colours: drawing.Colours
) -> None:
    """Fields in the same colours, with one bar for all of them."""
    for one, field in zip(axes, fields, strict=True):
        where = None if panel.coordinates is None else _flat_places(panel.coordinates)
        drawing.draw(one, drawing.flat(field), where, colours)
    drawing.bar(figure, colours, axes, pad=0.02, aspect=22)


def _flat_places(coordinates: np.ndarray) -> np.ndarray:
    """Coordinates of the values that `flat` keeps."""
    while coordinates.ndim > 3:
        coordinates = coordinates[..., -1, :]
    return coordinates
