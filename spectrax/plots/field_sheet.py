"""Examples of fields to look at before anything is trained: inputs and targets side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing

__all__ = ["Figure", "sheet"]


def sheet(examples: Sequence[Mapping[str, np.ndarray]], names: Sequence[str], places: bool = False) -> Figure:
    """A row for each example: the first and the last channel of "input" and of "target".

    Args:
        examples: "input" (*space, channels) and, where there is one, "target" (*space, channels), float.
        names: one for each.
        places: the two channels of "input" are places, where targets are drawn.
    """
    rows = [_panels(example, places) for example in examples]
    columns = max(map(len, rows))
    figure = Figure(figsize=(2.6 * columns, 2.2 * len(rows) + 0.2), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_row, example, panels, name in zip(grid, examples, rows, names, strict=True):
        for axes, (title, values) in zip(axes_row, panels, strict=True):
            _draw(figure, axes, values, example["input"] if places else None)
            axes.set_title(title, fontsize=8)
        axes_row[0].set_ylabel(name, fontsize=7)
    return figure


def _panels(example: Mapping[str, np.ndarray], places: bool) -> list[tuple[str, np.ndarray]]:
    """(title, values) of each panel."""
    shown = [name for name in ("input", "target") if name in example and not (places and name == "input")]
    fields = {name: np.asarray(example[name]) for name in shown or ["input"]}
    return [
        (f"{name}, channel {channel + 1}" if field.shape[-1] > 1 else name, field[..., channel])
        for name, field in fields.items()
        for channel in dict.fromkeys((0, field.shape[-1] - 1))
    ]


def _draw(figure: Figure, axes: Axes, values: np.ndarray, places: np.ndarray | None) -> None:
    if values.ndim == 1 and places is None:
        axes.plot(values, linewidth=0.9)
        axes.tick_params(labelsize=6)
        return
    values, colours = drawing.flat(values), drawing.colours(values)
    drawing.draw(axes, values, places, colours)
    drawing.bar(figure, colours, [axes])
