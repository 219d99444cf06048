"""Figures of attention: where in a picture a class token looks."""

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

__all__ = ["Figure", "class_attention"]

_OPAQUE = 0.9  # of the strongest attention over a picture


def class_attention(images: np.ndarray, shares: np.ndarray) -> Figure:
    """Each picture, and over it the attention of all heads together and of each head, interpolated over the picture.

    Args:
        images: (examples, height, width, channels), any scale; channels 1 or 3 are shown as such, others as the mean.
        shares: (examples, heads, rows, columns), parts of a head's attention.
    """
    examples, heads, rows, columns = shares.shape
    figure = Figure(figsize=(1.2 * (2 + heads) + 1.0, 1.2 * examples + 0.4), layout="constrained")
    grid = figure.subplots(examples, 2 + heads, squeeze=False)
    titles = ["picture", "all heads", *(f"head {head + 1}" for head in range(heads))]
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=9)
    # The root, so that weak attention is seen beside strong one.
    scale = ScalarMappable(PowerNorm(0.5, 0, shares.max()), matplotlib.colormaps["plasma"])
    for line, image, of_heads in zip(grid, images, shares, strict=True):
        grey = _grey(image)
        line[0].imshow(_colours(image), cmap="gray")
        for axes, share in zip(line[1:], [of_heads.mean(0), *of_heads], strict=True):
            axes.imshow(_over(grey, interpolated(share, grey.shape), scale))
    for axes in grid.ravel():
        axes.set_axis_off()
    figure.colorbar(scale, ax=grid, shrink=0.6, label=f"share of attention (even: {1 / (rows * columns):.3f})")
    return figure


def interpolated(share: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map (rows, columns) bilinearly at the pixels of a picture (height, width), constant beyond the middles of its
    outermost cells."""
    for axis, size in enumerate(shape):
        cells = np.arange(share.shape[axis]) + 0.5
        pixels = (np.arange(size) + 0.5) * share.shape[axis] / size
        share = np.apply_along_axis(
            lambda line, cells=cells, pixels=pixels: np.interp(pixels, cells, line), axis, share
        )
    return share


def _over(grey: np.ndarray, share: np.ndarray, scale: ScalarMappable) -> np.ndarray:
    """The picture with the map over it, the more opaque the stronger it is; (height, width, 3)."""
    opaque = _OPAQUE * np.asarray(scale.norm(share))[..., None]
    return (1 - opaque) * grey[..., None] + opaque * scale.to_rgba(share)[..., :3]


def _colours(image: np.ndarray) -> np.ndarray:
    """An image stretched to [0, 1], (height, width) or (height, width, 3)."""
    image = np.asarray(image, np.float32)
    low, high = image.min(), image.max()
    image = (image - low) / max(high - low, 1e-9)
    return image if image.shape[-1] == 3 else image.mean(-1)


def _grey(image: np.ndarray) -> np.ndarray:
    colours = _colours(image)
    return colours if colours.ndim == 2 else colours.mean(-1)
