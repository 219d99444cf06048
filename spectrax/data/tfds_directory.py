"""Prepared TFDS data sets on disk, found without TFDS: it would look for them on the network."""

import re
from pathlib import Path

from spectrax.core.errors import DataMissing

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def newest_version(root: Path, pattern: str = "*.*.*") -> Path | None:
    """The directory of the newest prepared version below `root` that has random access; None when there is none.

    Args:
        root: of a data set, or of one of its configurations.
        pattern: which versions will do, such as "5.*.*".

    Raises:
        DataMissing: when versions are there, but only in a format without random access.
    """
    versions = [
        path.parent for path in root.glob(f"{pattern}/dataset_info.json") if _VERSION.fullmatch(path.parent.name)
    ]
    versions.sort(key=lambda path: [int(part) for part in path.name.split(".")])
    readable = [path for path in versions if any(path.glob("*.array_record*"))]
    if versions and not readable:
        raise DataMissing(
            f"The data set in {versions[-1]} is not in array_record format; others, such as tfrecord, have no random "
            "access. Where TensorFlow is installed, convert it: "
            f"tfds convert_format --dataset_dir={root} --out_file_format=array_record"
        )
    return readable[-1] if readable else None
