"""Forecasts of trajectories: coordinates against time, the way through phase space, errors, and what a run visits."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing
from spectrax.plots.bare_axes import bare

__all__ = ["Figure", "error_against_time", "histograms", "trajectories"]

_LINES = 4  # coordinates drawn as lines; more of them are drawn as a picture of place and time
_LEAST_ROOM, _MOST_ROOM = 0.35, 1.0  # ranges of the truth above and below it: always, and for a forecast that leaves it


def trajectories(
    truth: np.ndarray, prediction: np.ndarray, times: np.ndarray, names: Sequence[str], titles: Sequence[str]
) -> Figure:
    """A row for each trajectory: its coordinates against time, truth and forecast, and its way through phase space.
    Axes go to three ranges of the truth for a forecast that needs them, and where it goes beyond is marked.

    Args:
        truth, prediction: (trajectories, frames, coordinates); the first frames are alike.
        times: (frames,).
        names: of the coordinates.
        titles: of the trajectories.
    """
    if truth.shape[-1] > _LINES:
        return _pictures(truth, prediction, times, titles)
    count, _, coordinates = truth.shape
    planes = 1 if coordinates > 1 else 0
    figure = Figure(figsize=(2.9 * (coordinates + planes) + 0.4, 2.0 * count + 0.5), layout="constrained")
    grid = figure.subplots(count, coordinates + planes, squeeze=False)
    for row, true, found, title in zip(grid, truth, prediction, titles, strict=True):
        for place, axes in enumerate(row[:coordinates]):
            _lines(axes, times, true[:, place], found[:, place])
            axes.set_ylabel(names[place] if place else f"{title}\n{names[place]}", fontsize=9)
        if planes:
            _plane(row[-1], true, found, (0, coordinates - 1), names)
    for axes in grid[-1, :coordinates]:
        axes.set_xlabel("time", fontsize=9)
    drawn = dict(pair[::-1] for axes in grid.flat for pair in zip(*axes.get_legend_handles_labels(), strict=True))
    figure.legend(drawn.values(), drawn, fontsize=8, frameon=False, loc="outside upper left", ncols=len(drawn))
    return figure


def error_against_time(
    errors: Mapping[str, np.ndarray], times: np.ndarray, unit: str, valid_below: float | None = None
) -> Figure:
    """NRMSE against the time of the forecast: the model's, and what it is compared with.

    Args:
        errors: (steps,) each.
        times: (steps,) in `unit`.
        valid_below: where a line is drawn.
    """
    figure = Figure(figsize=(5.8, 3.8), layout="constrained")
    axes = figure.subplots()
    looks = [(drawing.PREDICTION, "-"), (drawing.OTHER, "--"), (drawing.ERROR, ":"), (drawing.TRUTH, "-.")]
    for (label, values), (colour, line) in zip(errors.items(), looks, strict=False):
        axes.plot(times, values, line, color=colour, linewidth=1.7, label=label)
    if valid_below is not None:
        axes.axhline(valid_below, color="#9aa5b1", linewidth=1)
        axes.text(times[-1], valid_below, f"{valid_below:g}", fontsize=8, ha="right", va="bottom", color="#52606d")
    axes.set_yscale("log")
    axes.set_xlabel(f"time ({unit})")
    axes.set_ylabel("NRMSE")
    axes.legend(fontsize=9, frameon=False)
    bare(axes)
    return figure


def histograms(edges: np.ndarray, visited: Mapping[str, np.ndarray], names: Sequence[str], divergence: float) -> Figure:
    """How often each coordinate has each value, of the data and of a free run.

    Args:
        edges: (bins + 1,), in deviations.
        visited: "truth" and "free run", (coordinates, bins) each, summing to 1.
        names: of the coordinates; the first six are drawn.
        divergence: said above.
    """
    count = min(len(names), 6)
    figure = Figure(figsize=(3.0 * count + 0.4, 2.9), layout="constrained")
    grid = figure.subplots(1, count, squeeze=False)[0]
    looks = {"truth": (drawing.TRUTH, 0.35), "free run": (drawing.PREDICTION, 0.4)}
    for place, axes in enumerate(grid):
        for label, shares in visited.items():
            colour, alpha = looks[label]
            axes.stairs(shares[place], edges, fill=True, color=colour, alpha=alpha, label=label)
        axes.set_xlabel(f"{names[place]} (deviations)", fontsize=9)
        axes.set_yticks([])
        bare(axes)
    grid[0].legend(fontsize=8, frameon=False)
    figure.suptitle(f"KL(truth || free run) = {divergence:.3g} nats", fontsize=10)
    return figure


def _lines(axes: Axes, times: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> None:
    axes.plot(times, truth, color=drawing.TRUTH, linewidth=1.8, label="truth")
    axes.plot(times, prediction, "--", color=drawing.PREDICTION, linewidth=1.6, label="forecast")
    axes.set_ylim(_limits(truth, prediction))
    bare(axes)
    _mark_leaving(axes, times, prediction)


def _limits(truth: np.ndarray, prediction: np.ndarray) -> tuple[float, float]:
    """Of an axis: the truth with room, and of the forecast what is not too far from it."""
    span = float(np.ptp(truth)) or 1.0
    inside = prediction[np.isfinite(prediction)]
    low = np.clip(
        inside.min(initial=np.inf) - 0.05 * span, truth.min() - _MOST_ROOM * span, truth.min() - _LEAST_ROOM * span
    )
    high = np.clip(
        inside.max(initial=-np.inf) + 0.05 * span, truth.max() + _LEAST_ROOM * span, truth.max() + _MOST_ROOM * span
    )
    return float(low), float(high)


def _mark_leaving(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """A mark on the border where a line first leaves the axes, or is last before it is no number."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    inside = (left <= x) & (x <= right) & (low <= y) & (y <= high)
    if inside.all():
        return
    first = int(np.argmin(inside))
    if np.isnan(x[first]) or np.isnan(y[first]):
        first = max(first - 1, 0)
    place = np.clip(x[first], left, right), np.clip(y[first], low, high)
    look = {"color": drawing.PREDICTION, "markeredgecolor": "white", "markersize": 7, "clip_on": False, "zorder": 5}
    axes.plot(*place, "X", linestyle="none", label="forecast leaves the axes, or ends", **look)


