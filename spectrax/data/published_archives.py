"""Archives as their authors publish them, read where they lie: nothing is unpacked, and no name in them is a path."""

import contextlib
import functools
import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from spectrax.core.errors import DataMissing
from spectrax.data.record_shards import Picture

_LARGEST = 2**26  # bytes that a picture may have
_CHUNK = 2**20  # bytes
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, OSError)


def check_there(name: str, directory: Path | None, files: Mapping[str, str], command: str) -> Path:
    """The directory, if it holds the files.

    Args:
        name: of the data set.
        files: name to address of each.
        command: what prepares the data once they are there.

    Raises:
        DataMissing: naming each file that is not there, and where it is published.
    """
    missing = [file for file in files if directory is None or not (directory / file).is_file()]
    if missing:
        wanted = "".join(f"\n  {file}: {files[file]}" for file in missing)
        place = "a directory DIR" if directory is None else directory
        raise DataMissing(
            f"{name} cannot be prepared: not there {'are' if len(missing) > 1 else 'is'}{wanted}\n"
            f"Put what is missing in {place}, and run: {command}"
        )
    return directory


def fingerprint(directory: Path, names: Iterable[str]) -> str:
    """SHA-256 over sizes and times of change of the files."""
    digest = hashlib.sha256()
    for name in names:
        facts = (directory / name).stat()
        digest.update(f"{name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def contents(path: Path, names: Mapping[str, int]) -> dict[str, bytes]:
    """Some members of a .tar.gz archive.

    Args:
        names: of the members, with the most bytes that each may have.

    Raises:
        DataMissing: when one is not there, is no file or is larger, and when the archive is not whole.
    """
    found = {}
    for member, read in _members(path):
        name = member.name.removeprefix("./")
        if name in names:
            if not member.isfile() or member.size > names[name]:
                raise DataMissing(f"{path} holds {name}, but not as it is published. Download it anew.")
            found[name] = read()
    for name in names:
        if name not in found:
            raise DataMissing(f"{path} does not hold {name}. Download it anew.")
    return found


def pictures(path: Path, pattern: str, shown: str, label: Callable[[int], int | None]) -> Iterator[Picture]:
    """The pictures of a .tar.gz archive, in its order.

    Args:
        pattern: of their names, with one group that catches a picture's number.
        shown: the pattern for people.
        label: the class of a number; None for a picture that is not wanted.

    Raises:
        DataMissing: when the archive holds anything else but folders, a number twice, or is not whole.
    """
    seen = set()
    for member, read in _members(path):
        name = member.name.removeprefix("./")
        if member.isdir():
            continue
        match = re.fullmatch(pattern, name)
        if match is None or not member.isfile() or match[1] in seen:
            raise DataMissing(f"{path} holds {member.name!r}, where all should be files {shown}. Download it anew.")
        seen.add(match[1])
        found = label(int(match[1]))
        if found is not None:
            yield Picture(name.rpartition("/")[2], b"" if member.size > _LARGEST else read(), found)


def _members(path: Path) -> Iterator[tuple[tarfile.TarInfo, Callable[[], bytes]]]:
    """Every member in order, with what reads it."""
    with _told(path), gzip.open(path) as file, tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            yield member, functools.partial(_read, archive, member, path)
        while file.read(_CHUNK):  # the checksum is at the end
            pass


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> bytes:
    with _told(path):
        return archive.extractfile(member).read()


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Damage inside, as a `DataMissing`."""
    try:
        yield
    except _DAMAGE as error:
        raise DataMissing(f"{path} is not a whole .tar.gz archive ({error}). Download it anew.") from error
