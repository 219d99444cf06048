"""The run directory: claimed by one process at a time, with a log and a record of the environment."""

import contextlib
import errno
import importlib.metadata
import logging
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from spectrax.core import lock, remote
from spectrax.core.errors import RunDirectoryError
from spectrax.core.files import write_json

logger = logging.getLogger("spectrax")

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_RECORDED = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "tensorflow-datasets", "numpy", "spectrax")


@contextlib.contextmanager
def claim(records: remote.Records) -> Iterator[None]:
    """Make a run's directory and hold it: until the end no other process of this machine can train in it, and the log
    goes to `log.txt`. Of a run in a bucket, the records are fetched as soon as it is held, and brought back at the end.

    Raises:
        RunDirectoryError: when it cannot be made or written, is held by another process, or its disk runs full.
    """
    path = records.directory
    with lock.held(path, "run directory", "run_dir=PATH") as holder:
        if holder is not None:
            raise RunDirectoryError(
                f"The run directory {path} is in use by process {holder}. Wait for it, or end it, or choose another "
                "with run_dir=PATH."
            )
        with disk_errors(path):
            records.pull()
            with _pushed_at_the_end(records), _log_file(path):
                yield


def record_environment(path: Path, devices: str) -> None:
    """Write `environment.json`: versions, device, interpreter, time of the latest start."""
    versions = {}
    for name in _RECORDED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    record = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "device": devices,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
    }
    write_json(path / "environment.json", record)


def log_to_console() -> None:
    """Send the log of Spectrax to standard output, warnings marked as such; calling it again changes nothing."""
    if not any(isinstance(handler, _Console) for handler in logger.handlers):
        logger.addHandler(_Console())
        logger.setLevel(logging.INFO)
        logger.propagate = False


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """A full or forbidden disk is a `RunDirectoryError` of the run in this directory, or of what else is forbidden."""
    try:
        yield
    except OSError as error:
        named = Path(error.filename).absolute() if isinstance(error.filename, str) else path.absolute()
        if error.errno in _FORBIDDEN and not named.is_relative_to(path.absolute()):
            raise RunDirectoryError(f"{named}: {error.strerror}. Mend its permissions.") from error
        if error.errno not in _FULL + _FORBIDDEN:
            raise
        raise RunDirectoryError(
            f"Writing to {path} failed ({error.strerror}). What was saved before is intact: make room or mend the "
            "permissions, then run the same command to continue."
        ) from error


class _Console(logging.Handler):
    """Prints to whatever `sys.stdout` is at the moment, so that lines pass above a live progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        mark = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        with contextlib.suppress(BrokenPipeError):  # a reader that left, such as `head`, does not end the run
            print(f"{mark}{record.getMessage()}", file=sys.stdout, flush=True)


@contextlib.contextmanager
def _pushed_at_the_end(records: remote.Records) -> Iterator[None]:
    """Brings the records of a run that ends well or with an error; what ended it is the error told."""
    try:
        yield
    except Exception:
        try:
            records.push()
        except RunDirectoryError as error:
            logger.warning(str(error))
        raise
    records.push()


@contextlib.contextmanager
def _log_file(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path / "log.txt")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
