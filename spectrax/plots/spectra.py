"""Figures of spectra of weights."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

_NAMED_BELOW_EACH_OTHER = 40
_TOLD_APART = 10  # lines that a colour each tells apart


def singular_value_curves(spectra: Mapping[str, np.ndarray]) -> Figure:
    """Singular values over the largest of their weight, against their place as a fraction, one line per weight.

    Args:
        spectra: path of the weight to its singular values, falling.
    """
    columns = -(-len(spectra) // _NAMED_BELOW_EACH_OTHER)
    height = max(4.5, 0.4 + 0.16 * min(len(spectra), _NAMED_BELOW_EACH_OTHER))
    figure = Figure(figsize=(6 + 4 * columns, height), layout="constrained")
    axes = figure.subplots()
    for (path, values), colour in zip(spectra.items(), _colours(len(spectra)), strict=True):
        place = np.arange(1, len(values) + 1) / len(values)
        label = f"{path}  (largest {values[0]:.3g})"
        axes.plot(place, values / max(values[0], 1e-30), label=label, color=colour, linewidth=1.4)
    axes.set_yscale("log")
    axes.set_xlabel("place, as a share of all singular values")
    axes.set_ylabel("singular value / largest")
    axes.set_xlim(0, 1)
    axes.grid(alpha=0.3)
    # Beside the curves: of a whole network the names are too many for any place among them.
    figure.legend(fontsize=7, loc="outside right upper", ncols=columns)
    return figure


def _colours(count: int) -> np.ndarray:
    """A colour for each line; of many the colours go with their order."""
    if count <= _TOLD_APART:
        return matplotlib.colormaps["tab10"](range(count))
    return matplotlib.colormaps["viridis"](np.linspace(0, 0.95, count))
