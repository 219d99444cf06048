"""A person's own pictures: PNG and JPEG files of any size, mode and orientation."""

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from spectrax.core.errors import UnreadableFile
from spectrax.data.transforms import resize

_FORMATS = ("PNG", "JPEG")
# Pillow's words for damage inside a file, the last ones in what a camera noted.
_DAMAGE = (ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError, struct.error)


def read_picture(path: Path, channels: int) -> np.ndarray:
    """The picture, upright, uint8 (height, width, channels).

    Colours become grey (Rec. 601 luma) for one channel and the other way round; what is transparent becomes white;
    16-bit greys keep their upper eight bits.

    Args:
        channels: 1 or 3.

    Raises:
        UnreadableFile: saying what is wrong with the file.
    """
    try:
        if not path.stat().st_size:
            raise UnreadableFile("is empty")
    except OSError as error:
        raise UnreadableFile(f"cannot be read ({error.strerror or error})") from error
    with opened_picture(path) as picture:
        # Orientation is a note in the file, which cameras write and viewers obey.
        return _pixels(ImageOps.exif_transpose(picture), channels)


@contextlib.contextmanager
def opened_picture(source: Path | BinaryIO) -> Iterator[Image.Image]:
    """A PNG or JPEG picture, to be decoded inside. Raises `UnreadableFile`, also for what is found there."""
    try:
        with Image.open(source, formats=_FORMATS) as picture:
            # Pillow only warns; to make that an error would change what all threads are warned of.
            if picture.width * picture.height > Image.MAX_IMAGE_PIXELS:
                raise Image.DecompressionBombError
            yield picture
    except Image.UnidentifiedImageError as error:
        raise UnreadableFile("is neither a PNG nor a JPEG picture") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UnreadableFile(f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels") from error
    except OSError as error:
        raise UnreadableFile(f"cannot be read ({error.strerror or error})") from error
    except _DAMAGE as error:
        raise UnreadableFile(f"is damaged ({error})") from error


def stored_like(picture: np.ndarray, shape: tuple[int, int, int], maximum: int) -> np.ndarray:
    """A picture in the form of a data set's own examples: padded to a square with its border's colour, resampled
    bilinearly and scaled.

    Args:
        picture: uint8 (height, width, channels), 0 to 255.
        shape: (height, width, channels) of the result, uint8; the same channels.
        maximum: the value that white becomes.
    """
    square = resize(_squared(picture), shape[:2], "bilinear")
    return np.round(square * (maximum / 255)).astype(np.uint8)


def _pixels(picture: Image.Image, channels: int) -> np.ndarray:
    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return pixels[..., None] if channels == 1 else pixels


def _squared(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    if height == width:
        return picture
    side = max(height, width)
    edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    square = np.empty((side, side, picture.shape[-1]), picture.dtype)
    square[:] = np.median(np.concatenate(edges), axis=0).astype(picture.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return square
