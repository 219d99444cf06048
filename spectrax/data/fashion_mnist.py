"""Fashion-MNIST: 70,000 real 28x28 photographs of clothes in ten classes, from its four IDX files."""

import dataclasses
import gzip
import hashlib
import http.client
import struct
import urllib.request
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.core.protocols import DataCard
from spectrax.data.prepared import Examples, command

_DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # where the package dataset-fashion-mnist puts the files
_ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# Of the unpacked files, as published: the original MNIST has the same names, format and counts.
_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


@dataclasses.dataclass(frozen=True)
class FashionMnist:
    """The published files, from a directory that the user names, from Debian's package, or downloaded.

    Attributes:
        manual_dir: directory with the four IDX files, gzipped or not; None looks where Debian puts them, then
            downloads.
        data_dir: where the data are prepared, for the command that an error tells; None for the default.
    """

    manual_dir: str | None = None
    data_dir: str | None = None
    name: ClassVar[str] = "fashion_mnist"
    version: ClassVar[str] = "1.0.0"
    shape: ClassVar[tuple[int, int, int]] = (28, 28, 1)
    maximum: ClassVar[int] = 255
    balanced: ClassVar[bool] = True
    splits: ClassVar[Mapping[str, int]] = {"train": 60_000, "test": 10_000}
    class_names: ClassVar[Sequence[str]] = (
        "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    )  # fmt: skip

    def examples(self) -> Examples:
        """Images uint8 (n, 28, 28, 1) and labels, as published. Raises `DataMissing`."""
        read = self._reader()
        try:
            arrays = {name: _published(read(name), name) for name in _MD5}
        except DataMissing as error:
            raise DataMissing(f"{error} {self._advice()}") from error
        return {split: (arrays[images][..., None], arrays[labels]) for split, (images, labels) in _FILES.items()}

    def card(self, content_hash: str) -> DataCard:
        """The data card."""
        return DataCard(
            name=self.name,
            version=self.version,
            description="28x28 grey images of articles of clothing from Zalando's shop.",
            units="grey level, 0 to 255",
            normalisation="by the dataset's transforms; stored as published",
            licence="MIT",
            citation="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine "
            "learning algorithms, arXiv 1708.07747, 2017",
            splits=self.splits,
            content_hash=content_hash,
            split_rule="as published; no validation split",
        )

    def _reader(self) -> "type[_Directory] | object":
        if self.manual_dir is not None:
            return _Directory(Path(self.manual_dir).expanduser())
        return _Directory(_DEBIAN) if _DEBIAN.is_dir() else _download

    def _advice(self) -> str:
        return (
            f"Put the four files {', '.join(f'{name}.gz' for name in _MD5)} in a directory DIR and run: "
            f"{command(self.name, manual_dir='DIR', data_dir=self.data_dir)} "
            "(on Debian: apt install dataset-fashion-mnist)"
        )


class _Directory:
    """Reads a file of a directory, gzipped or not."""

    def __init__(self, directory: Path):
        self.directory = directory

    def __call__(self, name: str) -> bytes:
        plain, packed = self.directory / name, self.directory / f"{name}.gz"
        if plain.exists():
            return plain.read_bytes()
        if packed.exists():
            return _unpack(packed.read_bytes(), str(packed))
        raise DataMissing(f"{packed} (or without .gz) is missing.")


def read_idx(content: bytes, name: str) -> np.ndarray:
    """The array of an IDX file of unsigned bytes.

    Raises:
        DataMissing: when the content is not such a file or is cut short.
    """
    if len(content) >= 4 and content[:3] == b"\0\0\x08":
        shape = struct.unpack_from(f">{content[3]}I", content, 4) if len(content) >= 4 + 4 * content[3] else (-1,)
        offset = 4 + 4 * content[3]
        if len(content) - offset == int(np.prod(shape)):
            return np.frombuffer(content, np.uint8, offset=offset).reshape(shape)
    raise DataMissing(f"{name} is not a whole IDX file of bytes.")


def _download(name: str) -> bytes:
    address = f"{_ADDRESS}/{name}.gz"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise DataMissing(f"{address} cannot be reached ({error}).") from error
    return _unpack(content, address)


def _published(content: bytes, name: str) -> np.ndarray:
    """The array of a file's content, if that is what was published."""
    array = read_idx(content, name)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != _MD5[name]:
        raise DataMissing(f"{name}, {array.shape}, holds other data than Fashion-MNIST's file so called.")
    return array


def _unpack(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataMissing(f"{name} is not a whole gzip file ({error}).") from error
