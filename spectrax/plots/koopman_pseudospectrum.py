"""Pseudospectra: contours of the least residual at points of the complex plane, eigenvalues and what is certified."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing
from spectrax.plots import koopman_eigenvalues as eigenvalue_plots

__all__ = ["Figure", "pseudospectrum"]

_CONTOURS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0)
_BOUND = "viridis_r"
_LABELS, _ROOM = 3, 0.036  # at most so many on each contour, so far from dots, labels and borders: parts of the width
_APART = 5  # times that room, between labels of one contour
_TRIED = 400  # places along a contour


def pseudospectrum(
    real: np.ndarray,
    imaginary: np.ndarray,
    least: np.ndarray,
    eigenvalues: np.ndarray,
    residuals: np.ndarray,
    threshold: float,
    certified: tuple[np.ndarray, np.ndarray] | None = None,
    isometry: bool = False,
    certified_eigenvalues: np.ndarray | None = None,
) -> Figure:
    """Two panels: eigenvalues as EDMD gives them, coloured by residual, on the contours of the pseudospectrum; and what
    is certified of the spectrum. Contours are labelled where there is room.

    Args:
        real, imaginary: (columns,), (rows,) of a grid in the complex plane.
        least: (rows, columns), tau(z), the least residual at each of its points.
        eigenvalues, residuals: (n,) of EDMD.
        threshold: of a certified eigenvalue.
        certified: points (m,) complex of the certified set and the bound (m,) on the distance of each to the spectrum.
        isometry: whether the system preserves measure, so that its spectrum is on the unit circle.
        certified_eigenvalues: (n,) bool, counted above; rounding, or the distance from the circle, may forbid what the
            residual does not. None: residuals are counted.
    """
    panels = 1 if certified is None else 2
    figure = Figure(figsize=(6.4 * panels - 0.6, 5.4), layout="constrained")
    grid = figure.subplots(1, panels, squeeze=False, sharex=True, sharey=True)[0]
    dots = [eigenvalues] if certified is None else [eigenvalues, certified[0]]
    for axes, points in zip(grid, dots, strict=True):
        _contours(axes, real, imaginary, least, points)
        eigenvalue_plots.circle(axes)
        axes.set(xlim=(real[0], real[-1]), ylim=(imaginary[0], imaginary[-1]), aspect="equal")
        axes.set_xlabel("real part")
        axes.tick_params(labelsize=8)
    grid[0].set_ylabel("imaginary part")
    _eigenvalues(figure, grid[0], eigenvalues, residuals, threshold)
    grid[0].set_title(_counted(residuals, threshold, certified_eigenvalues), fontsize=10)
    if certified is not None:
        _certified(figure, grid[1], *certified, threshold, isometry)
    return drawing.settled(figure)


def _contours(axes: Axes, real: np.ndarray, imaginary: np.ndarray, least: np.ndarray, dots: np.ndarray) -> None:
    shown = np.maximum(least, 1e-12)
    axes.contourf(real, imaginary, shown, [0, *_CONTOURS], cmap="Greys_r", norm=LogNorm(3e-4, 3.0), alpha=0.55)
    lines = axes.contour(real, imaginary, shown, _CONTOURS[:-1], colors="#52606d", linewidths=0.6)
    room = _ROOM * (real[-1] - real[0])
    corners = complex(real[0], imaginary[0]), complex(real[-1], imaginary[-1])
    taken = np.asarray(dots, complex)
    for level, segments in zip(lines.levels, lines.allsegs, strict=True):
        places = _places(segments, taken, corners, room)
        taken = np.concatenate([taken, places])
        if len(places):
            at = list(zip(places.real, places.imag, strict=True))
            axes.clabel(lines, [level], fmt="%g", fontsize=7, inline_spacing=2, manual=at)


def _places(segments: list[np.ndarray], taken: np.ndarray, corners: tuple[complex, complex], room: float) -> np.ndarray:
    """Points (k,) complex of a contour for its labels, each as far from what is there as can be."""
    along = np.concatenate(
        [segment[:, 0] + 1j * segment[:, 1] for segment in segments if len(segment)] or [np.zeros(0)]
    )
    along = along[:: len(along) // _TRIED + 1]
    low, high = corners
    sides = [along.real - low.real, high.real - along.real, along.imag - low.imag, high.imag - along.imag]
    free = np.minimum(np.min(sides, axis=0), np.min(np.abs(along[:, None] - taken), axis=1, initial=np.inf))
    found: list[complex] = []
    while len(found) < _LABELS and np.max(free, initial=0) > room:
        found.append(along[np.argmax(free)])
        free = np.minimum(free, np.abs(along - found[-1]) / _APART)
    return np.array(found, complex)


def _eigenvalues(figure: Figure, axes: Axes, eigenvalues: np.ndarray, residuals: np.ndarray, threshold: float) -> None:
    norm = eigenvalue_plots.residual_norm(threshold)
    order = np.argsort(-residuals)
    look = {"c": residuals[order], "cmap": eigenvalue_plots.COLOURS, "norm": norm}
    axes.scatter(
        eigenvalues.real[order], eigenvalues.imag[order], s=26, edgecolors="black", linewidths=0.4, zorder=3, **look
    )
    _bar(figure, axes, norm, eigenvalue_plots.COLOURS, "residual of the eigenvalue on held-out pairs", residuals)


def _counted(residuals: np.ndarray, threshold: float, certified: np.ndarray | None) -> str:
    if certified is not None:
        return f"EDMD: {certified.sum()} of {len(certified)} eigenvalues certified at {threshold:g}"
    good = residuals <= threshold
    return f"EDMD: {good.sum()} of {len(good)} eigenvalues have a residual of at most {threshold:g}"


def _certified(
    figure: Figure, axes: Axes, points: np.ndarray, bounds: np.ndarray, threshold: float, isometry: bool
) -> None:
    norm = LogNorm(threshold / 30, max(threshold, float(np.max(bounds, initial=0))), clip=True)
    axes.scatter(
        points.real, points.imag, c=bounds, cmap=_BOUND, norm=norm, s=18, zorder=3, edgecolors="black", linewidths=0.3
    )
    what = "certified: spectrum within the bound of each point" if isometry else "certified pseudospectrum"
    axes.set_title(f"{what} ({len(points)} points)", fontsize=10)
    _bar(figure, axes, norm, _BOUND, "bound" if isometry else "least residual", bounds)


def _bar(figure: Figure, axes: Axes, norm: LogNorm, colours: str, label: str, values: np.ndarray) -> None:
    look = {"shrink": 0.8, "pad": 0.02, "extend": eigenvalue_plots.saturated(norm, values)}
    bar = figure.colorbar(ScalarMappable(norm, matplotlib.colormaps[colours]), ax=axes, **look)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
