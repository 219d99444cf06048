"""Figures of spectra of weights."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure


def singular_value_curves(spectra: Mapping[str, np.ndarray]) -> Figure:
    """Singular values over the largest of their weight, against their place as a fraction, one line per weight.

    Args:
        spectra: path of the weight to its singular values, falling.
    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for path, values in spectra.items():
        place = np.arange(1, len(values) + 1) / len(values)
        axes.plot(place, values / max(values[0], 1e-30), label=f"{path}  (largest {values[0]:.3g})", linewidth=1.4)
    axes.set_yscale("log")
    axes.set_xlabel("place, as a share of all singular values")
    axes.set_ylabel("singular value / largest")
    axes.set_xlim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="lower left")
    return figure
