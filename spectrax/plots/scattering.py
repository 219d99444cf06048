"""Figures of wavelet mixing: bands of an image, learned gates, what orientations pass, complex weights."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure

__all__ = ["Figure", "complex_weights", "low_pass_gates", "orientation_gains", "wavelet_bands"]


def wavelet_bands(
    image: np.ndarray, low: np.ndarray, bands: np.ndarray, alone: np.ndarray, orientations: Sequence[int]
) -> Figure:
    """An image, its low-pass map, and below them each band: magnitude, and what the band alone contributes.

    Args:
        image: (height, width).
        low: (height, width) low-pass map.
        bands: complex (height / 2, width / 2, 6).
        alone: (height, width, 6) inverse transforms of single bands; with the low-pass map's they add up to the image.
        orientations: degrees of the bands.
    """
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(1.15, 1, 1))
    for axes, picture, title in zip(top.subplots(1, 2), (image, low), ("image", "low-pass map"), strict=True):
        axes.imshow(picture, cmap="gray")
        axes.set_title(title, fontsize=9)
    # The root, so that weak bands are seen beside strong ones.
    magnitude, reach = np.sqrt(np.abs(bands)), np.abs(alone).max()
    for index, axes in enumerate(middle.subplots(1, len(orientations))):
        axes.imshow(magnitude[..., index], cmap="magma", vmin=0, vmax=magnitude.max())
        axes.set_title(f"{orientations[index]}°, root of magnitude", fontsize=9)
    for index, axes in enumerate(bottom.subplots(1, len(orientations))):
        axes.imshow(alone[..., index], cmap="RdBu", vmin=-reach, vmax=reach)
        axes.set_title(f"{orientations[index]}° alone", fontsize=9)
    _without_axes(figure)
    return figure


def low_pass_gates(gates: Mapping[str, np.ndarray]) -> Figure:
    """Of each layer the gate of the low-pass map: root mean square over channels, and its four strongest channels.

    Args:
        gates: name of the layer to (height, width, channels).
    """
    figure = Figure(figsize=(9, 0.6 + 1.9 * len(gates)), layout="constrained")
    grid = figure.subplots(len(gates), 5, squeeze=False)
    for row, (name, gate) in zip(grid, gates.items(), strict=True):
        strength = np.sqrt(np.mean(gate**2, axis=(0, 1)))
        shown = row[0].imshow(np.sqrt(np.mean(gate**2, axis=-1)), cmap="viridis", vmin=0)
        row[0].set_title(f"{name}\nRMS of {gate.shape[-1]} channels", fontsize=8)
        figure.colorbar(shown, ax=row[0], shrink=0.8)
        reach = np.abs(gate).max()
        for axes, channel in zip(row[1:], np.argsort(-strength), strict=False):
            axes.imshow(gate[..., channel], cmap="RdBu", vmin=-reach, vmax=reach)
            axes.set_title(f"channel {channel}", fontsize=8)
    _without_axes(figure, keep=[axes for axes in figure.axes if axes not in grid.ravel()])
    return figure


def orientation_gains(gains: Mapping[str, np.ndarray], orientations: Sequence[int]) -> Figure:
    """How strongly each layer's mixing passes each orientation.

    Args:
        gains: name of the layer to (6,), the root of the energy behind the mixing, without what it makes of nothing,
            over that before it.
        orientations: degrees of the bands.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(gains)
    for index, (name, gain) in enumerate(gains.items()):
        places = np.arange(len(orientations)) + (index - (len(gains) - 1) / 2) * width
        axes.bar(places, gain, width, label=name)
    axes.set_xticks(range(len(orientations)), [f"{angle}°" for angle in orientations])
    axes.set_xlabel("orientation of the band")
    axes.set_ylabel("amplitude behind the mixing / before,\nwithout the constant it adds")
    axes.legend(fontsize=8)
    axes.grid(axis="y", alpha=0.3)
    return figure


def complex_weights(weights: Mapping[str, np.ndarray]) -> Figure:
    """Complex matrices: brightness is the magnitude over the largest of the layer, colour the phase.

    Args:
        weights: name of the layer to complex (blocks, inputs, outputs).
    """
    columns = max(len(weight) for weight in weights.values())
    figure = Figure(figsize=(1.7 * columns + 0.6, 0.5 + 1.9 * len(weights)), layout="constrained")
    grid = figure.subplots(len(weights), columns, squeeze=False)
    for row, (name, weight) in zip(grid, weights.items(), strict=True):
        largest = np.abs(weight).max()
        for index, axes in enumerate(row[: len(weight)]):
            axes.imshow(_phase_picture(weight[index] / max(largest, 1e-30)))
            axes.set_title(f"block {index}, {weight.shape[1]} x {weight.shape[2]}", fontsize=8)
            axes.set_xlabel("output channel", fontsize=7)
        row[0].set_ylabel(f"{name}\nlargest {largest:.2g}\ninput channel", fontsize=8)
    figure.suptitle("colour: phase (red 0, cyan ±180°); brightness: magnitude", fontsize=9)
    for axes in figure.axes:
        axes.set_xticks([])
        axes.set_yticks([])
        if not axes.images:
            axes.set_axis_off()
    return figure


def _phase_picture(matrix: np.ndarray) -> np.ndarray:
    hue = (np.angle(matrix) / (2 * np.pi)) % 1.0
    return hsv_to_rgb(np.stack([hue, np.ones_like(hue), np.abs(matrix) ** 0.5], axis=-1))


def _without_axes(figure: Figure, keep: Sequence[object] = ()) -> None:
    for axes in figure.axes:
        if axes not in keep:
            axes.set_axis_off()
