"""Eigenfunctions on phase space: modulus and phase at the points of trajectories or of a grid."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing
from spectrax.plots.bare_axes import bare

__all__ = ["Figure", "curves", "eigenfunctions"]

_DOTS = 20_000.0  # square points of all dots of a panel together


def eigenfunctions(points: np.ndarray, values: np.ndarray, titles: Sequence[str], coordinates: Sequence[str]) -> Figure:
    """A column for each eigenfunction: its modulus above, its phase below.

    Args:
        points: (n, 2), where in the plane of two coordinates the states lie.
        values: (n, functions) complex.
        titles: of the eigenfunctions.
        coordinates: names of the two.
    """
    count = values.shape[1]
    figure = Figure(figsize=(2.75 * count + 0.9, 5.2), layout="constrained")
    grid = figure.subplots(2, count, squeeze=False, sharex=True, sharey=True)
    size = float(np.clip(_DOTS / len(points), 0.4, 14))
    for column, title in enumerate(titles):
        modulus, phase = np.abs(values[:, column]), np.angle(values[:, column])
        top = max(float(np.quantile(modulus, 0.995)), 1e-12)
        looks = ((modulus, {"cmap": "magma", "vmin": 0, "vmax": top}), (phase, _PHASE))
        for axes, (shown, look) in zip(grid[:, column], looks, strict=True):
            drawn = axes.scatter(points[:, 0], points[:, 1], c=shown, s=size, linewidths=0, rasterized=True, **look)
            axes.tick_params(labelsize=7)
            if axes is grid[0, column]:
                figure.colorbar(drawn, ax=axes, pad=0.01).ax.tick_params(labelsize=7)
        grid[0, column].set_title(title, fontsize=9)
        grid[1, column].set_xlabel(coordinates[0], fontsize=9)
    bar = figure.colorbar(drawn, ax=grid[1, -1], pad=0.01, ticks=[-np.pi, 0, np.pi])
    bar.ax.set_yticklabels(["\N{MINUS SIGN}π", "0", "π"], fontsize=8)
    for row, kind in zip(grid[:, 0], ("modulus", "phase"), strict=True):
        row.set_ylabel(f"{kind}\n{coordinates[1]}", fontsize=9)
    return figure


def curves(points: np.ndarray, values: np.ndarray, titles: Sequence[str], coordinate: str) -> Figure:
    """Eigenfunctions of one coordinate, a panel for each: real and imaginary part.

    Args:
        points: (n,).
        values: (n, functions) complex.
        titles: of the eigenfunctions.
    """
    count = values.shape[1]
    figure = Figure(figsize=(2.9 * count + 0.3, 3.0), layout="constrained")
    order = np.argsort(points)
    for axes, title, column in zip(figure.subplots(1, count, squeeze=False)[0], titles, values.T, strict=True):
        column = column / (column[np.abs(column).argmax()] or 1)  # whose phase is free: 1 where it is largest
        axes.plot(points[order], column.real[order], color=drawing.TRUTH, linewidth=1.6, label="real")
        axes.plot(points[order], column.imag[order], "--", color=drawing.PREDICTION, linewidth=1.4, label="imaginary")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(coordinate, fontsize=9)
        bare(axes)
    figure.axes[0].legend(fontsize=8, frameon=False)
    return figure


_PHASE = {"cmap": "twilight", "vmin": -np.pi, "vmax": np.pi}
