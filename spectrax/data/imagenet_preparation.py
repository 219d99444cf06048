"""ImageNet prepared: from the official archives or from folders to array_record files, counted, checked, resumable."""

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from spectrax.core.errors import DataMissing
from spectrax.core.files import rename_whole, write_json, write_text
from spectrax.core.progress import counting
from spectrax.core.protocols import DataCard
from spectrax.data import prepared, record_shards
from spectrax.data.corrupt_files import CorruptFiles
from spectrax.data.imagenet_archives import ImagenetArchives
from spectrax.data.imagenet_folders import ImagenetFolders
from spectrax.data.record_shards import Note, RecordShards, Shard

_UNFINISHED = ".unfinished"


class Pictures(Protocol):
    """Where the pictures come from; `synsets` are the classes in order, `words` their names for people."""

    directory: Path
    synsets: tuple[str, ...]
    words: tuple[str, ...]

    def fingerprint(self) -> str:
        """A word that changes with the files."""

    def shards(self) -> list[Shard]:
        """All pictures of the splits "train" and "validation"."""


def pictures_in(directory: Path) -> Pictures:
    """The archives of a directory or, where it has a folder `train`, the unpacked pictures. Raises `DataMissing`."""
    return (ImagenetFolders if (directory / "train").is_dir() else ImagenetArchives)(directory)


@dataclasses.dataclass(frozen=True)
class Preparation:
    """What is to be made.

    Attributes:
        target: the directory of the version, such as `imagenet2012/5.1.0`.
        published: pictures by split, which must be there.
        num_classes: which must be those of the source.
        max_corrupt: how many pictures that cannot be decoded are left out.
        command: what is run again when it ends too early.
    """

    target: Path
    published: Mapping[str, int]
    num_classes: int
    max_corrupt: int
    command: str

    def run(self, source: Pictures, card: DataCard, progress: bool) -> None:
        """Prepare, or go on with what an interrupted preparation from the same files left; nothing happens where
        everything is there.

        Raises:
            DataMissing: when pictures are missing or too many are corrupt, when files are not what they should be, and
                when the target cannot be written. What is whole is kept for the next time.
        """
        with prepared.told_if_unwritable(self.target), prepared.alone(self.target):
            if self.target.is_dir():
                return
            if len(source.synsets) != self.num_classes:
                raise DataMissing(
                    f"{source.directory} has {len(source.synsets):,} classes where dataset.num_classes="
                    f"{self.num_classes:,}. Give the whole data set."
                )
            unfinished = self._begin(source)
            name, version = self.target.parent.name, self.target.name
            shards = RecordShards(unfinished, name, version, source.synsets, source.shards())
            notes = self._write(shards, source, progress)
            shards.describe(notes, description=card.description, license=card.licence, citation=card.citation)
            self._finish(unfinished, source, card, notes)

    def _begin(self, source: Pictures) -> Path:
        """The directory of what is not finished, emptied unless it was begun with the same files."""
        unfinished = self.target.with_name(self.target.name + _UNFINISHED)
        mark, wanted = unfinished / "source.txt", source.fingerprint()
        if not mark.is_file() or mark.read_text() != wanted:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            write_text(mark, wanted)
        return unfinished

    def _write(self, shards: RecordShards, source: Pictures, progress: bool) -> dict[str, Note]:
        before = sum(note.found for note in shards.done().values())
        if before and progress:
            print(f"{before:,} pictures are there already; going on.", flush=True)
        corrupt = CorruptFiles(source.directory, self.max_corrupt, self.command)
        total = sum(self.published.values()) - before
        with counting(f"Preparing {self.target.parent.name}", total, progress) as advance:
            notes = shards.write(advance, corrupt.check)
        for note in notes.values():
            for name, reason in note.corrupt.items():
                print(f"{name} {reason}; left out.", flush=True)
        self._check_counts(source, notes)
        return notes

    def _check_counts(self, source: Pictures, notes: Mapping[str, Note]) -> None:
        for split, published in self.published.items():
            found = sum(note.found for name, note in notes.items() if f"-{split}." in name)
            if found != published:
                raise DataMissing(
                    f"{source.directory} has {found:,} pictures for {split} where {published:,} are published. Get the "
                    f"whole data set, and run again: {self.command}"
                )

    def _finish(self, unfinished: Path, source: Pictures, card: DataCard, notes: Mapping[str, Note]) -> None:
        """Write the reports, and give the directory its name."""
        report: dict[str, Any] = {
            "corrupt": {name: reason for note in notes.values() for name, reason in note.corrupt.items()},
            "rewritten": [name for note in notes.values() for name in note.rewritten],
        }
        write_json(unfinished / "preparation.json", report)
        write_json(unfinished / "synsets.json", dict(zip(source.synsets, source.words, strict=True)))
        splits = {
            split: sum(note.examples for name, note in notes.items() if f"-{split}." in name)
            for split in self.published
        }
        digest = record_shards.content_hash(notes)
        prepared.write_card(unfinished, dataclasses.replace(card, splits=splits, content_hash=digest))
        rename_whole(unfinished, self.target)
