"""Two maps of an annulus that agree on circles: how far each turns, what is fitted, and their true spectra."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing
from spectrax.plots.bare_axes import bare
from spectrax.plots.koopman_eigenvalues import circle

__all__ = ["Figure", "twins"]


def twins(
    radius: np.ndarray,
    turns: Mapping[str, np.ndarray],
    sample: np.ndarray,
    fitted: np.ndarray,
    eigenvalues: np.ndarray,
    arcs: np.ndarray,
) -> Figure:
    """Three panels: the turn beyond a rotation by radius, with the sample's circles; the fitted eigenvalues, one answer
    for both, with the eigenvalues of the rotation; and with the arcs that the twin's spectrum covers.

    Args:
        radius: (n,).
        turns: (n,) radians, by name.
        sample: (m, 2), radii and angles of the training states.
        fitted: (r,) complex.
        eigenvalues: (modes,) complex, of the rotation.
        arcs: (modes, 2), angles between which the twin's spectrum lies, by angular mode.
    """
    figure = Figure(figsize=(13.2, 4.5), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    for (name, values), colour in zip(turns.items(), (drawing.TRUTH, drawing.PREDICTION), strict=True):
        first.plot(radius, values, color=colour, linewidth=1.8, label=name)
    circles = np.unique(np.round(sample[:, 0], 9))
    first.plot(circles, np.zeros_like(circles), "o", color=drawing.ERROR, markersize=6, label="where training lies")
    first.set_xlabel("radius")
    first.set_ylabel("turn of a step beyond the rotation's (radians)")
    first.legend(fontsize=8, frameon=False, loc="upper right", bbox_to_anchor=(1, 1.16), ncols=3)
    bare(first)
    titles = ("fitted to either: the same; true of the rotation", "fitted to either: the same; true of the twin")
    for axes, title in zip((second, third), titles, strict=True):
        _plane(axes, fitted, title)
    second.plot(
        eigenvalues.real, eigenvalues.imag, "o", markersize=11, fillstyle="none", color=drawing.TRUTH,
        label=f"eigenvalues of the modes to {(len(arcs) - 1) // 2}",
    )  # fmt: skip
    for number, (begin, end) in enumerate(arcs):
        angles = np.linspace(begin, end, 100)
        label = "continuous spectrum of the same modes" if not number else None
        third.plot(np.cos(angles), np.sin(angles), color=drawing.PREDICTION, linewidth=5, alpha=0.45, label=label)
    for axes in (second, third):
        axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, -0.32))
    return drawing.settled(figure)


def _plane(axes: Axes, fitted: np.ndarray, title: str) -> None:
    circle(axes)
    axes.plot(fitted.real, fitted.imag, ".", color=drawing.ERROR, markersize=7, label="fitted", zorder=3)
    axes.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("real part")
    bare(axes)
