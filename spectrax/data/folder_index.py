"""What a check of every file of a folder found, and whether it still holds."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from spectrax.core.errors import UnreadableFile
from spectrax.data.picture_files import read_picture

_AT_ONCE = 1024  # files handed to the threads, so that memory does not grow with their number


@dataclasses.dataclass(frozen=True)
class Index:
    """A finished check; `index.json`.

    Attributes:
        root: the directory.
        fingerprint: of the files as they were, see `fingerprint`.
        content_hash: SHA-256 over all names and contents.
        files: how many were read.
        corrupt: name to reason of those that are no whole pictures.
    """

    root: str
    fingerprint: str
    content_hash: str
    files: int
    corrupt: Mapping[str, str]


def read_index(path: Path) -> Index | None:
    """The index of a file; None when there is none that can be used."""
    try:
        return Index(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def fingerprint(root: Path, names: Sequence[str]) -> str:
    """SHA-256 over names, sizes and times of change: which files these are, without reading them."""
    digest = hashlib.sha256()
    for name in names:
        try:
            facts = os.stat(root / name)
            digest.update(os.fsencode(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n"))
        except OSError:
            digest.update(os.fsencode(f"{name}\0\n"))
    return digest.hexdigest()


def check_files(root: Path, names: Sequence[str], advance: Callable[[int], None]) -> tuple[dict[str, str], str]:
    """Read and decode every file; threads share the work.

    Returns:
        Name to reason of the corrupt ones, and the content hash of all.
    """
    corrupt, digest = {}, hashlib.sha256()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            for name, (content, reason) in zip(part, pool.map(lambda name: _check(root / name), part), strict=True):
                digest.update(os.fsencode(f"{name}\0{content}\n"))
                if reason is not None:
                    corrupt[name] = reason
                advance(1)
    return corrupt, digest.hexdigest()


def _check(path: Path) -> tuple[str, str | None]:
    """The hash of a file's content and, if it is no whole picture, why."""
    try:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        read_picture(path, 3)
    except UnreadableFile as error:
        return content, str(error)
    except OSError as error:
        return "", f"cannot be read ({error.strerror})"
    return content, None