def _plane(
    axes: Axes, truth: np.ndarray, prediction: np.ndarray, places: tuple[int, int], names: Sequence[str]
) -> None:
    first, second = places
    axes.plot(truth[:, first], truth[:, second], color=drawing.TRUTH, linewidth=1.6)
    axes.plot(prediction[:, first], prediction[:, second], "--", color=drawing.PREDICTION, linewidth=1.4)
    axes.plot(*truth[0, places], "o", color=drawing.TRUTH, markersize=4)
    axes.set(xlim=_limits(truth[:, first], prediction[:, first]), ylim=_limits(truth[:, second], prediction[:, second]))
    axes.set_xlabel(names[first], fontsize=9)
    axes.set_ylabel(names[second], fontsize=9)
    bare(axes)
    _mark_leaving(axes, prediction[:, first], prediction[:, second])


def _pictures(truth: np.ndarray, prediction: np.ndarray, times: np.ndarray, titles: Sequence[str]) -> Figure:
    """States of many numbers: place upwards and time to the right."""
    count = len(truth)
    figure = Figure(figsize=(10.2, 1.9 * count + 0.7), layout="constrained")
    grid = figure.subplots(count, 3, squeeze=False, sharex=True)
    kinds = ("truth", "forecast", "forecast \N{MINUS SIGN} truth")
    for row, true, found, title in zip(grid, truth, prediction, titles, strict=True):
        shared, own = drawing.colours(true), drawing.signed_colours(found - true)
        for axes, field, colours in zip(row, (true, found, found - true), (shared, shared, own), strict=True):
            extent = (times[0], times[-1], 0, field.shape[1])
            look = {"cmap": colours.name, "vmin": colours.low, "vmax": colours.high}
            axes.imshow(field.T, origin="lower", aspect="auto", extent=extent, interpolation="nearest", **look)
            axes.tick_params(labelsize=7)
        row[0].set_ylabel(f"{title}\ncoordinate", fontsize=9)
        drawing.bar(figure, shared, row[:2])
        drawing.bar(figure, own, row[2:])
    for axes, kind in zip(grid[0], kinds, strict=True):
        axes.set_title(kind, fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("time", fontsize=9)
    return figure
