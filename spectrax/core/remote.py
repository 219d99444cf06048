"""Runs whose directory lies in a bucket of Google Cloud Storage: `run_dir=gs://BUCKET/PATH`.

An object in a bucket can be written whole and in no other way: nothing is appended to, renamed or locked. So only the
checkpoints of such a run are written there directly. All else that it leaves behind, its records, is written into a
working copy on this machine's disk, and brought to the bucket before each checkpoint and at the end. The records there
are therefore never older than the newest checkpoint there, and what they hold beyond it is cut off when a run goes on.

When a run starts, what the bucket holds counts and what the working copy held does not: the machine may be a new one.
Nothing keeps two machines from training in one directory of a bucket at once: the lock of a run holds on one machine.
"""

import atexit
import contextlib
import hashlib
import importlib.util
import logging
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.core.errors import ConfigError, RunDirectoryError, SpectraxError
from spectrax.core.files import write_text

if TYPE_CHECKING:
    from etils import epath

_SCHEME = "gs://"
_HOME = ".remote"  # in a working copy: the directory in the bucket that it belongs to
_LOCAL = (_HOME, ".lock")
_CHECKPOINTS = ("checkpoints", "damaged_checkpoints")
_SUMMARY = "summary.json"
REACHING = ("gcsfs", "aiohttp", "google", "requests")  # packages whose errors speak of the way to a bucket
_PATIENCE = 20.0  # seconds that a bucket may take to answer at the start
_opened: list[Path] = []  # copies that go with this process


def is_remote(place: str | os.PathLike[str]) -> bool:
    """Whether it lies in a bucket."""
    return os.fspath(place).startswith(_SCHEME)


def checked(url: str) -> str:
    """The address of a run in a bucket, written in one way.

    Raises:
        ConfigError: when it is not of the form gs://BUCKET/PATH.
    """
    bucket, _, path = url.removeprefix(_SCHEME).partition("/")
    path = posixpath.normpath(f"/{path}").strip("/")
    if not url.startswith(_SCHEME) or not bucket or not path:
        raise ConfigError(f"{url} is no place for a run: give a directory of this machine, or gs://BUCKET/PATH.")
    return f"{_SCHEME}{bucket}/{path}"


def place(name: str | os.PathLike[str]) -> "Path | epath.Path":
    """A `Path`, or for what lies in a bucket an `epath.Path`, which is used like one.

    Raises:
        ConfigError: when the packages that reach a bucket are not installed.
    """
    if not is_remote(name):
        return Path(name)
    _file_system()
    from etils import epath

    return epath.Path(name)


def home(run_dir: Path) -> "Path | epath.Path":
    """Where the run of this directory lies: in a bucket when the directory is a working copy, else there."""
    named = Path(run_dir) / _HOME
    return place(named.read_text()) if named.is_file() else Path(run_dir)


def opened(run: str | os.PathLike[str]) -> Path:
    """A directory to read the records of a run from: of one in a bucket, a copy that goes when Python ends, or by
    `discard_copies`.

    It may be a directory of many runs too.

    Raises:
        RunDirectoryError: when the bucket cannot be read.
    """
    if not is_remote(run):
        return Path(run)
    directory = Path(tempfile.mkdtemp(prefix="spectrax_"))
    _opened.append(directory)
    copy = WorkingCopy(checked(os.fspath(run)), directory)
    copy.pull()
    return copy.directory


@atexit.register
def discard_copies() -> None:
    """Remove the copies that `opened` made: for a process whose end passes Python's own by."""
    while _opened:
        shutil.rmtree(_opened.pop(), ignore_errors=True)


def records(run_dir: str, data_dir: str) -> "Records":
    """Where the records of a run are written; a working copy lies below the directory for data."""
    if not is_remote(run_dir):
        return InPlace(Path(run_dir))
    url = checked(run_dir)
    name = hashlib.sha256(url.encode()).hexdigest()[:10]
    # The end of the address is there for people, and for writers that call a run by its directory.
    return WorkingCopy(url, Path(data_dir, "working", name, *url.removeprefix(_SCHEME).split("/")[-2:]))


def move(source: "Path | epath.Path", target: "Path | epath.Path") -> None:
    """Give a directory another name, in place of what has it; in a bucket its objects are copied, by the service."""
    if not is_remote(source):
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        source.rename(target)
        return
    files = _file_system()
    with told(source, "moved"):
        if files.exists(os.fspath(target)):
            files.rm(os.fspath(target), recursive=True)
        files.copy(os.fspath(source), os.fspath(target), recursive=True)
        files.rm(os.fspath(source), recursive=True)


