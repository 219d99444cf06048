"""A source of fields prepared: made or read chunk by chunk, laid out for both loaders, described by its card."""

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.core.files import rename_whole, write_json, write_text
from spectrax.core.progress import counting
from spectrax.data import field_records, prepared
from spectrax.data.field_chunks import Chunk, Chunks
from spectrax.data.field_source import FieldSource, digest

_MARK = "source.txt"  # what the unfinished directory was begun with


@dataclasses.dataclass(frozen=True)
class FieldPreparation:
    """What is to be made.

    Attributes:
        target: the prepared directory.
        source: where the examples come from.
        processes: that share the work, where the source allows it; None for as many as there are processors.
        command: what is run to prepare it, for messages.
    """

    target: Path
    source: FieldSource
    processes: int | None
    command: str

    def run(self, progress: bool) -> None:
        """Prepare, or go on with what an interrupted preparation left; nothing happens where everything is there.

        Raises:
            DataMissing: when files are missing or not what they should be, when what is made is not finite, and when
                the target cannot be written. Whole chunks are kept for the next time.
        """
        with prepared.told_if_unwritable(self.target), prepared.alone(self.target):
            if self.target.is_dir():
                return
            self.source.check(self.command)
            unfinished = self._begin()
            chunks = Chunks(_folder(unfinished, "chunks"), self.source.name, self.source.fields, _chunks(self.source))
            self._write(chunks, unfinished, progress)
            arrays, content_hash = _merged(chunks, self.source, unfinished)
            self._describe(unfinished, arrays, content_hash, progress)
            for folder in ("chunks", "files"):
                shutil.rmtree(unfinished / folder)
            (unfinished / _MARK).unlink()
            rename_whole(unfinished, self.target)

    def _begin(self) -> Path:
        """The directory of what is not finished, emptied unless it was begun with the same files and programs."""
        unfinished = self.target.with_name(self.target.name + ".part")
        mark, wanted = unfinished / _MARK, digest({"facts": self.source.facts(), "origin": self.source.origin()})
        if not mark.is_file() or mark.read_text() != wanted:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            write_text(mark, wanted)
        for path in unfinished.iterdir():  # of an end that did not come to be
            if path.is_file() and path != mark:
                path.unlink()
        shutil.rmtree(unfinished / "tfds", ignore_errors=True)
        return unfinished

    def _write(self, chunks: Chunks, unfinished: Path, progress: bool) -> None:
        examples = self.source.opened(_folder(unfinished, "files"))
        left, total = sum(chunk.count for chunk in chunks.missing()), sum(self.source.splits.values())
        if left < total and progress:
            print(f"{total - left:,} examples are there already; going on.", flush=True)
        processes = (self.processes or _processors()) if self.source.in_processes else 1
        verb = "Reading" if self.source.published else "Making"
        with counting(f"{verb} {self.source.name}", left, progress) as advance:
            chunks.write(examples, advance, processes)

    def _describe(self, unfinished: Path, arrays: Any, content_hash: str, progress: bool) -> None:
        card, source = self.source.card(content_hash), self.source
        with counting(f"Preparing {source.name}", sum(source.splits.values()), progress) as advance:
            field_records.write(unfinished / "tfds", arrays, source.fields, card, advance)
        origin = {**source.facts(), **source.origin(), "settings_hash": digest(source.facts())}
        write_json(unfinished / "card.json", {**dataclasses.asdict(card), "origin": origin})


def _folder(directory: Path, name: str) -> Path:
    (directory / name).mkdir(exist_ok=True)
    return directory / name


def _chunks(source: FieldSource) -> list[Chunk]:
    """Of all splits. Each begins at a multiple of the source's size of a chunk, whatever the size of the split."""
    return [
        Chunk(split, first, min(source.chunk, size - first))
        for split, size in source.splits.items()
        for first in range(0, size, source.chunk)
    ]


def _merged(chunks: Chunks, source: FieldSource, directory: Path) -> tuple[Mapping[str, Mapping[str, np.ndarray]], str]:
    """The chunks as one array on disk per split and field, and SHA-256 over names and values of all of them in order of
    their names."""
    content = hashlib.sha256()
    arrays: dict[str, dict[str, np.ndarray]] = {split: {} for split in source.splits}
    for split in sorted(source.splits):
        for name in sorted(source.fields):
            content.update(f"{split} {name}\n".encode())
            arrays[split][name] = _merge(chunks, split, name, source, directory, content.update)
    return arrays, content.hexdigest()


def _merge(
    chunks: Chunks, split: str, name: str, source: FieldSource, directory: Path, told: Callable[[Any], None]
) -> np.ndarray:
    shape = (source.splits[split], *source.fields[name].shape)
    dtype = np.dtype(source.fields[name].dtype).newbyteorder("<")
    merged = np.lib.format.open_memmap(directory / f"{split}_{name}.npy", "w+", dtype, shape)
    first = 0
    for part in chunks.arrays(split, name):
        told(np.ascontiguousarray(part, dtype))
        merged[first : first + len(part)] = part
        first += len(part)
    merged.flush()
    return merged


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
