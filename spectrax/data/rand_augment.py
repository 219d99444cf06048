"""RandAugment as image recipes use it: `rand-m9-mstd0.5-inc1` of timm, on 8-bit pictures with Pillow.

Source: Cubuk et al., "RandAugment", NeurIPS 2020; operations, strengths and draws as in timm's increasing set, where
every operation departs further from the picture the larger its magnitude.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from spectrax.core.errors import ConfigError
from spectrax.data.transforms import Method, resampling

_LARGEST = 10.0  # magnitude
_LEAST_FACTOR = 0.1  # of an enhancement
_SOLARIZED_BELOW = 128  # only darker pixels are added to


@dataclasses.dataclass(frozen=True)
class Draw:
    """What an operation needs beside the picture.

    Attributes:
        level: strength, 0 to 1.
        sign: 1 or -1, for operations that go both ways.
        fill: colour of what comes into the picture.
        method: Pillow's filter, for geometric operations.
    """

    level: float
    sign: float
    fill: tuple[int, ...]
    method: Image.Resampling


Operation = Callable[[Image.Image, Draw], Image.Image]


def _affine(picture: Image.Image, coefficients: tuple[float, ...], draw: Draw) -> Image.Image:
    return picture.transform(
        picture.size, Image.Transform.AFFINE, coefficients, resample=draw.method, fillcolor=draw.fill
    )


def _rotate(picture: Image.Image, draw: Draw) -> Image.Image:
    return picture.rotate(draw.sign * draw.level * 30.0, resample=draw.method, fillcolor=draw.fill)


def _shear_x(picture: Image.Image, draw: Draw) -> Image.Image:
    return _affine(picture, (1, draw.sign * draw.level * 0.3, 0, 0, 1, 0), draw)


def _shear_y(picture: Image.Image, draw: Draw) -> Image.Image:
    return _affine(picture, (1, 0, 0, draw.sign * draw.level * 0.3, 1, 0), draw)


def _translate_x(picture: Image.Image, draw: Draw) -> Image.Image:
    return _affine(picture, (1, 0, draw.sign * draw.level * 0.45 * picture.width, 0, 1, 0), draw)


def _translate_y(picture: Image.Image, draw: Draw) -> Image.Image:
    return _affine(picture, (1, 0, 0, 0, 1, draw.sign * draw.level * 0.45 * picture.height), draw)


def _posterize(picture: Image.Image, draw: Draw) -> Image.Image:
    return ImageOps.posterize(picture, 4 - int(draw.level * 4))


def _solarize(picture: Image.Image, draw: Draw) -> Image.Image:
    return ImageOps.solarize(picture, 256 - min(256, int(draw.level * 256)))


def _solarize_add(picture: Image.Image, draw: Draw) -> Image.Image:
    added = min(128, int(draw.level * 110))
    table = [min(255, value + added) if value < _SOLARIZED_BELOW else value for value in range(256)]
    return picture.point(table * len(picture.getbands()))


def _enhanced(enhancement: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    def operation(picture: Image.Image, draw: Draw) -> Image.Image:
        return enhancement(picture).enhance(max(_LEAST_FACTOR, 1.0 + draw.sign * draw.level * 0.9))

    return operation


OPERATIONS: Mapping[str, Operation] = {
    "auto_contrast": lambda picture, draw: ImageOps.autocontrast(picture),
    "equalize": lambda picture, draw: ImageOps.equalize(picture),
    "invert": lambda picture, draw: ImageOps.invert(picture),
    "rotate": _rotate,
    "posterize": _posterize,
    "solarize": _solarize,
    "solarize_add": _solarize_add,
    "color": _enhanced(ImageEnhance.Color),
    "contrast": _enhanced(ImageEnhance.Contrast),
    "brightness": _enhanced(ImageEnhance.Brightness),
    "sharpness": _enhanced(ImageEnhance.Sharpness),
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
}
"""Name to operation of a picture and a draw: timm's fifteen."""


@dataclasses.dataclass(frozen=True)
class RandAugment:
    """`layers` operations drawn with replacement, each done with `probability`.

    Attributes:
        magnitude: mean strength, 0 to 10.
        magnitude_std: standard deviation of each operation's strength, which is cut to 0 to 10.
        layers: how many operations are drawn for a picture.
        probability: with which each of them is done.
        fill: colour (0 to 255, per channel) of what comes in from outside: the data set's mean.
        methods: resampling of geometric operations; one is drawn for each.

    Raises:
        ConfigError: for numbers out of range, and for a picture that is not uint8 of three channels.
    """

    magnitude: float = 9.0
    magnitude_std: float = 0.5
    layers: int = 2
    probability: float = 0.5
    fill: Sequence[int] = (124, 116, 104)
    methods: Sequence[Method] = ("bilinear", "bicubic")
    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.magnitude <= _LARGEST or self.magnitude_std < 0:
            raise ConfigError(
                f"RandAugment's magnitude={self.magnitude} must be from 0 to 10, its deviation at least 0."
            )
        if self.layers < 0 or not 0 <= self.probability <= 1 or len(self.fill) != 3:
            raise ConfigError("RandAugment wants layers >= 0, a probability from 0 to 1, and a fill of three numbers.")

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(height, width, 3) uint8 -> the same."""
        if image.dtype != np.uint8 or image.shape[-1] != 3:
            raise ConfigError("RandAugment takes uint8 pictures of three channels: put it before ToFloat.")
        names = list(OPERATIONS)
        chosen = [names[index] for index in rng.integers(len(names), size=self.layers)]
        picture = Image.fromarray(np.ascontiguousarray(image))
        for name in chosen:
            if rng.random() < self.probability:
                picture = OPERATIONS[name](picture, self._draw(rng))
        return np.asarray(picture)

    def _draw(self, rng: np.random.Generator) -> Draw:
        magnitude = min(max(rng.normal(self.magnitude, self.magnitude_std), 0.0), _LARGEST)
        sign = -1.0 if rng.random() < 0.5 else 1.0
        method = self.methods[int(rng.integers(len(self.methods)))]
        return Draw(magnitude / _LARGEST, sign, tuple(self.fill), resampling(method))
