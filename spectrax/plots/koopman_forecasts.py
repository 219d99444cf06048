"""Forecasts of trajectories: coordinates against time, the way through phase space, errors, and what a run visits."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing
from spectrax.plots.bare_axes import bare

__all__ = ["Figure", "error_against_time", "histograms", "trajectories"]

_LINES = 4  # coordinates drawn as lines; more of them are drawn as a picture of place and time


def trajectories(
    truth: np.ndarray, prediction: np.ndarray, times: np.ndarray, names: Sequence[str], titles: Sequence[str]
) -> Figure:
    """A row for each trajectory: its coordinates against time, truth and forecast, and its way through phase space.

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
    grid[0, 0].legend(fontsize=8, frameon=False, loc="best")
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
    span = float(np.ptp(truth)) or 1.0
    axes.set_ylim(truth.min() - 0.35 * span, truth.max() + 0.35 * span)
    bare(axes)


def _plane(
    axes: Axes, truth: np.ndarray, prediction: np.ndarray, places: tuple[int, int], names: Sequence[str]
) -> None:
    first, second = places
    axes.plot(truth[:, first], truth[:, second], color=drawing.TRUTH, linewidth=1.6)
    axes.plot(prediction[:, first], prediction[:, second], "--", color=drawing.PREDICTION, linewidth=1.4)
    axes.plot(*truth[0, places], "o", color=drawing.TRUTH, markersize=4)
    limits = [(values.min(), values.max()) for values in (truth[:, first], truth[:, second])]
    (left, right), (low, high) = [(a - 0.3 * (b - a + 1e-9), b + 0.3 * (b - a + 1e-9)) for a, b in limits]
    axes.set(xlim=(left, right), ylim=(low, high))
    axes.set_xlabel(names[first], fontsize=9)
    axes.set_ylabel(names[second], fontsize=9)
    bare(axes)


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
