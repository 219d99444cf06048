"""Eigenvalues in the complex plane beside the unit circle, coloured by what is known of them."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWNBASE

from spectrax.plots import field_drawing as drawing
from spectrax.plots.bare_axes import bare

__all__ = ["Figure", "by_residual", "circle", "plain", "residual_norm"]

COLOURS = "plasma"
CERTIFIED = "#1a7f4b"
_LEAST_REACH = 0.02  # of moduli about 1: where all are 1, differences would be rounding
_ROUNDING = 1e-10  # residuals below are drawn at the border: of the constant 1, or of functions that are exact
_ROOM = 3.0  # by which the axis of residuals goes below the least of them
_DECADES = 1.5  # below the threshold, and up to 1, colours tell residuals apart
_BELOW = {"fontsize": 8, "frameon": False, "loc": "upper left", "bbox_to_anchor": (0, -0.12), "ncols": 3}
_BELOW |= {"handletextpad": 0.3}


def by_residual(
    eigenvalues: np.ndarray,
    residuals: np.ndarray,
    threshold: float,
    certified: np.ndarray,
    learned: np.ndarray | None = None,
) -> Figure:
    """Eigenvalues coloured by residual, those that are certified ringed; beside them residual against modulus, where
    residuals of next to nothing lie at the lower border, marked.

    Args:
        eigenvalues: (n,) complex.
        residuals: (n,).
        threshold: of a certified eigenvalue.
        certified: (n,) bool; rounding, or the distance from the circle, may forbid it where the residual does not.
        learned: (m,) complex, of the learned operator, whose residuals are not drawn; crosses.
    """
    figure = Figure(figsize=(10.4, 4.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
    norm = residual_norm(threshold)
    circle(left)
    _scatter(left, eigenvalues.real, eigenvalues.imag, residuals, certified, f"certified at {threshold:g}", norm)
    if learned is not None:
        left.scatter(
            learned.real, learned.imag, marker="x", s=34, color=drawing.OTHER, linewidths=1.2, label="learned operator"
        )
    _frame(left, np.concatenate([eigenvalues, [] if learned is None else learned]))
    left.legend(**_BELOW)
    _against_modulus(right, np.abs(eigenvalues), residuals, threshold, certified, norm)
    beyond = saturated(norm, residuals)
    bar = figure.colorbar(ScalarMappable(norm, matplotlib.colormaps[COLOURS]), ax=right, pad=0.02, extend=beyond)
    bar.set_label("residual on held-out pairs", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return drawing.settled(figure)


def plain(eigenvalues: np.ndarray, title: str) -> Figure:
    """Eigenvalues of which nothing else is known."""
    figure = Figure(figsize=(4.9, 4.9), layout="constrained")
    axes = figure.subplots()
    circle(axes)
    axes.scatter(eigenvalues.real, eigenvalues.imag, s=30, color=drawing.PREDICTION, edgecolors="white", linewidths=0.5)
    _frame(axes, eigenvalues)
    axes.set_title(title, fontsize=10)
    return figure


def circle(axes: Axes, label: str | None = None) -> None:
    """The unit circle."""
    angles = np.linspace(0, 2 * np.pi, 361)
    axes.plot(np.cos(angles), np.sin(angles), color="#9aa5b1", linewidth=1.0, zorder=0, label=label)


def residual_norm(threshold: float) -> LogNorm:
    """Colours of residuals on a logarithmic scale about the threshold."""
    return LogNorm(threshold / 10**_DECADES, max(1.0, 3 * threshold), clip=True)


def saturated(norm: LogNorm, values: np.ndarray) -> str:
    """At which ends of a colour bar there are values beyond it, as Matplotlib's `extend`."""
    below, above = (values < norm.vmin).any(), (values > norm.vmax).any()
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[int(below), int(above)]


def _scatter(
    axes: Axes, x: np.ndarray, y: np.ndarray, residuals: np.ndarray, certified: np.ndarray, what: str, norm: LogNorm
) -> None:
    """All points, the certified ones ringed and on top."""
    order = np.argsort(-residuals)
    shrunk = float(np.clip(100 / max(len(x), 1), 0.25, 1))  # hundreds would cover each other
    look = {"c": residuals[order], "cmap": COLOURS, "norm": norm}
    axes.scatter(x[order], y[order], s=26 * shrunk, edgecolors="white", linewidths=0.3, zorder=2, **look)
    label = f"{what}: {certified.sum()} of {len(certified)}"
    look = {"s": 80 * shrunk, "facecolors": "none", "edgecolors": CERTIFIED, "linewidths": 1.4, "zorder": 3}
    axes.scatter(x[certified], y[certified], label=label, **look)


def _against_modulus(
    axes: Axes, moduli: np.ndarray, residuals: np.ndarray, threshold: float, certified: np.ndarray, norm: LogNorm
) -> None:
    border = _border(residuals, threshold)
    hidden = residuals < border
    _scatter(axes, moduli, np.maximum(residuals, border), residuals, certified, "certified", norm)
    axes.axhline(threshold, color=CERTIFIED, linestyle="--", linewidth=1.1)
    axes.text(0.02, threshold, "threshold", color=CERTIFIED, fontsize=8, va="top", transform=_across(axes))
    axes.axvline(1, color="#9aa5b1", linewidth=1.0, zorder=0)
    axes.set_yscale("log")
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, 1 - _LEAST_REACH), max(right, 1 + _LEAST_REACH))
    axes.set_xlabel("modulus")
    axes.set_ylabel("residual")
    bare(axes)
    if hidden.any():
        axes.set_ylim(bottom=border)
        label = f"residual below {_ROUNDING:g}, at the border: {hidden.sum()}"
        look = {"marker": CARETDOWNBASE, "s": 40, "color": drawing.TRUTH, "clip_on": False, "zorder": 4}
        drawn = axes.scatter(moduli[hidden], np.full(hidden.sum(), border), label=label, **look)
        axes.legend(handles=[drawn], **_BELOW)


def _border(residuals: np.ndarray, threshold: float) -> float:
    """Where the axis of residuals begins: below the least that is no rounding; of nothing but rounding, below that."""
    for least in (_ROUNDING, np.finfo(float).tiny):
        told = residuals[np.isfinite(residuals) & (residuals > least)]
        if len(told):
            return min(float(told.min()), threshold) / _ROOM
    return threshold / _ROOM


def _across(axes: Axes) -> object:
    """Places along x as parts of the axes, along y in data."""
    return axes.get_yaxis_transform()


def _frame(axes: Axes, eigenvalues: np.ndarray) -> None:
    reach = min(max(1.15, 1.1 * float(np.max(np.abs(eigenvalues), initial=0))), 3.0)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    bare(axes)
