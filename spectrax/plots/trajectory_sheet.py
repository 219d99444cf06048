"""Windows of trajectories to look at before anything is trained: over time, and in the space of states."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["Figure", "sheet"]

_LINES = 6  # coordinates that are drawn as lines; more are drawn as an image
_TICKS = 8
_MOST_JOINED, _MOST_DOTS = 6_000, 20_000  # states drawn in grey


def sheet(
    windows: Sequence[np.ndarray],
    names: Sequence[str],
    coordinates: Sequence[str],
    *,
    dt: float,
    others: np.ndarray,
    continuous: bool,
) -> Figure:
    """A row for each window.

    Args:
        windows: (frames, dimension) each.
        names: one for each.
        coordinates: names of the numbers of a state.
        dt: units of time between frames.
        others: (trajectories, length, dimension), drawn in grey behind each window.
        continuous: states are joined by lines.
    """
    figure = Figure(figsize=(7.2, 2.3 * len(windows) + 0.2), layout="constrained")
    grid = figure.subplots(len(windows), 2, squeeze=False, width_ratios=(3, 2))
    for (left, right), window, name in zip(grid, windows, names, strict=True):
        _over_time(left, window, coordinates, dt, continuous)
        _among_others(right, window, coordinates, others, continuous)
        left.set_ylabel(name, fontsize=7)
        for axes in (left, right):
            axes.tick_params(labelsize=6)
    lines, labels = grid[0, 0].get_legend_handles_labels()
    if lines:
        figure.legend(lines, labels, fontsize=7, frameon=False, loc="outside upper left", ncols=len(lines))
    return figure


def _over_time(axes: Axes, window: np.ndarray, coordinates: Sequence[str], dt: float, continuous: bool) -> None:
    axes.set_xlabel("time", fontsize=7)
    times = dt * np.arange(len(window))
    if window.shape[1] > _LINES:
        extent = (-dt / 2, times[-1] + dt / 2, -0.5, window.shape[1] - 0.5)
        most = np.abs(window).max() or 1.0
        drawing = {"cmap": "RdBu_r", "vmin": -most, "vmax": most, "interpolation": "nearest"}
        axes.imshow(window.T, aspect="auto", origin="lower", extent=extent, **drawing)
        axes.set_xticks(_few(times), [f"{time:g}" for time in _few(times)])
        axes.set_yticks(_few(np.arange(len(coordinates))), _few(coordinates))
        return
    style = {"linewidth": 0.9, "marker": "." if len(window) <= 60 else None, "markersize": 3}
    for values, coordinate in zip(window.T, coordinates, strict=True):
        axes.plot(times, values, **style, **({} if continuous else {"linestyle": "none"}), label=coordinate)


def _few(values: Sequence) -> Sequence:
    """Some of them, equally far apart: those that are named beside an axis."""
    return values[:: -(-len(values) // _TICKS)]


def _among_others(
    axes: Axes, window: np.ndarray, coordinates: Sequence[str], others: np.ndarray, continuous: bool
) -> None:
    """The plane of two coordinates; of a single one, each state against the one before."""
    second = _second(window.shape[1])
    names = (coordinates[0], coordinates[second]) if second else ("this frame", "the next")
    behind, shown = _plane(others), _plane(window[None])[0]
    if continuous:
        for line in behind[: _MOST_JOINED // behind.shape[1] + 1, :_MOST_JOINED]:
            axes.plot(*line.T, color="0.85", linewidth=0.4)
    else:
        dots = behind.reshape(-1, 2)
        axes.plot(*dots[:: len(dots) // _MOST_DOTS + 1].T, ",", color="0.7")
    axes.plot(*shown.T, "-" if continuous else ".", color="C3", linewidth=1.0, markersize=4)
    axes.plot(*shown[:1].T, "o", color="C3", markersize=4)
    axes.set_xlabel(names[0], fontsize=7)
    axes.set_ylabel(names[1], fontsize=7)


def _plane(trajectories: np.ndarray) -> np.ndarray:
    """(trajectories, length, dimension) -> (trajectories, frames, 2)."""
    second = _second(trajectories.shape[-1])
    if second:
        return trajectories[..., [0, second]]
    return np.concatenate([trajectories[:, :-1], trajectories[:, 1:]], -1)


def _second(dimension: int) -> int:
    """The coordinate that is drawn against the first: the last, or of many one that is far from it on a circle."""
    return dimension - 1 if dimension <= _LINES else dimension // 3
