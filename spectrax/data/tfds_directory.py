"""Prepared TFDS data sets on disk: found without TFDS, which would look for them on the network, and described."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def describe(
    directory: Path,
    identity: tuple[str, str],
    features: Any,
    sizes: Mapping[str, Sequence[tuple[int, int]]],
    **facts: Any,
) -> None:
    """Write what TFDS reads beside array_record files that are there.

    Args:
        identity: name and version, as TFDS will call the data set.
        features: a TFDS `FeaturesDict`.
        sizes: split to (examples, bytes) of each of its files in order.
        facts: such as `citation`.
    """
    from spectrax.data.prepared import quiet_tfds

    tfds = quiet_tfds()
    name, version = identity
    known = tfds.core.dataset_info.DatasetIdentity(
        name=name, version=tfds.core.Version(version), data_dir=str(directory), module_name=__name__
    )
    info = tfds.core.DatasetInfo(builder=known, features=features, **facts)
    info.set_file_format("array_record")
    splits = [
        tfds.core.splits.SplitInfo(
            name=split, shard_lengths=[examples for examples, _ in files], num_bytes=sum(size for _, size in files)
        )
        for split, files in sizes.items()
    ]
    info.set_splits(tfds.core.splits.SplitDict(splits))
    info.write_to_directory(str(directory))
