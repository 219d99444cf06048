"""Stanford Cars: 16,185 photographs of cars of 196 makes, models and years, from the published archives."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.core.protocols import DataCard
from spectrax.data import matlab_files, published_archives
from spectrax.data.record_shards import Picture, Shard

_ADDRESS = "ai.stanford.edu/~jkrause"
_DEVKIT, _TEST_LABELS = "car_devkit.tgz", "cars_test_annos_withlabels.mat"
_FILES = {
    "cars_train.tgz": f"http://{_ADDRESS}/car196/cars_train.tgz",
    "cars_test.tgz": f"http://{_ADDRESS}/car196/cars_test.tgz",
    _DEVKIT: f"https://{_ADDRESS}/cars/{_DEVKIT}",
    _TEST_LABELS: f"http://{_ADDRESS}/car196/{_TEST_LABELS}",
}
_META, _TRAIN_LABELS = "devkit/cars_meta.mat", "devkit/cars_train_annos.mat"
_LARGEST = 2**24  # bytes of a MATLAB file


@dataclasses.dataclass(frozen=True)
class Cars196:
    """The published halves: 8,144 pictures to train on and 8,041 for the test, all classes in both."""

    name: ClassVar[str] = "cars196"
    version: ClassVar[str] = "1.0.0"

    def pictures(self, directory: Path | None, command: str) -> "CarPictures":
        """The pictures in a directory's archives. Raises `DataMissing` naming what is not there."""
        return CarPictures(published_archives.check_there(self.name, directory, _FILES, command))

    def card(self, splits: Mapping[str, int], content_hash: str) -> DataCard:
        """The data card."""
        return DataCard(
            name=self.name,
            version=self.version,
            description="Photographs of cars of 196 classes: make, model and year.",
            units="8-bit sRGB",
            normalisation="by the dataset's transforms; stored as published (JPEG), boxes unused",
            licence="for research; terms as of ImageNet, which the publisher's page refers to",
            citation="J. Krause, M. Stark, J. Deng, L. Fei-Fei, 3D object representations for fine-grained "
            "categorization, 3dRR 2013",
            splits=splits,
            content_hash=content_hash,
            split_rule="as published; no validation split",
        )


@dataclasses.dataclass(frozen=True)
class CarPictures:
    """The pictures of the two archives, with the labels beside them.

    Raises:
        DataMissing: when the labels are not what they should be.
    """

    directory: Path

    def __post_init__(self) -> None:
        highest = max(max(labels.values()) for labels in self._labels.values())
        if highest >= len(self.synsets):
            raise DataMissing(f"{self.directory / _DEVKIT} has {len(self.synsets)} names for {highest + 1} classes.")

    @functools.cached_property
    def synsets(self) -> tuple[str, ...]:
        """The names of the classes."""
        names = np.atleast_1d(_variable(self._devkit[_META], self.directory / _DEVKIT, "class_names"))
        return tuple(map(str, names))

    @property
    def words(self) -> tuple[str, ...]:
        """The same."""
        return self.synsets

    def fingerprint(self) -> str:
        """A word that changes with the files."""
        return published_archives.fingerprint(self.directory, _FILES)

    def shards(self) -> list[Shard]:
        """One for each archive: to read any part of it, all of it has to be unpacked."""
        return [Shard(split, functools.partial(self._read, split)) for split in self._labels]

    def _read(self, split: str) -> Iterator[Picture]:
        path, labels = self.directory / f"cars_{split}.tgz", self._labels[split]

        def label(number: int) -> int:
            if number not in labels:
                raise DataMissing(f"{path} holds a picture {number:05d}, which has no label. Download both anew.")
            return labels[number]

        return published_archives.pictures(path, rf"cars_{split}/(\d{{5}})\.jpg", f"cars_{split}/XXXXX.jpg", label)

    @functools.cached_property
    def _devkit(self) -> dict[str, bytes]:
        return published_archives.contents(self.directory / _DEVKIT, {_META: _LARGEST, _TRAIN_LABELS: _LARGEST})

    @functools.cached_property
    def _labels(self) -> dict[str, dict[int, int]]:
        """Of each split, number of the picture to class from 0 on."""
        test = self.directory / _TEST_LABELS
        return {
            "train": _annotations(self._devkit[_TRAIN_LABELS], self.directory / _DEVKIT),
            "test": _annotations(test.read_bytes(), test),
        }


def _annotations(content: bytes, path: Path) -> dict[int, int]:
    rows = np.atleast_1d(_variable(content, path, "annotations"))
    try:
        labels = {int(str(row["fname"]).removesuffix(".jpg")): int(row["class"]) - 1 for row in rows}
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataMissing(f"{path} holds annotations of another form ({error}). Download it anew.") from error
    if not labels or min(labels.values()) < 0:
        raise DataMissing(f"{path} holds no classes from 1 on. Download it anew.")
    return labels


def _variable(content: bytes, path: Path, name: str) -> Any:
    found = matlab_files.variables(content, path, name).get(name)
    if found is None:
        raise DataMissing(f"{path} holds no {name}. Download it anew.")
    return found
