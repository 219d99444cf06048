"""Spectral measures over the angle: smoothed densities, the exact one, atoms; and errors by order and width."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing
from spectrax.plots.bare_axes import bare

__all__ = ["Figure", "measures"]

Key = tuple[int, float]
"""Order and width of a kernel."""

_FLOOR = 1e-16


def measures(
    angles: np.ndarray,
    densities: Mapping[Key, np.ndarray],
    exact: np.ndarray | None,
    errors: Mapping[Key, float],
    atoms: tuple[np.ndarray, np.ndarray] | None = None,
    title: str = "",
) -> Figure:
    """Densities of the widest and the narrowest kernels; beside them errors, or the measure's distribution.

    Args:
        angles: (n,), rising.
        densities: (n,) by order and width.
        exact: (n,), or None.
        errors: the largest, over the largest value of the exact density; {} where that is not known.
        atoms: angles and masses (r,) of a discrete measure, or None.
        title: whose measure it is.
    """
    figure = Figure(figsize=(10.2, 4.1), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    _densities(left, angles, densities, exact)
    if errors:
        _errors(right, errors)
    else:
        _distribution(right, angles, densities, atoms)
    if atoms is not None and not errors:
        _atoms(left, *atoms)
    return drawing.settled(figure)


def _densities(axes: Axes, angles: np.ndarray, densities: Mapping[Key, np.ndarray], exact: np.ndarray | None) -> None:
    """Of the lowest and the highest order, each at the widest and the narrowest kernel."""
    orders, widths = _distinct(densities)
    if exact is not None:
        axes.plot(angles, exact, color=drawing.TRUTH, linewidth=3.2, alpha=0.35, label="exact")
    for width in dict.fromkeys((widths[0], widths[-1])):
        line = "-" if width == widths[-1] else "--"
        for colour, order in zip(
            (drawing.ERROR, drawing.PREDICTION), dict.fromkeys((orders[0], orders[-1])), strict=False
        ):
            label = f"order {order}, width {width:g}"
            axes.plot(angles, densities[order, width], line, color=colour, linewidth=1.4, label=label)
    axes.set_xlim(-np.pi, np.pi)
    axes.set_xticks(np.pi * np.array([-1, -0.5, 0, 0.5, 1]), ["\N{MINUS SIGN}π", "\N{MINUS SIGN}π/2", "0", "π/2", "π"])
    axes.set_xlabel("angle")
    axes.set_ylabel("density")
    axes.legend(fontsize=8, frameon=False)
    bare(axes)


def _atoms(axes: Axes, angles: np.ndarray, masses: np.ndarray) -> None:
    """Masses on an axis of their own."""
    other = axes.twinx()
    other.vlines(angles, 0, masses, color=drawing.OTHER, linewidth=0.9, alpha=0.8)
    other.set_ylim(0, 1.6 * max(float(masses.max()), 1e-300))
    other.set_ylabel("mass of each eigenvalue (grey)", color="#52606d", fontsize=9)
    other.tick_params(labelsize=8)
    other.spines["top"].set_visible(False)
    axes.set_zorder(other.get_zorder() + 1)
    axes.patch.set_visible(False)


def _errors(axes: Axes, errors: Mapping[Key, float]) -> None:
    orders, widths = _distinct(errors)
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(orders)))
    for colour, order in zip(colours, orders, strict=True):
        values = np.array([max(errors[order, width], _FLOOR) for width in widths])
        axes.plot(widths, values, "o-", color=colour, linewidth=1.5, markersize=4, label=f"order {order}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(widths, [f"{width:g}" for width in widths])
    axes.xaxis.minorticks_off()
    axes.set_xlabel("width of the kernel")
    axes.set_ylabel("largest error / largest density")
    axes.legend(fontsize=8, frameon=False)
    axes.grid(alpha=0.25)
    bare(axes)


def _distribution(
    axes: Axes, angles: np.ndarray, densities: Mapping[Key, np.ndarray], atoms: tuple[np.ndarray, np.ndarray] | None
) -> None:
    """Share of the measure up to each angle: of the highest order, narrowest kernel, and of the atoms."""
    orders, widths = _distinct(densities)
    density = densities[orders[-1], widths[-1]]
    steps = np.diff(angles) * (density[1:] + density[:-1]) / 2
    rising = np.concatenate([[0.0], np.cumsum(steps)])
    label = f"order {orders[-1]}, width {widths[-1]:g}"
    axes.plot(angles, rising / rising[-1], color=drawing.PREDICTION, linewidth=1.6, label=label)
    if atoms is not None:
        order = np.argsort(atoms[0])
        shares = np.cumsum(atoms[1][order]) / atoms[1].sum()
        axes.step(atoms[0][order], shares, where="post", color=drawing.OTHER, linewidth=1.2, label="eigenvalues")
    axes.set_xlim(-np.pi, np.pi)
    axes.set_xlabel("angle")
    axes.set_ylabel("share of the measure up to the angle")
    axes.legend(fontsize=8, frameon=False)
    bare(axes)


def _distinct(values: Mapping[Key, object]) -> tuple[list[int], list[float]]:
    """Orders, rising; widths, falling."""
    return sorted({order for order, _ in values}), sorted({width for _, width in values}, reverse=True)
