"""Axes without what no reader needs."""

from matplotlib.axes import Axes


def bare(axes: Axes) -> None:
    """Without the lines above and to the right."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(which="both", labelsize=8)
