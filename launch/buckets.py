"""Cloud Storage buckets, which the machines of a run see as directories: gs://BUCKET/PATH is /gcs/BUCKET/PATH.

Cloud Storage FUSE mounts them there. The training knows files alone, and all its processes have to see the same ones.
"""

import argparse
import dataclasses
import re
from collections.abc import Sequence

from programs import Mistake, Refused, call

# Directories are renamed when a checkpoint is complete, and what one process wrote the others see at once.
MOUNT_OPTIONS = (
    "implicit-dirs",
    "rename-dir-limit=100000",
    "metadata-cache-ttl-secs=0",
    "metadata-cache-negative-ttl-secs=0",
)
_URL = re.compile(r"gs://([a-z0-9][a-z0-9._-]+)")


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder of a bucket; path is empty for the whole bucket."""

    bucket: str
    path: str = ""

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.path}".rstrip("/")

    @property
    def directory(self) -> str:
        """Where the machines see it."""
        return f"/gcs/{self.bucket}/{self.path}".rstrip("/")


def folder(word: str) -> Folder:
    """Type of an option: gs://BUCKET or gs://BUCKET/PATH.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    match = re.fullmatch(rf"{_URL.pattern}(/[^\s,]*)?", word)
    if not match:
        raise argparse.ArgumentTypeError(f"{word!r} is no folder of a bucket such as gs://my-bucket/runs")
    return Folder(match[1], (match[2] or "").strip("/"))


def as_directories(command: Sequence[str]) -> list[str]:
    """The command with every gs://BUCKET as the directory at which the machines see it."""
    return [_URL.sub(r"/gcs/\1", word) for word in command]


def named(command: Sequence[str], runs: Folder | None = None) -> list[str]:
    """The buckets that a command names, and that of its runs; each once, in their order."""
    buckets = [bucket for word in command for bucket in _URL.findall(word)]
    return list(dict.fromkeys([*([runs.bucket] if runs else []), *buckets]))


def listing(bucket: str) -> list[str]:
    """The command that shows whether a bucket can be reached."""
    return ["gcloud", "storage", "objects", "list", f"gs://{bucket}", "--limit=1", "--format=value(name)"]


def check(buckets: Sequence[str]) -> None:
    """Raise `Mistake` for a bucket that cannot be reached from here."""
    for bucket in buckets:
        try:
            call(listing(bucket))
        except Refused as error:
            reason = str(error).partition(": ")[2]
            raise Mistake(
                f"The bucket gs://{bucket} cannot be reached ({reason.rstrip('.')}). Nothing was started: see that it "
                "exists and that you may list it."
            ) from None
