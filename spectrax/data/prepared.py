"""Prepared data on disk: whole or absent, built by one process at a time.

A prepared directory holds a TFDS data set in array_record files (for streaming), one `.npy` file per split and field
(for device-resident use, read without TFDS), and the data card.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from spectrax.core.errors import DataMissing
from spectrax.core.files import rename_whole, write_json
from spectrax.core.protocols import DataCard

Examples = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Split name to (images uint8 (examples, height, width, channels), labels int (examples,))."""

_PART = ".part"


def prepare(directory: Path, build: Callable[[Path], None]) -> Path:
    """Run `build(temporary directory)` unless `directory` is there, then give the result its name.

    A second process waits for the first. What a killed preparation left behind is removed.

    Raises:
        DataMissing: when the directory cannot be written.
    """
    if directory.is_dir():
        return directory
    temporary = directory.with_name(directory.name + _PART)
    with told_if_unwritable(directory), alone(directory):
        if directory.is_dir():
            return directory
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        build(temporary)
        rename_whole(temporary, directory)
    return directory


def command(dataset: str, **places: Any) -> str:
    """What a person types to prepare a dataset; of the places, such as `data_dir`, those that are None are left out."""
    words = [f"{key}={place}" for key, place in places.items() if place is not None]
    return shlex.join(["python", "-m", "spectrax.prepare", f"dataset={dataset}", *words])


@contextlib.contextmanager
def told_if_unwritable(directory: Path) -> Iterator[None]:
    """An `OSError` inside, where `directory` is prepared, becomes a `DataMissing`."""
    try:
        yield
    except OSError as error:
        named = Path(error.filename) if isinstance(error.filename, str) else directory
        # What cannot be made may be a folder above, too.
        if not named.is_relative_to(directory.parent) and not directory.is_relative_to(named):
            raise DataMissing(f"{named} cannot be read ({error.strerror}). Mend its permissions.") from error
        raise DataMissing(
            f"Data cannot be prepared in {directory} ({error.strerror}). Choose another place with data_dir=PATH."
        ) from error


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One process at a time prepares `directory`; the others wait. Makes the directory above."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.with_name(directory.name + ".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_images(directory: Path, name: str, version: str, classes: int, examples: Examples, progress: Any) -> None:
    """Write images and labels in both forms; `progress(count)` is told of every example written."""
    for split, (images, labels) in examples.items():
        np.save(directory / f"{split}_image.npy", images, allow_pickle=False)
        np.save(directory / f"{split}_label.npy", labels.astype(np.int32), allow_pickle=False)
    builder = _tfds_builder(directory / "tfds", name, version, classes, examples, progress)
    builder.download_and_prepare()


def write_card(directory: Path, card: DataCard) -> None:
    """Write `card.json`."""
    write_json(directory / "card.json", dataclasses.asdict(card))


def read_card(directory: Path) -> dict[str, Any]:
    """The card of a prepared directory."""
    return json.loads((directory / "card.json").read_text())


def content_hash(examples: Examples) -> str:
    """SHA-256 over all splits' names, images and labels in order."""
    digest = hashlib.sha256()
    for split in sorted(examples):
        images, labels = examples[split]
        digest.update(split.encode())
        digest.update(np.ascontiguousarray(images).tobytes())
        digest.update(labels.astype("<i4").tobytes())
    return digest.hexdigest()


class StoredSplit:
    """Random access to one split of a TFDS data set; opened on first use, so that it travels to worker processes.

    Args:
        directory: prepared by TFDS, or one above.
        split: TFDS's name of the split, or of a part of it.
        fields: our names of fields to TFDS's; None for all fields under TFDS's names.
    """

    def __init__(self, directory: Path, split: str, fields: Mapping[str, str] | None = None):
        self.directory, self.split, self.fields = directory, split, fields
        self._source: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_source": None}

    def __len__(self) -> int:
        return len(self._opened())

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The decoded example: "image" uint8 and "label"."""
        return self._named(self._opened()[index])

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Many decoded examples by one read."""
        return [self._named(example) for example in self._opened().__getitems__(indices)]

    def _named(self, example: dict[str, Any]) -> dict[str, Any]:
        return example if self.fields is None else {ours: example[theirs] for ours, theirs in self.fields.items()}

    def _opened(self) -> Any:
        if self._source is None:
            tfds = quiet_tfds()
            version = next(path.parent for path in self.directory.glob("**/dataset_info.json"))
            self._source = tfds.builder_from_directory(str(version)).as_data_source(split=self.split)
        return self._source


def quiet_tfds() -> Any:
    """`tensorflow_datasets` without TensorFlow, progress bars, advice and network."""
    import absl.logging
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.utils import gcs_utils

    absl.logging.set_verbosity(absl.logging.ERROR)
    tfds.disable_progress_bar()
    gcs_utils._is_gcs_disabled = True  # asked for in TFDS's own tests; else every builder tries the network
    return tfds


def _tfds_builder(directory: Path, name: str, version: str, classes: int, examples: Examples, progress: Any) -> Any:
    """A TFDS builder named `name` that writes `examples` in their order."""
    tfds = quiet_tfds()
    shape = next(iter(examples.values()))[0].shape[1:]

    class ImagesBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """Images with integer labels; PNG-encoded, since TFDS encodes images by TensorFlow only."""

        VERSION = tfds.core.Version(version)

        def _info(self) -> Any:
            features = {
                "image": tfds.features.Image(shape=shape, dtype=np.uint8, encoding_format="png"),
                "label": tfds.features.ClassLabel(num_classes=classes),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
            )

        def _log_download_bytes(self) -> None:
            """Nothing is downloaded here; TFDS would say so all the same."""

        _log_download_done = _log_download_bytes

        def _split_generators(self, download_manager: Any) -> dict[str, Any]:
            return {split: self._generate_examples(split) for split in examples}

        def _generate_examples(self, split: str) -> Iterable[tuple[int, dict[str, Any]]]:
            for index, (image, label) in enumerate(zip(*examples[split], strict=True)):
                progress(1)
                yield index, {"image": png(image), "label": int(label)}

    ImagesBuilder.name = name
    return ImagesBuilder(data_dir=str(directory), file_format="array_record")


def png(image: np.ndarray) -> bytes:
    """An image (height, width, 1 or 3) uint8 as PNG."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")
    return file.getvalue()
