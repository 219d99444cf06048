"""Labelled pictures written as a TFDS data set of array_record files, shard by shard, so that a preparation goes on
where it was interrupted.

A shard has its name only once it is whole, and with it a note of what is in it. When all have theirs, the description
that TFDS reads is written, and the directory gets its name.
"""

import dataclasses
import hashlib
import io
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from spectrax.core.errors import UnreadableFile
from spectrax.core.files import write_json
from spectrax.data import tfds_directory
from spectrax.data.picture_files import opened_picture
from spectrax.data.prepared import quiet_tfds

_NOTES = "notes"  # the folder of the notes
_AT_ONCE = 128  # pictures handed to the threads
_QUALITY = 100  # of pictures that have to be written anew


class Picture(NamedTuple):
    """A picture as it was found: its file's content, and its class."""

    name: str
    content: bytes
    label: int


@dataclasses.dataclass(frozen=True)
class Shard:
    """Some pictures of a split; `read` gives them, always the same in the same order."""

    split: str
    read: Callable[[], Iterable[Picture]]


@dataclasses.dataclass(frozen=True)
class Note:
    """What is in a finished shard.

    Attributes:
        examples: pictures written.
        bytes: the size of the file.
        digest: SHA-256 over names, contents and labels of the pictures found.
        corrupt: name to reason of those left out.
        rewritten: names of those that were no RGB or grey JPEG.
    """

    examples: int
    bytes: int
    digest: str
    corrupt: Mapping[str, str]
    rewritten: Sequence[str]

    @property
    def found(self) -> int:
        """Pictures written and left out."""
        return self.examples + len(self.corrupt)


class RecordShards:
    """Shards in a directory.

    Args:
        directory: where they are written, there already.
        name, version: of the data set, as TFDS will call it.
        class_names: of the labels.
        shards: all of them.
    """

    def __init__(self, directory: Path, name: str, version: str, class_names: Sequence[str], shards: Sequence[Shard]):
        self.directory, self._name, self._version = directory, name, version
        tfds = quiet_tfds()
        features = {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=list(class_names)),
            "file_name": tfds.features.Text(),
        }
        self._features = tfds.features.FeaturesDict(features)
        self._shards = list(self._placed(shards))

    def done(self) -> dict[str, Note]:
        """The notes of those that are whole, by file name."""
        notes = {path.name: _read_note(self._note(path), path) for _, path in self._shards}
        return {name: note for name, note in notes.items() if note is not None}

    def write(self, advance: Callable[[int], None], check: Callable[[Mapping[str, str]], None]) -> dict[str, Note]:
        """Write those that are not whole; returns the notes of all by file name, in order.

        Args:
            advance: told how many pictures were read.
            check: shown all corrupt ones so far after each shard; raises where they are too many.
        """
        notes = self.done()
        (self.directory / _NOTES).mkdir(exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for shard, path in self._shards:
                if path.name not in notes:
                    notes[path.name] = self._write(shard, path, pool, advance)
                check({name: reason for note in notes.values() for name, reason in note.corrupt.items()})
        return {path.name: notes[path.name] for _, path in self._shards}

    def describe(self, notes: Mapping[str, Note], **facts: Any) -> None:
        """Write what TFDS reads: features, names of classes, splits; `facts` such as `citation`."""
        sizes: dict[str, list[tuple[int, int]]] = {}
        for shard, path in self._shards:
            note = notes[path.name]
            sizes.setdefault(shard.split, []).append((note.examples, note.bytes))
        tfds_directory.describe(self.directory, (self._name, self._version), self._features, sizes, **facts)

    def _placed(self, shards: Sequence[Shard]) -> Iterator[tuple[Shard, Path]]:
        """Each with its file, named as TFDS names them."""
        for split in dict.fromkeys(shard.split for shard in shards):
            own = [shard for shard in shards if shard.split == split]
            for index, shard in enumerate(own):
                name = f"{self._name}-{split}.array_record-{index:05d}-of-{len(own):05d}"
                yield shard, self.directory / name

    def _note(self, path: Path) -> Path:
        return self.directory / _NOTES / f"{path.name}.json"

    def _write(self, shard: Shard, path: Path, pool: ThreadPoolExecutor, advance: Callable[[int], None]) -> Note:
        from array_record.python.array_record_module import ArrayRecordWriter
        from tensorflow_datasets.core.example_serializer import ExampleSerializer

        serializer = ExampleSerializer(self._features.get_serialized_info())
        corrupt, rewritten, examples, digest = {}, [], 0, hashlib.sha256()
        unfinished = path.with_name(path.name + ".part")
        writer = ArrayRecordWriter(str(unfinished), "group_size:1")
        try:
            for batch in _in_batches(shard.read()):
                for picture, (content, reason) in zip(batch, pool.map(_as_stored, batch), strict=True):
                    digest.update(f"{picture.name}\0{picture.label}\0{len(picture.content)}\0".encode())
                    digest.update(picture.content)
                    if reason is not None:
                        corrupt[picture.name] = reason
                        continue
                    if content is not picture.content:
                        rewritten.append(picture.name)
                    example = {"image": io.BytesIO(content), "label": picture.label, "file_name": picture.name}
                    writer.write(serializer.serialize_example(self._features.encode_example(example)))
                    examples += 1
                advance(len(batch))
        finally:
            writer.close()
        _to_disk(unfinished)
        os.replace(unfinished, path)
        note = Note(examples, path.stat().st_size, digest.hexdigest(), corrupt, rewritten)
        write_json(self._note(path), dataclasses.asdict(note))
        return note


def content_hash(notes: Mapping[str, Note]) -> str:
    """SHA-256 over all pictures as they were found."""
    return hashlib.sha256("\n".join(note.digest for note in notes.values()).encode()).hexdigest()


def _as_stored(picture: Picture) -> tuple[bytes, str | None]:
    """What is stored for a picture, and why it is not. A whole RGB or grey JPEG stays as it is; others, such as CMYK or
    PNG, become RGB."""
    if not picture.content:
        return b"", "is empty, or too large to be a picture"
    try:
        with opened_picture(io.BytesIO(picture.content)) as image:
            image.load()
            if image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L"):
                return picture.content, None
            file = io.BytesIO()
            image.convert("RGB").save(file, "JPEG", quality=_QUALITY, subsampling=0)
            return file.getvalue(), None
    except UnreadableFile as error:
        return b"", str(error)


def _in_batches(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    iterator = iter(pictures)
    while batch := list(itertools.islice(iterator, _AT_ONCE)):
        yield batch


def _read_note(path: Path, shard: Path) -> Note | None:
    """The note of a shard that is there as it was written."""
    try:
        note = Note(**json.loads(path.read_text()))
        return note if shard.stat().st_size == note.bytes else None
    except (OSError, ValueError, TypeError):
        return None


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