@contextlib.contextmanager
def told(place: str | os.PathLike[str], doing: str) -> Iterator[None]:
    """What goes wrong between here and the bucket is a sentence; `doing` is "read", "written" ..."""
    try:
        yield
    except SpectraxError:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in REACHING:
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise RunDirectoryError(
            f"{os.fspath(place)} cannot be {doing} ({reason}). See that the bucket exists and that this machine's "
            "account may see it and read and write its objects, or choose another place."
        ) from error


class InPlace:
    """The records of a run in a directory of this machine: they are where they belong."""

    def __init__(self, directory: Path):
        self.directory = directory

    def pull(self) -> None:
        """Nothing to fetch."""

    def push(self) -> None:
        """Nothing to bring."""


class WorkingCopy:
    """The records of a run in a bucket, on this machine's disk.

    Args:
        url: the run's directory in the bucket.
        directory: of the copy; made here.

    Raises:
        ConfigError: when the packages that reach a bucket are not installed.
        RunDirectoryError: when the directory cannot be made.
    """

    def __init__(self, url: str, directory: Path):
        self.directory = directory
        self._url = url
        self._files = _file_system()
        self._pushed: dict[str, tuple[int, int]] = {}
        try:
            write_text(directory / _HOME, url)
        except OSError as error:
            raise RunDirectoryError(
                f"The working copy {directory} of {url} cannot be written ({error.strerror}). Choose another data_dir."
            ) from error

    def pull(self) -> None:
        """Make the records here those that the bucket holds.

        Raises:
            RunDirectoryError: when the bucket cannot be read.
        """
        with told(self._url, "read"):
            _reach(self._url)
            names = list(self._names_in_bucket())
            self._clear()
            if names:
                self._files.get([f"{self._url}/{name}" for name in names], [str(self.directory / n) for n in names])
        self._pushed = self._found()

    def push(self) -> None:
        """Make the records in the bucket those that are here: what changed is written, what is gone is removed.

        Raises:
            RunDirectoryError: when the bucket cannot be written.
        """
        found = self._found()
        changed = [name for name, state in found.items() if state != self._pushed.get(name)]
        with told(self._url, "written"):
            # Who sees a summary shall find all that it speaks of.
            self._put([name for name in changed if name != _SUMMARY])
            self._put([name for name in changed if name == _SUMMARY])
            for name in self._pushed.keys() - found.keys():
                if self._files.exists(f"{self._url}/{name}"):
                    self._files.rm(f"{self._url}/{name}")
        self._pushed = found

    def _put(self, names: list[str]) -> None:
        if names:
            self._files.put([str(self.directory / name) for name in names], [f"{self._url}/{name}" for name in names])

    def _names_in_bucket(self) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError):  # nothing is there yet
            root = self._url.removeprefix(_SCHEME)
            for folder, folders, files in self._files.walk(self._url, detail=True, on_error="raise"):
                for name in _CHECKPOINTS:
                    folders.pop(name, None)
                below = folder.removeprefix(root).lstrip("/")
                yield from (posixpath.join(below, name) for name in files if name)

    def _found(self) -> dict[str, tuple[int, int]]:
        """Length and time of change of every record here."""
        states = {}
        for folder, _, names in os.walk(self.directory):
            for path in (Path(folder, name) for name in names):
                # A file that is being written has another name than the one it will have, see `atomic_write`.
                if path.name not in _LOCAL and path.suffix != ".part" and not path.is_symlink():
                    status = path.stat()
                    states[path.relative_to(self.directory).as_posix()] = (status.st_size, status.st_mtime_ns)
        return states

    def _clear(self) -> None:
        for path in self.directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in _LOCAL:
                path.unlink()


Records = InPlace | WorkingCopy
"""Where the records of a run are written, and how they come to be where they belong."""


def _file_system() -> Any:
    """What reads and writes the objects of buckets. Raises `ConfigError` when its packages are not installed."""
    if importlib.util.find_spec("gcsfs") is None:
        raise ConfigError("A directory in a bucket (gs://) needs a package: python -m pip install 'spectrax[gcs]'.")
    import fsspec

    # Orbax lists what TensorStore wrote, of which a list kept by gcsfs knows nothing.
    fsspec.config.conf.setdefault("gcs", {})["use_listings_cache"] = False
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it prints tracebacks of what it raises all the same
    return fsspec.filesystem("gcs")


def _reach(url: str) -> None:
    """Ask for the bucket once, as Orbax will: a wrong name or a missing right is found here, and in seconds."""
    from google.cloud import storage
    from google.cloud.storage.retry import DEFAULT_RETRY

    retry = DEFAULT_RETRY.with_timeout(_PATIENCE)
    storage.Client().get_bucket(url.removeprefix(_SCHEME).partition("/")[0], timeout=_PATIENCE, retry=retry)
