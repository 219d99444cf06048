"""Fields written as a TFDS data set of array_record files, from the arrays that lie beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.core.protocols import DataCard, FieldSpec
from spectrax.data import tfds_directory
from spectrax.data.prepared import quiet_tfds

_SHARD = 2**28  # bytes of an array_record file, about


def write(
    directory: Path,
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    fields: Mapping[str, FieldSpec],
    card: DataCard,
    advance: Callable[[int], None],
) -> None:
    """Write all splits to `directory/NAME/VERSION`, as TFDS lays data sets out.

    Args:
        arrays: split to field to (examples, *shape); may lie on disk.
        card: gives name, version, description and terms.
        advance: told how many examples were written.
    """
    tfds = quiet_tfds()
    directory = directory / card.name / card.version
    directory.mkdir(parents=True)
    # As bytes they are written a hundred times as fast as in lists of numbers.
    tensors = {
        name: tfds.features.Tensor(shape=field.shape, dtype=np.dtype(field.dtype), encoding="bytes", doc=field.meaning)
        for name, field in fields.items()
    }
    features = tfds.features.FeaturesDict(tensors)
    sizes: dict[str, list[tuple[int, int]]] = {}
    for split, values in arrays.items():
        sizes[split] = _write_split(directory, f"{card.name}-{split}", values, features, advance)
    facts = {"description": card.description, "license": card.licence, "citation": card.citation}
    tfds_directory.describe(directory, (card.name, card.version), features, sizes, **facts)


def _write_split(
    directory: Path, name: str, values: Mapping[str, np.ndarray], features: Any, advance: Callable[[int], None]
) -> list[tuple[int, int]]:
    """(examples, bytes) of each file."""
    count = len(next(iter(values.values())))
    total = sum(array.nbytes for array in values.values())
    shards = max(1, min(count, round(total / _SHARD)))
    bounds = [count * shard // shards for shard in range(shards + 1)]
    sizes = []
    for shard in range(shards):
        path = directory / f"{name}.array_record-{shard:05d}-of-{shards:05d}"
        rows = range(bounds[shard], bounds[shard + 1])
        _write_shard(path, rows, values, features, advance)
        sizes.append((len(rows), path.stat().st_size))
    return sizes


def _write_shard(
    path: Path, rows: range, values: Mapping[str, np.ndarray], features: Any, advance: Callable[[int], None]
) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.core.example_serializer import ExampleSerializer

    serializer = ExampleSerializer(features.get_serialized_info())
    writer = ArrayRecordWriter(str(path), "group_size:1")
    try:
        for row in rows:
            example = {name: np.ascontiguousarray(array[row]) for name, array in values.items()}
            writer.write(serializer.serialize_example(features.encode_example(example)))
            advance(1)
    finally:
        writer.close()
