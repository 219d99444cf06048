"""What can go wrong with a checkpoint, in sentences: a full disk, a machine that refuses, files that are damaged."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spectrax.core import remote
from spectrax.core.errors import CheckpointError, RunDirectoryError
from spectrax.parallel import processes

if TYPE_CHECKING:
    from etils import epath

_MACHINE = (
    "resource_exhausted", "permission_denied", "permission denied", "unavailable", "deadline_exceeded", "out of memory",
    "cannot allocate memory", "too many open files", "input/output error", "stale file handle", "timed out",
    "unauthenticated",
)  # fmt: skip


@contextlib.contextmanager
def writing(directory: "Path | epath.Path") -> Iterator[None]:
    """Turns a failure to write into a sentence about the disk: `RunDirectoryError`."""
    try:
        yield
    except Exception as error:
        processes.end_if_another_is_lost(error)
        if isinstance(error, CheckpointError | RunDirectoryError):
            raise
        reason = "the disk is full" if "No space left" in str(error) else first_line(error)
        raise RunDirectoryError(
            f"A checkpoint could not be written to {directory} ({reason}). Earlier checkpoints are intact: make room "
            "or mend the permissions, then run the same command to continue."
        ) from error


def is_damage(error: Exception) -> bool:
    """Whether the files may be to blame, not the machine that reads them (memory, permissions, a lost disk)."""
    if isinstance(error, OSError):
        return isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError)
    if isinstance(error, MemoryError):
        return False
    if type(error).__module__.partition(".")[0] in remote.REACHING:
        return False
    # TensorStore and XLA say it in words.
    return not any(words in str(error).lower() for words in _MACHINE)


def check_room(directory: "Path | epath.Path", needed: int) -> None:
    """Raise before a save that cannot fit: a full disk found half way leaves Orbax's threads in disorder."""
    if remote.is_remote(directory):
        return
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise OSError(f"No space left: it takes {needed / 2**20:,.1f} MiB and {free / 2**20:,.1f} MiB are free")


def first_line(error: BaseException) -> str:
    """The first line of what an error says, shortened."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
