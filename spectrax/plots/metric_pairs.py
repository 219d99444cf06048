"""One metric of runs against another, runs of one config in one colour, with their mean over seeds."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from spectrax.plots.bare_axes import bare

__all__ = ["Figure", "metric_pairs"]


def metric_pairs(groups: Mapping[str, np.ndarray], across: str, up: str) -> Figure:
    """A small dot for each run, a large one with bars of a standard deviation for each group's mean.

    Args:
        groups: by label, (runs, 2): the two metrics.
        across, up: their names.
    """
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    colours = matplotlib.colormaps["tab10"].colors
    for number, (label, values) in enumerate(groups.items()):
        colour = colours[number % len(colours)]
        axes.plot(*values.T, "o", color=colour, markersize=5, alpha=0.5, markeredgewidth=0)
        mean, spread = values.mean(0), values.std(0, ddof=1) if len(values) > 1 else np.zeros(2)
        axes.errorbar(
            mean[0], mean[1], xerr=spread[0], yerr=spread[1], fmt="o", color=colour, markersize=9, capsize=3,
            label=f"{label} ({len(values)} run{'s' if len(values) > 1 else ''})",
        )  # fmt: skip
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.legend(fontsize=8, frameon=False)
    bare(axes)
    return figure
