"""The pictures of ImageNet in unpacked folders: train/nXXXXXXXX/*.JPEG and val/nXXXXXXXX/*.JPEG."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.data import folder_index
from spectrax.data.folder_files import Files, Listing, list_files
from spectrax.data.imagenet_archives import VALIDATION_SHARD
from spectrax.data.record_shards import Picture, Shard


@dataclasses.dataclass(frozen=True)
class ImagenetFolders:
    """A directory with `train/` and `val/` (or `validation/`), a folder for each class in both.

    Raises:
        DataMissing: when the directory is not so.
    """

    directory: Path

    def __post_init__(self) -> None:
        if set(self._listing.splits) != {"train", "validation"}:
            raise DataMissing(
                f"{self.directory} holds pictures for {', '.join(self._listing.splits)}. Put those of the validation "
                f"split in {self.directory / 'val'}, with a folder for each synset as in {self.directory / 'train'}."
            )

    @functools.cached_property
    def _listing(self) -> Listing:
        return list_files(self.directory, {}, 0)

    @property
    def synsets(self) -> tuple[str, ...]:
        """The folders' names, sorted."""
        return self._listing.class_names

    @property
    def words(self) -> tuple[str, ...]:
        """No words are in a folder: the synsets again."""
        return self.synsets

    def fingerprint(self) -> str:
        """SHA-256 over names, sizes and times of change of all pictures."""
        return folder_index.fingerprint(self.directory, self._listing.names)

    def shards(self) -> list[Shard]:
        """One for each class's training pictures, and the validation pictures in thousands."""
        train, validation = (self._listing.splits[split] for split in ("train", "validation"))
        found = []
        borders = np.searchsorted(train.labels, range(len(self.synsets) + 1))
        for first, end in itertools.pairwise(borders):
            found.append(Shard("train", functools.partial(self._pictures, train.rows(range(first, end)))))
        for start in range(0, len(validation.names), VALIDATION_SHARD):
            rows = range(start, min(start + VALIDATION_SHARD, len(validation.names)))
            found.append(Shard("validation", functools.partial(self._pictures, validation.rows(rows))))
        return found

    def _pictures(self, files: Files) -> Iterator[Picture]:
        for name, label in zip(files.names, files.labels, strict=True):
            yield Picture(name.rpartition("/")[2], (self.directory / name).read_bytes(), int(label))
