"""One field on one pair of axes: a line, a picture, a curved mesh or a cloud of points; and the colours of fields."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

DIVERGING, SEQUENTIAL = "RdBu_r", "viridis"
TRUTH, PREDICTION, ERROR, OTHER = "#1f2933", "#d1495b", "#2e7f9f", "#8c8c8c"
_SIGNED = 0.1  # a field is signed where its weaker sign reaches this part of the stronger one
_POINTS_AREA = 9000.0  # of all dots of a cloud together, in square points


@dataclasses.dataclass(frozen=True)
class Colours:
    """A colour map and the values at its ends."""

    name: str
    low: float
    high: float

    @property
    def mappable(self) -> ScalarMappable:
        """For colour bars and pictures."""
        return ScalarMappable(Normalize(self.low, self.high), matplotlib.colormaps[self.name])


def colours(*fields: np.ndarray) -> Colours:
    """What fields that are to be compared share: a map symmetric about zero for signed ones, else from the least value
    to the largest."""
    values = np.concatenate([np.asarray(field, np.float64).ravel() for field in fields])
    values = values[np.isfinite(values)] if np.isfinite(values).any() else np.zeros(1)
    low, high = float(values.min()), float(values.max())
    if low < 0 < high and min(-low, high) > _SIGNED * max(-low, high):
        return signed_colours(values)
    room = 0.0 if high > low else 0.5 * max(abs(low), 1e-12)
    return Colours(SEQUENTIAL, low - room, high + room)


def signed_colours(*fields: np.ndarray) -> Colours:
    """A map symmetric about zero."""
    largest = max(float(np.nanmax(np.abs(field), initial=0.0)) for field in fields)
    reach = largest if np.isfinite(largest) and largest > 0 else 1e-12
    return Colours(DIVERGING, -reach, reach)


def flat(field: np.ndarray) -> np.ndarray:
    """At most two axes of space: of a third one, such as time, the last place."""
    while field.ndim > 2:
        field = field[..., -1]
    return field


def draw(axes: Axes, field: np.ndarray, coordinates: np.ndarray | None, colours: Colours) -> Any:
    """Draw a field of two dimensions, or on points of the plane; the artist.

    Args:
        field: (height, width), its first axis to the right and its second one up; or (points,).
        coordinates: of each value, (height, width, 2) or (points, 2); None on a uniform grid.
    """
    look = {"cmap": colours.name, "vmin": colours.low, "vmax": colours.high}
    axes.set_xticks([])
    axes.set_yticks([])
    if coordinates is None:
        return axes.imshow(field.T, origin="lower", interpolation="nearest", **look)
    axes.set_aspect("equal")
    x, y = coordinates[..., 0], coordinates[..., 1]
    for side in axes.spines.values():
        side.set_color("#cccccc")
    if field.ndim == 2:
        return axes.pcolormesh(x, y, field, shading="gouraud", rasterized=True, **look)
    return axes.scatter(x, y, c=field, s=min(12.0, _POINTS_AREA / len(field)), linewidths=0, **look)


def bar(figure: Figure, colours: Colours, axes: Sequence[Axes], **look: Any) -> None:
    """A slender colour bar beside all of the axes."""
    drawn = figure.colorbar(colours.mappable, ax=list(axes), **{"pad": 0.015, "shrink": 0.92, **look})
    drawn.ax.tick_params(labelsize=7)
    drawn.formatter.set_powerlimits((-2, 3))
    drawn.ax.yaxis.get_offset_text().set(fontsize=7, ha="left")
    drawn.outline.set_linewidth(0.5)


def settled(figure: Figure) -> Figure:
    """The figure once its layout has found room for every word: constrained layout does not at the first drawing."""
    figure.draw_without_rendering()
    return figure


def zoom(axes: Axes, view: Sequence[float] | None) -> None:
    """Show the part (x from, x to, y from, y to) of the plane."""
    if view is not None:
        axes.set_xlim(*view[:2])
        axes.set_ylim(*view[2:])
