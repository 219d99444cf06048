"""Files that are either wholly there or not there at all: written to a temporary name, then renamed."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from spectrax.core.errors import RunDirectoryError


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` for writing bytes; on success it takes the name `path`, on failure it goes.

    Safe against a kill at any moment: a reader sees the old content or the new, never a part.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    with atomic_write(path) as file:
        file.write(text.encode())


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` to `path` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=False) + "\n")


@contextlib.contextmanager
def told_if_unwritable(output: str | os.PathLike[str], kind: str = "FILE") -> Iterator[None]:
    """What a user names for a command's result, and cannot be written inside, is a `RunDirectoryError`.

    Args:
        kind: what `output=` takes, FILE or DIR.
    """
    try:
        yield
    except OSError as error:
        raise RunDirectoryError(
            f"{os.fspath(output)} cannot be written ({error.strerror}). Give another output={kind}."
        ) from error


def check_writable(output: str | os.PathLike[str], kind: str = "FILE") -> None:
    """Raise `RunDirectoryError`, before long work is done for it, where `output` is no place for a file."""
    with told_if_unwritable(output, kind), tempfile.TemporaryFile(dir=Path(output).absolute().parent):
        pass


def rename_whole(source: Path, target: Path) -> None:
    """Give a finished directory its name, its content on disk before: after a power cut it is whole or absent."""
    for path in [*source.rglob("*"), source]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    os.replace(source, target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
