"""Roll-outs: strips of frames side by side, and the same as an animation."""

from collections.abc import Sequence

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spectrax.plots import field_drawing as drawing

__all__ = ["Figure", "FuncAnimation", "animation", "strips"]

_MILLISECONDS = 350  # that a frame of an animation stands
_KINDS = ("truth", "prediction", "prediction \N{MINUS SIGN} truth")


def strips(truth: np.ndarray, prediction: np.ndarray, errors: Sequence[float], frames: int = 6) -> Figure:
    """Truth, prediction and error in three rows, at some of the steps from the first to the last.

    Args:
        truth, prediction: (*space, steps) with one or two axes of space.
        errors: (steps,) relative errors, said above the frames.
        frames: how many steps are shown at most.
    """
    steps = truth.shape[-1]
    shown = np.unique(np.round(np.linspace(0, steps - 1, min(frames, steps))).astype(int))
    if truth.ndim == 2:
        return _through_time(truth, prediction, errors)
    tall = float(np.clip(truth.shape[1] / truth.shape[0], 0.35, 1.3))
    figure = Figure(figsize=(1.65 * len(shown) + 1.2, 3 * 1.65 * tall + 0.7))
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.03)
    grid = figure.subplots(3, len(shown), squeeze=False)
    shared, own = drawing.colours(truth), drawing.signed_colours((prediction - truth)[..., shown])
    rows = zip(grid, _KINDS, (truth, prediction, prediction - truth), (shared, shared, own), strict=True)
    for row, kind, field, colours in rows:
        for axes, step in zip(row, shown, strict=True):
            drawing.draw(axes, field[..., step], None, colours)
        row[0].set_ylabel(kind, fontsize=9)
    for axes, step in zip(grid[0], shown, strict=True):
        axes.set_title(f"step {step + 1}\nrelative L2 {errors[step]:.3f}", fontsize=8)
    for rows, colours in ((grid[:2], shared), (grid[2:], own)):
        drawing.bar(figure, colours, rows.ravel(), pad=0.012, aspect=22 * len(rows))
    return drawing.settled(figure)


def animation(truth: np.ndarray, prediction: np.ndarray, errors: Sequence[float]) -> FuncAnimation:
    """Truth, prediction and error beside each other, a frame for each step.

    Args:
        truth, prediction: (height, width, steps).
        errors: (steps,) relative errors.
    """
    error = prediction - truth
    shared, own = drawing.colours(truth), drawing.signed_colours(error)
    tall = float(np.clip(truth.shape[1] / truth.shape[0], 0.35, 1.3))
    figure = Figure(figsize=(9.2, 2.7 * tall + 0.75))
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.03)
    panels = figure.subplots(1, 3)
    fields = (truth, prediction, error)
    pictures = []
    for axes, kind, field, colours in zip(panels, _KINDS, fields, (shared, shared, own), strict=True):
        pictures.append(drawing.draw(axes, field[..., 0], None, colours))
        axes.set_title(kind, fontsize=10)
    for axes, colours in ((panels[:2], shared), (panels[2:], own)):
        drawing.bar(figure, colours, axes)
    heading = figure.suptitle(_heading(0, errors), fontsize=11)
    figure.canvas.draw()
    figure.set_layout_engine("none")  # nothing moves from frame to frame but what is in the panels

    def turn(step: int) -> list[object]:
        for picture, field in zip(pictures, fields, strict=True):
            picture.set_data(field[..., step].T)
        heading.set_text(_heading(step, errors))
        return [*pictures, heading]

    return FuncAnimation(figure, turn, frames=truth.shape[-1], interval=_MILLISECONDS, blit=False)


def _heading(step: int, errors: Sequence[float]) -> str:
    return f"step {step + 1} of {len(errors)}, relative L2 {errors[step]:.4f}"


def _through_time(truth: np.ndarray, prediction: np.ndarray, errors: Sequence[float]) -> Figure:
    """A field of one dimension: place to the right and time upwards, as one picture each."""
    figure = Figure(figsize=(9.2, 3.2), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    shared, own = drawing.colours(truth), drawing.signed_colours(prediction - truth)
    fields = (truth, prediction, prediction - truth)
    for axes, kind, field, colours in zip(panels, _KINDS, fields, (shared, shared, own), strict=True):
        picture = drawing.draw(axes, field, None, colours)
        picture.set_extent((0, 1, 0.5, truth.shape[-1] + 0.5))
        axes.set_aspect("auto")
        axes.set_title(kind, fontsize=10)
        axes.set_xlabel("place", fontsize=9)
    panels[0].set_ylabel("step", fontsize=9)
    panels[0].set_yticks([1, truth.shape[-1]])
    for axes, colours in ((panels[:2], shared), (panels[2:], own)):
        drawing.bar(figure, colours, axes, shrink=1.0)
    figure.suptitle(f"relative L2 {errors[0]:.3f} at step 1, {errors[-1]:.3f} at step {len(errors)}", fontsize=11)
    return figure
