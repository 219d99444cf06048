"""Figures of a classifier: what it predicted, where it errs, which classes it confuses."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

__all__ = ["Figure", "confusion", "predictions", "sheet", "short_name"]

_RIGHT, _WRONG = "#1a7f37", "#c62828"
_LONGEST_NAME = 16  # characters that stand above an image beside a percentage


def predictions(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    rows: int = 4,
    columns: int = 8,
    total: int | None = None,
) -> Figure:
    """A grid of images, the mistakes first and after them the least certain, each with prediction and probability.

    Args:
        images: (examples, height, width, channels), any scale; channels 1 or 3 are shown as such, others as the mean.
        labels: (examples,) true classes.
        probabilities: (examples, classes).
        total: examples of the split that these are the first of; None when they are all.
    """
    predicted = probabilities.argmax(-1)
    certainty = probabilities.max(-1)
    wrong = predicted != labels
    # Mistakes by falling certainty (the most confident mistake leads), then right answers by rising certainty.
    order = np.lexsort((np.where(wrong, -certainty, certainty), ~wrong))[: rows * columns]
    figure = Figure(figsize=(1.35 * columns, 1.62 * rows + 0.6), layout="constrained")
    mistakes = int(wrong.sum())
    count = f"{len(labels):,}" if total in (None, len(labels)) else f"the first {len(labels):,} of {total:,}"
    figure.suptitle(
        f"{mistakes} mistake{'' if mistakes == 1 else 's'} in {count} examples, then the least certain answers",
        fontsize=11,
    )
    for axes, index in zip(figure.subplots(rows, columns, squeeze=False).flat, order, strict=False):
        axes.imshow(_picture(images[index]), cmap="gray", interpolation="nearest")
        truth = f"\nis {short_name(class_names[labels[index]])}" if wrong[index] else ""
        axes.set_title(
            f"{short_name(class_names[predicted[index]])} {100 * certainty[index]:.0f}%{truth}",
            color=_WRONG if wrong[index] else _RIGHT,
            fontsize=8,
        )
    for axes in figure.axes:
        axes.set_axis_off()
    return figure


def sheet(images: np.ndarray, captions: Sequence[str], names: Sequence[str], columns: int = 8) -> Figure:
    """A contact sheet: images with a caption above and the name of the file below, shortened at its beginning.

    Args:
        images: (examples, height, width, channels), any scale.
        captions, names: one per example.
    """
    rows = -(-len(images) // columns)
    columns = min(columns, len(images))
    figure = Figure(figsize=(1.35 * columns, 1.75 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, image, caption, name in zip(grid, images, captions, names, strict=False):
        axes.imshow(_picture(image), cmap="gray", interpolation="nearest")
        axes.set_title(caption, fontsize=8)
        axes.text(
            0.5, -0.04, name if len(name) <= 22 else f"…{name[-21:]}", fontsize=6, color="#555555",
            ha="center", va="top", transform=axes.transAxes,
        )  # fmt: skip
    for axes in figure.axes:
        axes.set_axis_off()
    return figure


def confusion(counts: np.ndarray, class_names: Sequence[str]) -> Figure:
    """The confusion matrix: rows are true classes, columns predicted ones; colour shows each row's share.

    Args:
        counts: (classes, classes) numbers of examples.
    """
    classes = len(class_names)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(2.5 + 0.45 * classes, 24)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if classes <= 50:
        axes.set_xticks(range(classes), class_names, rotation=90 if max(map(len, class_names)) > 2 else 0)
        axes.set_yticks(range(classes), class_names)
    if classes <= 20:
        for row, column in np.argwhere(counts > 0):
            colour = "white" if share[row, column] > 0.5 else "black"
            text = f"{int(counts[row, column])}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_title(f"accuracy {np.trace(counts) / counts.sum():.4f} of {int(counts.sum())} examples")
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    return figure


def short_name(name: str) -> str:
    """The name of a class where little room is: of several, as ImageNet's classes have them, the first."""
    first = name if len(name) <= _LONGEST_NAME else name.split(",")[0]
    return first if len(first) <= _LONGEST_NAME else f"{first[: _LONGEST_NAME - 1]}…"


def _picture(image: np.ndarray) -> np.ndarray:
    """An image stretched to [0, 1] for display."""
    image = np.asarray(image, np.float32)
    low, high = image.min(), image.max()
    image = (image - low) / max(high - low, 1e-9)
    return image if image.shape[-1] == 3 else image.mean(-1)
