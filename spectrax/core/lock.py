"""A directory that one process of this machine holds at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from spectrax.core.errors import RunDirectoryError

_NAME = ".lock"


@contextlib.contextmanager
def held(directory: Path, kind: str, another: str) -> Iterator[str | None]:
    """Make a directory if need be, and hold it until the end; `.lock` in it holds the id of the process.

    Gives None, or of another process that holds it already its id ("unknown" where it has not written it yet).

    Args:
        kind: what the directory is, such as "run directory", for the errors.
        another: the words that name another one, such as "run_dir=PATH".

    Raises:
        RunDirectoryError: when it cannot be made or written, or its disk has no locks.
    """
    with contextlib.ExitStack() as stack:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(directory / _NAME, "a+"))
        except OSError as error:
            raise RunDirectoryError(
                f"The {kind} {directory} cannot be written ({error.strerror}). Choose another with {another}."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
        except OSError as error:
            raise RunDirectoryError(
                f"The {kind} {directory} cannot be locked ({error.strerror}): its disk has no locks, without which two "
                f"processes could write into it at once. Choose one on another disk with {another}."
            ) from error
        else:
            holder = None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        yield holder
