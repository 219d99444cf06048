"""Transforms of one image, run in the loader's workers: NumPy and Pillow only.

A transform is a small frozen dataclass called as `transform(image, rng)` with an image (height, width, channels).
Random ones (`random = True`) draw from `rng`, a generator that depends on seed, epoch and example alone. Some can also
say from where in the picture an image comes: see `views`.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

import numpy as np
from PIL import Image

from spectrax.core.errors import ConfigError

Method = Literal["nearest", "bilinear", "bicubic", "lanczos"]
_METHODS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

Box = tuple[float, float, float, float]
"""Top, left, bottom and right in parts of a picture's sides; left above right where it is mirrored."""
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


class Transform(Protocol):
    """An image in, an image out."""

    random: ClassVar[bool]

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """The transformed image; `rng` may be None for transforms that are not random."""


@dataclasses.dataclass(frozen=True)
class ToFloat:
    """Integers to float32, divided by `maximum`, so that values lie in [0, 1]."""

    random: ClassVar[bool] = False
    maximum: float = 255.0

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        return image.astype(np.float32) / np.float32(self.maximum)


@dataclasses.dataclass(frozen=True)
class Normalise:
    """`(image - mean) / std` per channel."""

    mean: Sequence[float]
    std: Sequence[float]
    random: ClassVar[bool] = False

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        return (image - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)


@dataclasses.dataclass(frozen=True)
class Resize:
    """The shorter side becomes `size` pixels; the other keeps the ratio, rounded down as in torchvision.

    Attributes:
        kept: the part of the shorter side that a crop of `size` pixels will keep: it becomes `size / kept`, rounded
            down as in timm.
    """

    size: int
    method: Method = "bilinear"
    kept: float = 1.0
    random: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 < self.kept <= 1:
            raise ConfigError(f"Resize's kept={self.kept} must be above 0 and at most 1.")

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        size, shorter = int(self.size / self.kept), min(image.shape[:2])
        height, width = (size * side // shorter for side in image.shape[:2])
        return resize(image, (height, width), self.method)


@dataclasses.dataclass(frozen=True)
class CentreCrop:
    """The central square of `size` pixels; a smaller image is padded with zeros."""

    size: int
    random: ClassVar[bool] = False

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        missing = [max(0, self.size - side) for side in image.shape[:2]]
        image = np.pad(image, [(m // 2, m - m // 2) for m in missing] + [(0, 0)])
        top, left = (round((side - self.size) / 2) for side in image.shape[:2])  # halves to even, as in torchvision
        return image[top : top + self.size, left : left + self.size]


@dataclasses.dataclass(frozen=True)
class Pad:
    """Zeros on all four sides."""

    pixels: int
    random: ClassVar[bool] = False

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        return np.pad(image, ((self.pixels, self.pixels), (self.pixels, self.pixels), (0, 0)))


@dataclasses.dataclass(frozen=True)
class PadAndCrop:
    """Pad with zeros, then take a random window of the original size: a random shift."""

    pixels: int
    random: ClassVar[bool] = True

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        height, width = image.shape[:2]
        padded = Pad(self.pixels)(image, None)
        top, left = rng.integers(0, 2 * self.pixels + 1, size=2)
        return padded[top : top + height, left : left + width]


@dataclasses.dataclass(frozen=True)
class HorizontalFlip:
    """Mirror left and right with `probability`."""

    probability: float = 0.5
    random: ClassVar[bool] = True

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        return self.placed(image, rng)[0]

    def placed(self, image: np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Box]:
        """The image and the box of the picture that it shows."""
        mirrored = rng.random() < self.probability
        return (image[:, ::-1], (0.0, 1.0, 1.0, 0.0)) if mirrored else (image, WHOLE)


@dataclasses.dataclass(frozen=True)
class RandomResizedCrop:
    """A window of random area and aspect ratio, resized to a square (Szegedy et al., CVPR 2015; as torchvision).

    Attributes:
        size: side of the result in pixels.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest width over height, drawn uniformly in its logarithm.
        methods: one is drawn per image.
    """

    size: int
    scale: Sequence[float] = (0.08, 1.0)
    ratio: Sequence[float] = (3 / 4, 4 / 3)
    methods: Sequence[Method] = ("bilinear", "bicubic")
    random: ClassVar[bool] = True

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        return self.placed(image, rng)[0]

    def placed(self, image: np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Box]:
        """The image and the box of the picture that it shows."""
        rows, columns = image.shape[:2]
        top, left, height, width = self._window(rows, columns, rng)
        method = self.methods[int(rng.integers(len(self.methods)))]
        seen = resize(image[top : top + height, left : left + width], (self.size, self.size), method)
        return seen, (top / rows, left / columns, (top + height) / rows, (left + width) / columns)

    def _window(self, rows: int, columns: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = rows * columns * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= columns and 0 < height <= rows:
                top = int(rng.integers(rows - height + 1))
                return top, int(rng.integers(columns - width + 1)), height, width
        # No window fits: the central one with the nearest allowed ratio.
        ratio = min(max(columns / rows, self.ratio[0]), self.ratio[1])
        width, height = min(columns, round(rows * ratio)), min(rows, round(columns / ratio))
        return (rows - height) // 2, (columns - width) // 2, height, width


def resize(image: np.ndarray, size: tuple[int, int], method: Method) -> np.ndarray:
    """Resample (height, width, channels) to `size` = (height, width), antialiased; uint8 or float32 in and out."""
    target, filter_ = (size[1], size[0]), resampling(method)
    if image.dtype == np.uint8 and image.shape[-1] == 3:
        return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(target, filter_))
    if image.dtype == np.uint8:
        planes = [Image.fromarray(np.ascontiguousarray(image[..., c])) for c in range(image.shape[-1])]
    else:
        planes = [Image.fromarray(np.ascontiguousarray(image[..., c], np.float32)) for c in range(image.shape[-1])]
    return np.stack([np.asarray(plane.resize(target, filter_)) for plane in planes], axis=-1)


def resampling(method: Method) -> Image.Resampling:
    """Pillow's filter of that name. Raises `ConfigError` for another."""
    if method not in _METHODS:
        raise ConfigError(f"Resampling method {method!r} is not known. Choose one of: {', '.join(_METHODS)}.")
    return _METHODS[method]


def apply(transforms: Sequence[Transform], image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """All transforms in order."""
    for transform in transforms:
        image = transform(image, rng)
    return image
