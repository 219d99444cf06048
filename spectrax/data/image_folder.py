"""A person's own pictures: a folder per class, JPEG and PNG files of any size, decoded as they are wanted."""

import dataclasses
import hashlib
import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrax.core.errors import ConfigError, DataMissing
from spectrax.core.files import write_json
from spectrax.core.progress import counting
from spectrax.core.protocols import DataCard, DatasetSpec
from spectrax.data import folder_index, prepared
from spectrax.data.corrupt_files import CorruptFiles
from spectrax.data.folder_files import Listing, list_files
from spectrax.data.folder_index import Index
from spectrax.data.folder_split import FolderSplit
from spectrax.data.picture_files import read_picture
from spectrax.data.seen_images import SeenImages
from spectrax.data.split_sizes import SPLITS, UnknownSizes
from spectrax.data.transforms import Transform

logger = logging.getLogger("spectrax")

_SHOWN = 50  # corrupt files named on the screen; all are in the index
_NAMED = 20  # classes named in a sentence


class ImageFolder(SeenImages):
    """The pictures of a directory, see `folder_files`; nothing is copied.

    Names are listed when they are first needed; `verify` reads every file and keeps what it finds in an index, and as
    long as no file is changed after that, corrupt ones are left out. Corrupt files met otherwise have stand-ins.

    Examples have "image" float32 (image_size, image_size, channels) and "label" int32 ().

    Args:
        image_dir: the directory.
        data_dir: directory under which the index is kept.
        image_size: side of the square images that the transforms end with.
        channels: 3, or 1 for grey.
        num_classes: number of classes, which must be that of the folders.
        train: transforms of the training split.
        evaluate: transforms of the other splits, none of them random.
        class_names: names for figures, in the order of the folders' sorted names; None for those.
        shares: of each class in each split, where the directory has no folders for splits.
        split_seed: of the split made here.
        split_sizes: examples by split, where a directory that is not at hand should be described; None for unknown.
        max_corrupt: how many corrupt files are borne.

    Raises:
        ConfigError: when an argument makes no sense.
    """

    def __init__(
        self,
        *,
        image_dir: str,
        data_dir: str,
        image_size: int,
        channels: int,
        num_classes: int,
        train: Sequence[Transform],
        evaluate: Sequence[Transform],
        class_names: Sequence[str] | None = None,
        shares: Mapping[str, float],
        split_seed: int = 0,
        split_sizes: Mapping[str, int] | None = None,
        max_corrupt: int = 10,
    ):
        _check_arguments(channels, shares, class_names, num_classes, max_corrupt)
        self.root = Path(image_dir).expanduser().absolute()
        key = hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()[:10]
        self.directory = Path(data_dir).expanduser() / "image_folder" / key
        super().__init__(
            image_size=image_size,
            channels=channels,
            num_classes=num_classes,
            train=train,
            evaluate=evaluate,
            class_order="in the order of the folders' names",
        )
        self._channels, self._num_classes, self._class_names = channels, num_classes, class_names
        self._shares, self._split_seed, self._split_sizes = dict(shares), split_seed, split_sizes
        self._command = (
            f"python -m spectrax.prepare dataset=image_folder dataset.image_dir='{self.root}' "
            f"dataset.num_classes={num_classes} data_dir={data_dir}"
        )
        self._corrupt = CorruptFiles(self.root, max_corrupt, self._command)
        self._listing: Listing | None = None
        self._index: Index | None = None

    @property
    def spec(self) -> DatasetSpec:
        """Sizes and class names are those found in the directory."""
        splits: Mapping[str, int]
        try:
            listing = self._listed()
            splits = {name: len(files.names) for name, files in listing.splits.items()}
            names = listing.class_names
        except DataMissing as error:
            splits, names = self._split_sizes or UnknownSizes(error), ()
        return DatasetSpec(self.fields, splits, tuple(self._class_names or names))

    def card(self) -> DataCard:
        """The data card, with the content hash of the last check if it still holds."""
        spec = self.spec
        made = self._listing is not None and not self._listing.given
        rule = f"made here: stratified by class, shares {self._shares}, ordered by SHA-256 of '{self._split_seed} NAME'"
        return DataCard(
            name="image_folder",
            version="1",
            description=f"The pictures in {self.root}, a folder for each of {self._num_classes} classes.",
            units="8-bit sRGB" if self._channels == 3 else "8-bit grey (Rec. 601 luma)",
            normalisation="by the dataset's transforms; read as they lie there",
            licence="the owner's; not known here",
            citation="",
            splits=dict(spec.splits),
            content_hash=self._index.content_hash if self._index else "",
            split_rule=rule if made else "by the folders train, validation (or val) and test",
        )

    def fingerprint(self) -> str:
        """Of the names in each split: it changes whenever a picture comes, goes or is found corrupt."""
        digest = hashlib.sha256()
        for split, files in sorted(self._listed().splits.items()):
            digest.update("\n".join([split, *files.names, ""]).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def prepare(self, progress: bool = True) -> Path:
        """List the names, no more: a big folder is not read before each run. Returns the directory of the index.

        Raises:
            DataMissing: when the directory is not there or not as it should be.
            ConfigError: when it holds another number of classes than stated.
        """
        self._listed()
        return self.directory

    def verify(self, progress: bool = True) -> Path:
        """Read every file, print which are corrupt, and write index and data card; returns their directory.

        Raises:
            DataMissing: when more files are corrupt than the limit, or the index cannot be written.
        """
        names = self._list_all().names
        fingerprint = folder_index.fingerprint(self.root, names)
        with counting(f"Reading {self.root}", len(names), progress) as advance:
            corrupt, content_hash = folder_index.check_files(self.root, names, advance)
        for name, reason in list(corrupt.items())[:_SHOWN]:
            print(f"{self.root / name} {reason}; left out.", flush=True)
        self._corrupt.check(corrupt)
        index = Index(str(self.root), fingerprint, content_hash, len(names), corrupt)
        try:
            write_json(self.directory / "index.json", dataclasses.asdict(index))
            self._listing = None
            prepared.write_card(self.directory, self.card())
        except OSError as error:
            raise DataMissing(
                f"{self.directory} cannot be written ({error.strerror}). Choose another place with data_dir=PATH."
            ) from error
        return self.directory

    def split(self, name: str) -> FolderSplit:
        """Random access to stored examples, decoded when they are wanted. Raises `DataMissing`."""
        return FolderSplit(self.root, self._listed().splits[name], self._channels, self._corrupt)

    def stored(self, name: str) -> Iterator[dict[str, Any]]:
        """All stored examples of a split in order."""
        split = self.split(name)
        return (split[index] for index in range(len(split)))

    def read(self, path: Path) -> dict[str, Any]:
        """A person's own picture as a stored example. Raises `UnreadableFile`."""
        return {"image": read_picture(path, self._channels), "label": 0}

    def _listed(self) -> Listing:
        """The pictures that may be used."""
        if self._listing is None:
            listing = self._list_all()
            self._index = self._fresh_index(listing)
            if self._index is not None:
                self._corrupt.check(self._index.corrupt)
                listing = listing.without(self._index.corrupt)
            self._listing = listing
        return self._listing

    def _list_all(self) -> Listing:
        listing = list_files(self.root, self._shares, self._split_seed)
        found = listing.class_names
        if len(found) != self._num_classes:
            names = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
            raise ConfigError(
                f"dataset.num_classes={self._num_classes}, but {self.root} holds {len(found)} classes: {names}. "
                f"Set dataset.num_classes={len(found)}, or mend the folders."
            )
        return listing

    def _fresh_index(self, listing: Listing) -> Index | None:
        index = folder_index.read_index(self.directory / "index.json")
        if index is None:
            return None
        if index.fingerprint != folder_index.fingerprint(self.root, listing.names):
            logger.warning(
                "Files in %s were changed since they were checked; to check them again: %s", self.root, self._command
            )
            return None
        return index


def _check_arguments(
    channels: int, shares: Mapping[str, float], class_names: Sequence[str] | None, num_classes: int, max_corrupt: int
) -> None:
    problems = []
    if channels not in (1, 3):
        problems.append(f"dataset.channels={channels} must be 3, or 1 for grey.")
    if not set(shares) <= set(SPLITS) or min(shares.values(), default=0) < 0 or not shares.get("train"):
        problems.append("dataset.shares gives train, validation and test their shares, that of train above 0.")
    elif not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        problems.append(f"dataset.shares add up to {sum(shares.values()):g}; they should be 1 together.")
    if class_names is not None and len(class_names) != num_classes:
        problems.append(f"dataset.class_names has {len(class_names)} names for {num_classes} classes.")
    if max_corrupt < 0:
        problems.append(f"dataset.max_corrupt={max_corrupt} must be at least 0.")
    if problems:
        raise ConfigError("\n  ".join(problems))
