"""Examples made chunk by chunk, by several processes where that pays, so that a preparation goes on where it was
interrupted.

A chunk has its name only once it is whole, and with it a note of what is in it.
"""

import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.core.files import atomic_write, write_json
from spectrax.core.protocols import FieldSpec
from spectrax.data.field_source import Examples

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Some examples of a split in a row."""

    split: str
    first: int
    count: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.split}-{self.first:07d}-{self.count:05d}.npz"


@dataclasses.dataclass(frozen=True)
class Chunks:
    """The chunks of a source in a directory.

    Attributes:
        directory: where they are written, there already.
        name: of the source, for messages.
        fields: of an example.
        chunks: all of them.
    """

    directory: Path
    name: str
    fields: Mapping[str, FieldSpec]
    chunks: Sequence[Chunk]

    def missing(self) -> list[Chunk]:
        """Those that are not there as they were written."""
        return [chunk for chunk in self.chunks if not _whole(self.directory / chunk.name)]

    def write(self, examples: Examples, advance: Callable[[int], None], processes: int = 1) -> None:
        """Make those that are missing.

        Args:
            examples: travels to other processes where there are several.
            advance: told how many examples were made.

        Raises:
            DataMissing: when values are not finite, or a process was ended from outside.
        """
        missing = self.missing()
        if processes > 1 and len(missing) > 1:
            self._write_together(examples, missing, advance, min(processes, len(missing)))
            return
        for chunk in missing:
            self._make(examples, chunk)
            advance(chunk.count)

    def arrays(self, split: str, field: str) -> Iterator[np.ndarray]:
        """(count, *shape) of each chunk of a split in order. Raises `DataMissing` when one was damaged."""
        for chunk in self.chunks:
            if chunk.split != split:
                continue
            path = self.directory / chunk.name
            with np.load(path, allow_pickle=False) as values:
                found = values[field]
            if _digest(found) != json.loads(_note(path).read_text())["digests"][field]:
                raise DataMissing(f"{path} was damaged. Remove it, and prepare again.")
            yield found

    def _make(self, examples: Examples, chunk: Chunk) -> None:
        values = examples.examples(chunk.split, chunk.first, chunk.count)
        values = {
            name: self._checked(chunk, name, np.asarray(values[name], field.dtype))
            for name, field in self.fields.items()
        }
        path = self.directory / chunk.name
        with atomic_write(path) as file:
            np.savez(file, **values)
        digests = {name: _digest(array) for name, array in values.items()}
        write_json(_note(path), {"bytes": path.stat().st_size, "digests": digests})

    def _checked(self, chunk: Chunk, name: str, values: np.ndarray) -> np.ndarray:
        wanted = (chunk.count, *self.fields[name].shape)
        if values.shape != wanted:
            raise ValueError(f"{self.name} gives {name} {values.shape} where {wanted} is stated")
        finite = np.isfinite(values).reshape(chunk.count, -1).all(1)
        if not finite.all():
            row = chunk.first + int(np.argmin(finite))
            raise DataMissing(
                f"{self.name}: {name} of example {row:,} of {chunk.split} is not finite. If it is made here, the "
                "solver did not get along with these settings: take smaller steps. If it was published, get it anew."
            )
        return values

    def _write_together(
        self, examples: Examples, missing: Sequence[Chunk], advance: Callable[[int], None], processes: int
    ) -> None:
        try:
            with _workers(processes) as executor, _one_thread_each():
                futures: dict[Future[None], Chunk] = {
                    executor.submit(Chunks._make, self, examples, chunk): chunk for chunk in missing
                }
                for future in as_completed(futures):
                    future.result()
                    advance(futures[future].count)
        except BrokenProcessPool as error:
            raise DataMissing(
                f"A process that made {self.name} was ended from outside; perhaps memory ran out. What is whole is "
                "kept: prepare again, with dataset.processes=1 if that helps."
            ) from error


@contextlib.contextmanager
def _workers(processes: int) -> Iterator[ProcessPoolExecutor]:
    # Not forked: JAX's threads do not survive that.
    executor = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin_worker)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside compute with one thread each, which libraries read of the environment as they load."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def _begin_worker() -> None:
    """A worker ends with its parent, and not before: Ctrl-C reaches the whole group, and what is begun is finished."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values)).hexdigest()


def _note(path: Path) -> Path:
    return path.with_suffix(".json")


def _whole(path: Path) -> bool:
    try:
        note: dict[str, Any] = json.loads(_note(path).read_text())
        return path.stat().st_size == note["bytes"]
    except (OSError, ValueError, TypeError, KeyError):
        return False
