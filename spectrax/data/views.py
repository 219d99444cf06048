"""Where in its picture an image of training lies, so that what is known of the picture's places can follow it.

A transform that crops or mirrors has `placed(image, rng) -> (image, box)`, one that moves what is inside an image
`warped(image, rng) -> (image, matrix)`; every other keeps places as they are.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.data.transforms import WHOLE, Box, CentreCrop, Pad, PadAndCrop, Transform

_UNTOLD = (CentreCrop, Pad, PadAndCrop)
_ORDER = (
    "dataset.train: with label maps, transforms that crop or mirror should come before those that move what is seen."
)


@dataclasses.dataclass(frozen=True)
class View:
    """An image shows a box of its picture, whose content was moved inside the box after it was cut out.

    Attributes:
        box: of the picture.
        matrix: float64 (3, 3) that takes (x, y, 1) in the image, in parts of its sides, to where in the box that comes
            from; None where nothing was moved.
    """

    box: Box = WHOLE
    matrix: np.ndarray | None = None

    def cropped(self, box: Box) -> "View":
        """The view of a box of this image. Raises `ConfigError` when it was moved inside its box before."""
        if self.matrix is not None:
            raise ConfigError(_ORDER)
        top, left, bottom, right = self.box
        height, width = bottom - top, right - left
        return View((top + box[0] * height, left + box[1] * width, top + box[2] * height, left + box[3] * width))

    def warped(self, matrix: np.ndarray) -> "View":
        """The view of this image moved inside its box."""
        if np.array_equal(matrix, np.eye(3)):
            return self
        return dataclasses.replace(self, matrix=matrix if self.matrix is None else self.matrix @ matrix)

    def sources(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of places in the picture, in parts of its sides: what the image shows there in place of what the box holds.

        Returns:
            x and y in the picture from where it comes, and whether that was in the box; what was not is only fill.
        """
        if self.matrix is None:
            return x, y, np.ones(np.broadcast_shapes(x.shape, y.shape), bool)
        top, left, bottom, right = self.box
        inner = np.stack(np.broadcast_arrays((x - left) / (right - left), (y - top) / (bottom - top), 1.0))
        u, v, _ = np.tensordot(self.matrix, inner, 1)
        # Places just outside the box are looked at too, where labels are interpolated: fill is there what is fill at
        # the border beside them.
        border = np.concatenate([np.clip(inner[:2], 0, np.nextafter(1, 0)), inner[2:]])
        at = np.tensordot(self.matrix, border, 1)[:2]
        inside = np.all((at >= 0) & (at < 1), axis=0)
        return left + u * (right - left), top + v * (bottom - top), inside


def viewed(
    transforms: Sequence[Transform], image: np.ndarray, rng: np.random.Generator | None
) -> tuple[np.ndarray, View]:
    """The image after all transforms, in order, and where in the given picture it lies."""
    view = View()
    for transform in transforms:
        if hasattr(transform, "placed"):
            image, box = transform.placed(image, rng)
            view = view.cropped(box)
        elif hasattr(transform, "warped"):
            image, matrix = transform.warped(image, rng)
            view = view.warped(matrix)
        else:
            image = transform(image, rng)
    return image, view


def check(transforms: Sequence[Transform]) -> None:
    """Raises `ConfigError` for transforms that change places and cannot tell how, or in an order that cannot be
    followed."""
    moved = False
    for transform in transforms:
        if moved and hasattr(transform, "placed"):
            raise ConfigError(_ORDER)
        moved |= hasattr(transform, "warped")
        if isinstance(transform, _UNTOLD):
            raise ConfigError(
                f"{type(transform).__name__} in dataset.train does not tell where in its picture an image lies, which "
                "label maps need: use RandomResizedCrop and HorizontalFlip, or dataset.label_maps=null."
            )
