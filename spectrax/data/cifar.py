"""CIFAR-10 and CIFAR-100: 60,000 real 32x32 colour pictures each, from the binary version of the published archives."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.core.protocols import DataCard
from spectrax.data import published_archives
from spectrax.data.prepared import Examples, command

_ADDRESS = "https://www.cs.toronto.edu/~kriz"
_SIDE = 32
_LARGEST = 2**28  # bytes of a batch


@dataclasses.dataclass(frozen=True)
class _Cifar:
    """What both have in common.

    Attributes:
        manual_dir: holds the archive; None where the data are prepared already.
        data_dir: where the data are prepared, for the command that an error tells; None for the default.
    """

    manual_dir: str | None = None
    data_dir: str | None = None
    version: ClassVar[str] = "1.0.0"
    shape: ClassVar[tuple[int, int, int]] = (_SIDE, _SIDE, 3)
    maximum: ClassVar[int] = 255
    balanced: ClassVar[bool] = True
    splits: ClassVar[Mapping[str, int]] = {"train": 50_000, "test": 10_000}
    name: ClassVar[str]
    class_names: ClassVar[Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Cifar10(_Cifar):
    """Ten classes of animals and vehicles.

    Attributes:
        manual_dir: holds `cifar-10-binary.tar.gz`; None where the data are prepared already.
    """

    name: ClassVar[str] = "cifar10"
    class_names: ClassVar[Sequence[str]] = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip

    def examples(self) -> Examples:
        """Images uint8 (n, 32, 32, 3) and labels, as published. Raises `DataMissing`."""
        batches = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
        return _examples(self, "cifar-10-binary.tar.gz", "cifar-10-batches-bin", batches, "batches.meta.txt", 1)

    def card(self, content_hash: str) -> DataCard:
        """The data card."""
        return _card(self, "10 classes of animals and vehicles", content_hash)


@dataclasses.dataclass(frozen=True)
class Cifar100(_Cifar):
    """A hundred fine classes.

    Attributes:
        manual_dir: holds `cifar-100-binary.tar.gz`; None where the data are prepared already.
    """

    name: ClassVar[str] = "cifar100"
    class_names: ClassVar[Sequence[str]] = (
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
        "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
        "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
        "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
        "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
        "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
        "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
        "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
        "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
        "willow_tree", "wolf", "woman", "worm",
    )  # fmt: skip

    def examples(self) -> Examples:
        """Images uint8 (n, 32, 32, 3) and fine labels, as published. Raises `DataMissing`."""
        batches = {"train": ["train.bin"], "test": ["test.bin"]}
        return _examples(self, "cifar-100-binary.tar.gz", "cifar-100-binary", batches, "fine_label_names.txt", 2)

    def card(self, content_hash: str) -> DataCard:
        """The data card."""
        return _card(self, "100 classes of animals, plants and things", content_hash)


def _examples(
    source: _Cifar, archive: str, folder: str, batches: Mapping[str, Sequence[str]], names: str, label_bytes: int
) -> Examples:
    """All splits of an archive, whose label is the last of each record's first bytes."""
    directory = None if source.manual_dir is None else Path(source.manual_dir).expanduser()
    typed = command(source.name, manual_dir=directory or "DIR", data_dir=source.data_dir)
    files = {archive: f"{_ADDRESS}/{archive}"}
    path = published_archives.check_there(source.name, directory, files, typed) / archive
    wanted = [name for parts in batches.values() for name in parts]
    found = published_archives.contents(path, {f"{folder}/{name}": _LARGEST for name in [names, *wanted]})
    told = tuple(found[f"{folder}/{names}"].decode("ascii", "replace").split())
    if told != tuple(source.class_names):
        raise DataMissing(f"{path} names other classes in {names} than {source.name} has. Download it anew.")
    examples = {}
    for split, parts in batches.items():
        records = [_records(found[f"{folder}/{name}"], path, name, label_bytes) for name in parts]
        images, labels = (np.concatenate(arrays) for arrays in zip(*records, strict=True))
        if labels.size and labels.max() >= len(told):
            raise DataMissing(f"{path} holds a class {labels.max()}, of {len(told)}. Download it anew.")
        examples[split] = images, labels
    return examples


def _records(content: bytes, path: Path, name: str, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a batch: in each record the labels, then a plane of rows for each colour."""
    size = label_bytes + 3 * _SIDE**2
    if not content or len(content) % size:
        raise DataMissing(f"{name} in {path} is no whole number of records of {size:,} bytes. Download it anew.")
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    planes = records[:, label_bytes:].reshape(-1, 3, _SIDE, _SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, label_bytes - 1]


def _card(source: _Cifar, what: str, content_hash: str) -> DataCard:
    return DataCard(
        name=source.name,
        version=source.version,
        description=f"32x32 colour pictures of {what}, from the 80 million tiny images.",
        units="8-bit sRGB",
        normalisation="by the dataset's transforms; stored as published",
        licence="none stated by the publisher; the citation is asked for",
        citation="A. Krizhevsky, Learning multiple layers of features from tiny images, technical report, University "
        "of Toronto, 2009",
        splits=source.splits,
        content_hash=content_hash,
        split_rule="as published; no validation split",
    )
