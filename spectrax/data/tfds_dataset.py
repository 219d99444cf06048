"""Any prepared TFDS data set of images and labels, by its name, read without TensorFlow."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrax.core.errors import ConfigError, DataMissing
from spectrax.core.protocols import DataCard, DatasetSpec
from spectrax.data.picture_files import read_picture
from spectrax.data.prepared import StoredSplit, quiet_tfds
from spectrax.data.seen_images import SeenImages
from spectrax.data.split_sizes import SPLITS, UnknownSizes
from spectrax.data.tfds_directory import newest_version
from spectrax.data.transforms import Transform


class Tfds(SeenImages):
    """A data set that TFDS prepared in array_record format; nothing is downloaded here.

    Examples have "image" float32 (image_size, image_size, channels) and "label" int32 ().

    Args:
        name: as TFDS calls it: NAME, NAME/CONFIGURATION, either with ":VERSION" for another than the newest.
        data_dir: where TFDS keeps data sets, unless `tfds_dir` says another place.
        tfds_dir: TFDS's own directory, such as ~/tensorflow_datasets; None for `data_dir`.
        splits: of "train", "validation" and "test", TFDS's name, which may be a part such as "train[:90%]"; None for
            a split that should be left out.
        split_sizes: examples by split, where data that are not at hand should be described; None for unknown.
        image_key, label_key: TFDS's names of the image and of its integer label.
        image_size: side of the square images that the transforms end with.
        channels: of the stored images and of those.
        num_classes: number of classes, which must be the data set's.
        train: transforms of the training split.
        evaluate: transforms of the other splits, none of them random.
        class_names: names for figures; None for the data set's own.

    Raises:
        ConfigError: when an argument makes no sense.
    """

    def __init__(
        self,
        *,
        name: str,
        data_dir: str,
        tfds_dir: str | None = None,
        splits: Mapping[str, str | None],
        split_sizes: Mapping[str, int] | None = None,
        image_key: str = "image",
        label_key: str = "label",
        image_size: int,
        channels: int,
        num_classes: int,
        train: Sequence[Transform],
        evaluate: Sequence[Transform],
        class_names: Sequence[str] | None = None,
    ):
        if not set(splits) <= set(SPLITS) or not splits.get("train"):
            raise ConfigError(
                f"dataset.splits must name {', '.join(SPLITS)}, and train at least; it is {dict(splits)}."
            )
        self.name = name
        self._place = Path(tfds_dir or data_dir).expanduser()
        self._splits = {ours: theirs for ours, theirs in splits.items() if theirs is not None}
        self._fields = {"image": image_key, "label": label_key}
        self._split_sizes, self._class_names = split_sizes, class_names
        self._channels, self._num_classes = channels, num_classes
        super().__init__(
            image_size=image_size, channels=channels, num_classes=num_classes, train=train, evaluate=evaluate
        )

    def __getstate__(self) -> dict[str, Any]:
        # Worker processes open the data set themselves.
        return {name: value for name, value in self.__dict__.items() if name != "_info"}

    @functools.cached_property
    def spec(self) -> DatasetSpec:
        """Sizes and class names are those of the data set's own `dataset_info.json`."""
        splits: Mapping[str, int]
        try:
            splits = {ours: self._info.splits[theirs].num_examples for ours, theirs in self._splits.items()}
            names = self._info.features[self._fields["label"]].names or ()
        except DataMissing as error:
            splits, names = self._split_sizes or UnknownSizes(error), ()
        return DatasetSpec(self.fields, splits, tuple(self._class_names or names))

    def card(self) -> DataCard:
        """The data card, as far as TFDS knows; no content hash is taken."""
        splits = dict(self.spec.splits)
        try:
            info = self._info
        except DataMissing:
            info = None  # only described
        return DataCard(
            name=f"tfds:{self.name}",
            version=str(info.version) if info else "",
            description=" ".join(info.description.split()) if info else "",
            units=f"8-bit, {self._channels} channel{'s' if self._channels > 1 else ''}",
            normalisation="by the dataset's transforms; stored as TFDS prepared it",
            licence=(info.redistribution_info.license if info else "") or "see the data set's own page",
            citation=info.citation.strip() if info else "",
            splits=splits,
            content_hash="",
            split_rule=f"TFDS's: {', '.join(f'{ours} is {theirs}' for ours, theirs in self._splits.items())}",
        )

    def prepare(self, progress: bool = True) -> Path:
        """The prepared directory.

        Raises:
            DataMissing: at once when it is not there, with the command that makes it.
            ConfigError: when the data set is another than stated.
        """
        _ = self._info
        return self._directory()

    def split(self, name: str) -> StoredSplit:
        """Random access to stored examples, "image" uint8 and "label", by TFDS."""
        return StoredSplit(self.prepare(), self._splits[name], self._fields)

    def stored(self, name: str) -> Iterator[dict[str, Any]]:
        """All stored examples of a split in order."""
        split = self.split(name)
        return (split[index] for index in range(len(split)))

    def read(self, path: Path) -> dict[str, Any]:
        """A person's own picture as a stored example. Raises `UnreadableFile`."""
        return {"image": read_picture(path, self._channels), "label": 0}

    @functools.cached_property
    def _info(self) -> Any:
        """TFDS's description of the data set, found to be what the config says."""
        info = quiet_tfds().builder_from_directory(str(self._directory())).info
        missing = [key for key in self._fields.values() if key not in info.features]
        if missing:
            raise ConfigError(f"{self.name} has no field {missing[0]!r}; it has: {', '.join(info.features)}.")
        self._check(info)
        return info

    def _check(self, info: Any) -> None:
        """Raise `ConfigError` where classes, channels or splits are not those stated."""
        image, label = (info.features[self._fields[key]] for key in ("image", "label"))
        classes = getattr(label, "num_classes", None)
        if classes is None:
            raise ConfigError(f"{self.name} says nothing of classes in its field {self._fields['label']!r}.")
        if classes != self._num_classes:
            raise ConfigError(f"dataset.num_classes={self._num_classes}, but {self.name} has {classes} classes.")
        if len(image.shape) != 3 or image.shape[-1] not in (self._channels, None):
            raise ConfigError(
                f"dataset.channels={self._channels}, but the field {self._fields['image']!r} of {self.name} has the "
                f"shape {image.shape}."
            )
        for theirs in self._splits.values():
            try:
                _ = info.splits[theirs]
            except (KeyError, ValueError) as error:
                raise ConfigError(
                    f"{self.name} has no split {theirs!r}; it has: {', '.join(info.splits)}. "
                    "Set dataset.splits.train, .validation and .test, null for one that is not there."
                ) from error

    def _directory(self) -> Path:
        name, _, version = self.name.partition(":")
        found = newest_version(self._place / name, version or "*.*.*")
        if found is None:
            below = sorted({str(path.parents[1].relative_to(self._place)) for path in self._others(name)})
            raise DataMissing(
                f"{self.name} is not prepared in {self._place / name}."
                + (f" Prepared there: {', '.join(below)}." if below else "")
                + f" Where TensorFlow is installed, prepare it: tfds build {name} --data_dir={self._place} "
                "--file_format=array_record; or give TFDS's own directory: dataset.tfds_dir=DIR."
            )
        return found

    def _others(self, name: str) -> Iterator[Path]:
        """`dataset_info.json` of other versions and configurations."""
        return (self._place / name.partition("/")[0]).glob("**/dataset_info.json")
