"""RandAugment as image recipes use it: `rand-m9-mstd0.5-inc1` of timm, on 8-bit pictures with Pillow.

Source: Cubuk et al., "RandAugment", NeurIPS 2020; operations, strengths and draws as in timm's increasing set, where
every operation departs further from the picture the larger its magnitude.
"""

import dataclasses
import math
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
Coefficients = tuple[float, float, float, float, float, float]
"""`(a, b, c, d, e, f)`: at (x, y) pixels of the result is what was at (a x + b y + c, d x + e y + f)."""


def _rotate(picture: Image.Image, draw: Draw) -> Image.Image:
    return picture.rotate(_degrees(draw), resample=draw.method, fillcolor=draw.fill)


def _degrees(draw: Draw) -> float:
    return draw.sign * draw.level * 30.0


def _rotation(draw: Draw, width: int, height: int) -> Coefficients:
    """Of a rotation about the centre."""
    angle = -math.radians(_degrees(draw))
    cos, sin, x, y = math.cos(angle), math.sin(angle), width / 2, height / 2
    return cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y


def _shear_x(draw: Draw, width: int, height: int) -> Coefficients:
    return 1, draw.sign * draw.level * 0.3, 0, 0, 1, 0


def _shear_y(draw: Draw, width: int, height: int) -> Coefficients:
    return 1, 0, 0, draw.sign * draw.level * 0.3, 1, 0


def _translate_x(draw: Draw, width: int, height: int) -> Coefficients:
    return 1, 0, draw.sign * draw.level * 0.45 * width, 0, 1, 0


def _translate_y(draw: Draw, width: int, height: int) -> Coefficients:
    return 1, 0, 0, 0, 1, draw.sign * draw.level * 0.45 * height


def _affine(coefficients: Callable[[Draw, int, int], Coefficients]) -> Operation:
    def operation(picture: Image.Image, draw: Draw) -> Image.Image:
        return picture.transform(
            picture.size,
            Image.Transform.AFFINE,
            coefficients(draw, *picture.size),
            resample=draw.method,
            fillcolor=draw.fill,
        )

    return operation


def _posterize(picture: Image.Image, draw: Draw) -> Image.Image:
    bits = 4 - int(draw.level * 4)
    # At the largest strength none is kept, and all is black; Pillow 13 refuses to say so itself.
    return ImageOps.posterize(picture, bits) if bits else picture.point(lambda _: 0)


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
    "shear_x": _affine(_shear_x),
    "shear_y": _affine(_shear_y),
    "translate_x": _affine(_translate_x),
    "translate_y": _affine(_translate_y),
}
"""Name to operation of a picture and a draw: timm's fifteen."""

GEOMETRY: Mapping[str, Callable[[Draw, int, int], Coefficients]] = {
    "rotate": _rotation,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
}
"""Of those that move what is seen, the coefficients for a draw and a picture's width and height."""


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
        return self.warped(image, rng)[0]

    def warped(self, image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The image, and float64 (3, 3) that takes (x, y, 1) in it, in parts of its sides, to where that comes from."""
        if image.dtype != np.uint8 or image.shape[-1] != 3:
            raise ConfigError("RandAugment takes uint8 pictures of three channels: put it before ToFloat.")
        names = list(OPERATIONS)
        chosen = [names[index] for index in rng.integers(len(names), size=self.layers)]
        picture, matrix = Image.fromarray(np.ascontiguousarray(image)), np.eye(3)
        for name in chosen:
            if rng.random() < self.probability:
                draw = self._draw(rng)
                picture = OPERATIONS[name](picture, draw)
                if name in GEOMETRY:
                    matrix = matrix @ _in_parts(GEOMETRY[name](draw, *picture.size), *picture.size)
        return np.asarray(picture), matrix

    def _draw(self, rng: np.random.Generator) -> Draw:
        magnitude = min(max(rng.normal(self.magnitude, self.magnitude_std), 0.0), _LARGEST)
        sign = -1.0 if rng.random() < 0.5 else 1.0
        method = self.methods[int(rng.integers(len(self.methods)))]
        return Draw(magnitude / _LARGEST, sign, tuple(self.fill), resampling(method))


def _in_parts(coefficients: Coefficients, width: int, height: int) -> np.ndarray:
    """Of pixels, as a matrix for parts of the sides."""
    sides = np.diag([width, height, 1.0])
    return np.linalg.inv(sides) @ np.array([*coefficients, 0, 0, 1]).reshape(3, 3) @ sides
