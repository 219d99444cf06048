"""Oxford 102 Flowers: 8,189 photographs of flowers common in the United Kingdom, from the published archive."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.core.protocols import DataCard
from spectrax.data import matlab_files, published_archives
from spectrax.data.record_shards import Picture, Shard

_ADDRESS = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102"
_PICTURES, _LABELS, _SPLITS = "102flowers.tgz", "imagelabels.mat", "setid.mat"
_FILES = {name: f"{_ADDRESS}/{name}" for name in (_PICTURES, _LABELS, _SPLITS)}
_SETS = {"train": "trnid", "validation": "valid", "test": "tstid"}
CLASS_NAMES = (
    "pink primrose", "hard-leaved pocket orchid", "canterbury bells", "sweet pea", "english marigold", "tiger lily",
    "moon orchid", "bird of paradise", "monkshood", "globe thistle", "snapdragon", "colt's foot", "king protea",
    "spear thistle", "yellow iris", "globe-flower", "purple coneflower", "peruvian lily", "balloon flower",
    "giant white arum lily", "fire lily", "pincushion flower", "fritillary", "red ginger", "grape hyacinth",
    "corn poppy", "prince of wales feathers", "stemless gentian", "artichoke", "sweet william", "carnation",
    "garden phlox", "love in the mist", "mexican aster", "alpine sea holly", "ruby-lipped cattleya", "cape flower",
    "great masterwort", "siam tulip", "lenten rose", "barbeton daisy", "daffodil", "sword lily", "poinsettia",
    "bolero deep blue", "wallflower", "marigold", "buttercup", "oxeye daisy", "common dandelion", "petunia",
    "wild pansy", "primula", "sunflower", "pelargonium", "bishop of llandaff", "gaura", "geranium", "orange dahlia",
    "pink-yellow dahlia", "cautleya spicata", "japanese anemone", "black-eyed susan", "silverbush",
    "californian poppy", "osteospermum", "spring crocus", "bearded iris", "windflower", "tree poppy", "gazania",
    "azalea", "water lily", "rose", "thorn apple", "morning glory", "passion flower", "lotus", "toad lily",
    "anthurium", "frangipani", "clematis", "hibiscus", "columbine", "desert-rose", "tree mallow", "magnolia",
    "cyclamen", "watercress", "canna lily", "hippeastrum", "bee balm", "ball moss", "foxglove", "bougainvillea",
    "camellia", "mallow", "mexican petunia", "bromelia", "blanket flower", "trumpet creeper", "blackberry lily",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Flowers102:
    """The published splits: 10 pictures of each class to train on and 10 for validation, the rest for the test."""

    name: ClassVar[str] = "flowers102"
    version: ClassVar[str] = "1.0.0"

    def pictures(self, directory: Path | None, command: str) -> "FlowerPictures":
        """The pictures in a directory's archives. Raises `DataMissing` naming what is not there."""
        return FlowerPictures(published_archives.check_there(self.name, directory, _FILES, command))

    def card(self, splits: Mapping[str, int], content_hash: str) -> DataCard:
        """The data card."""
        return DataCard(
            name=self.name,
            version=self.version,
            description="Photographs of flowers of 102 categories that are common in the United Kingdom.",
            units="8-bit sRGB",
            normalisation="by the dataset's transforms; stored as published (JPEG)",
            licence="none stated by the publisher; the pictures are their owners'",
            citation="M.-E. Nilsback, A. Zisserman, Automated flower classification over a large number of classes, "
            "ICVGIP 2008",
            splits=splits,
            content_hash=content_hash,
            split_rule="as published (setid.mat)",
        )


@dataclasses.dataclass(frozen=True)
class FlowerPictures:
    """The pictures of the archive, with the labels and splits beside it.

    Raises:
        DataMissing: when labels and splits are not what they should be.
    """

    directory: Path

    def __post_init__(self) -> None:
        numbers = np.sort(np.concatenate(list(self._sets.values())))
        if not np.array_equal(numbers, np.arange(1, len(self._labels) + 1)):
            raise DataMissing(
                f"{self.directory / _SPLITS} does not put each of the {len(self._labels):,} pictures of {_LABELS} "
                "into one split. Download both anew."
            )

    @property
    def synsets(self) -> tuple[str, ...]:
        """The names of the classes."""
        return CLASS_NAMES[: int(self._labels.max())]

    words = synsets

    def fingerprint(self) -> str:
        """A word that changes with the files."""
        return published_archives.fingerprint(self.directory, _FILES)

    def shards(self) -> list[Shard]:
        """One for each split: to read any part of the archive, all of it has to be unpacked."""
        return [Shard(split, functools.partial(self._read, numbers)) for split, numbers in self._sets.items()]

    def _read(self, numbers: np.ndarray) -> Iterator[Picture]:
        wanted, labels = set(numbers.tolist()), self._labels
        return published_archives.pictures(
            self.directory / _PICTURES,
            r"jpg/image_(\d{5})\.jpg",
            "jpg/image_XXXXX.jpg",
            lambda number: int(labels[number - 1]) - 1 if number in wanted else None,
        )

    @functools.cached_property
    def _labels(self) -> np.ndarray:
        labels = self._variable(_LABELS, "labels")
        if not labels.size or labels.min() < 1 or labels.max() > len(CLASS_NAMES):
            raise DataMissing(f"{self.directory / _LABELS} does not hold classes from 1 to 102. Download it anew.")
        return labels

    @functools.cached_property
    def _sets(self) -> dict[str, np.ndarray]:
        return {split: self._variable(_SPLITS, variable) for split, variable in _SETS.items()}

    def _variable(self, name: str, variable: str) -> np.ndarray:
        path = self.directory / name
        found = matlab_files.variables(path.read_bytes(), path, variable).get(variable)
        if not np.issubdtype(np.asarray(found).dtype, np.number):
            raise DataMissing(f"{path} holds no numbers called {variable}. Download it anew.")
        return np.atleast_1d(found).astype(int).ravel()
