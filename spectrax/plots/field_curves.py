"""Curves of predicted fields: energy by wavenumber, error by band, error against time."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing

__all__ = ["Figure", "error_against_time", "spectra"]

_FLOOR = 1e-10  # of the strongest wave: what lies below is rounding


def spectra(
    wavenumbers: np.ndarray,
    energies: Mapping[str, np.ndarray],
    bands: Mapping[str, float],
    titles: tuple[str, str] = ("", ""),
) -> Figure:
    """Energy by radial wavenumber, and beside it the error of each band.

    Args:
        wavenumbers: (shells,), in periods along a side.
        energies: "truth", "prediction" and "error", (shells,) each.
        bands: name of the band to its error relative to the whole target.
        titles: of both.
    """
    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _energies(left, wavenumbers, energies)
    left.set_title(titles[0], fontsize=10)
    right.set_title(titles[1], fontsize=10)
    places = np.arange(len(bands))
    bars = right.bar(places, list(bands.values()), 0.62, color=drawing.ERROR)
    right.bar_label(bars, [f"{value:.2g}" for value in bands.values()], fontsize=8, padding=2)
    right.set_xticks(places, list(bands), fontsize=9)
    right.set_xlabel("band of wavenumbers")
    right.set_ylabel("error of the band / target")
    right.margins(y=0.12)
    _bare(right)
    return figure


def error_against_time(errors: Mapping[str, Sequence[float]], name: str = "relative L2") -> Figure:
    """Errors by step of a roll-out, one line each: the model's first, whatever it is compared with after it."""
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.subplots()
    looks = [(drawing.PREDICTION, "-", "o"), (drawing.OTHER, "--", "s"), (drawing.ERROR, ":", "^")]
    for (label, values), (colour, line, marker) in zip(errors.items(), looks, strict=False):
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, values, color=colour, linestyle=line, marker=marker, markersize=4, linewidth=1.6, label=label)
    axes.set_xlabel("step")
    axes.set_ylabel(name)
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize=9, frameon=False)
    _bare(axes)
    return figure


def _energies(axes: Axes, wavenumbers: np.ndarray, energies: Mapping[str, np.ndarray]) -> None:
    """Lines over both logarithms, without the mean, whose wavenumber is zero."""
    looks = {"truth": (drawing.TRUTH, "-", 2.0), "prediction": (drawing.PREDICTION, "--", 1.6)}
    strongest = max(float(np.max(values[1:], initial=0.0)) for values in energies.values())
    for label, values in energies.items():
        colour, line, width = looks.get(label, (drawing.ERROR, ":", 1.6))
        shown = np.where(values > _FLOOR * strongest, values, np.nan)
        axes.plot(wavenumbers[1:], shown[1:], color=colour, linestyle=line, linewidth=width, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("wavenumber (periods along a side)")
    axes.set_ylabel("energy")
    axes.legend(fontsize=9, frameon=False)
    axes.grid(alpha=0.25, which="major")
    _bare(axes)


def _bare(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)
