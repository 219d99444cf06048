"""ImageNet-1K (ILSVRC 2012): prepared from the official archives or from folders, read as a TFDS data set."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError, DataMissing
from spectrax.core.protocols import DataCard, DatasetSpec
from spectrax.data.imagenet_archives import FILES
from spectrax.data.imagenet_preparation import Preparation, pictures_in
from spectrax.data.label_maps import LabelMaps
from spectrax.data.picture_files import read_picture
from spectrax.data.prepared import StoredSplit, command, read_card
from spectrax.data.seen_images import SeenImages
from spectrax.data.tfds_directory import newest_version
from spectrax.data.transforms import Transform
from spectrax.data.views import check, viewed

_VERSION = "5.1.0"  # of TFDS's data set, whose form the prepared files have


class Imagenet2012(SeenImages):
    """1,281,167 training and 50,000 validation photographs in 1,000 classes.

    Examples have "image" float32 (image_size, image_size, 3) and "label" int32 (); with label maps also their fields.

    Args:
        data_dir: holds, or will hold, `imagenet2012/5.*.*` in array_record format.
        manual_dir: what it is prepared from: the official archives, see `imagenet_archives`, or `train/` and `val/`
            with a folder for each synset; None where it is prepared already.
        image_size: side of the images that the transforms end with.
        channels: 3, stated for the model.
        num_classes: those of the source.
        train: transforms of the training split.
        evaluate: transforms of the validation split.
        class_names: names for figures; None for the words of the synsets, where they are known.
        published: pictures by split, which a preparation must find.
        max_corrupt: how many that cannot be decoded are left out.
        label_maps: a teacher's labels of the places of every training picture; None to go without.

    Raises:
        ConfigError: when an argument makes no sense.

    Source: Russakovsky et al., "ImageNet large scale visual recognition challenge", IJCV 2015.
    """

    def __init__(
        self,
        *,
        data_dir: str,
        manual_dir: str | None = None,
        image_size: int,
        channels: int,
        num_classes: int,
        train: Sequence[Transform],
        evaluate: Sequence[Transform],
        class_names: Sequence[str] | None = None,
        published: Mapping[str, int],
        max_corrupt: int = 10,
        label_maps: LabelMaps | None = None,
    ):
        if channels != 3:
            raise ConfigError(f"dataset.channels={channels}, but the pictures of imagenet2012 have 3.")
        if set(published) != {"train", "validation"}:
            raise ConfigError(f"dataset.published gives train and validation their sizes; it is {dict(published)}.")
        if max_corrupt < 0:
            raise ConfigError(f"dataset.max_corrupt={max_corrupt} must be at least 0.")
        self._root = Path(data_dir).expanduser() / "imagenet2012"
        self._manual_dir = None if manual_dir is None else Path(manual_dir).expanduser()
        self._num_classes, self._class_names = num_classes, class_names
        self._published, self._max_corrupt = dict(published), max_corrupt
        super().__init__(
            image_size=image_size,
            channels=channels,
            num_classes=num_classes,
            train=train,
            evaluate=evaluate,
            class_order="in the order of synset names",
        )
        self._label_maps = label_maps
        if label_maps is not None:
            check(train)
            self.fields |= label_maps.fields

    @property
    def spec(self) -> DatasetSpec:
        """Sizes and words are those prepared, the published sizes where nothing is; words only of as many classes as
        stated, so that a model can be described and used beside other data."""
        sizes, words = self._published, ()
        found = self._found()
        if found is not None:
            # A property: what was known before a preparation does not hold after it.
            sizes, words = {**sizes, **_prepared_sizes(found, sizes)}, _words(found)
            words = words if len(words) == self._num_classes else ()
        return DatasetSpec(self.fields, sizes, tuple(self._class_names or words))

    def prepare(self, progress: bool = True) -> Path:
        """The prepared directory; made of `manual_dir` where it is not there. Label maps are prepared too.

        Raises:
            DataMissing: naming the files that are wanted and where they belong, or what is wrong with them.
        """
        directory = self._prepare(progress)
        if self._label_maps is not None:
            self._label_maps.prepare(self.spec.splits["train"], progress)
        return directory

    def _prepare(self, progress: bool) -> Path:
        found = newest_version(self._root, "5.*.*")
        if found is not None:
            self._check_classes(found)
            return found
        if self._manual_dir is None:
            raise DataMissing(
                f"ImageNet is not prepared in {self._root}. It cannot be downloaded without an account at "
                f"image-net.org. Put {', '.join(FILES)} in a directory DIR, or train/ and val/ with a folder for each "
                f"synset, and run: {self._command('DIR')}\n  "
                f"A TFDS data set imagenet2012 in array_record format at {self._root / _VERSION} will do too."
            )
        if not self._manual_dir.is_dir():
            raise DataMissing(f"manual_dir={self._manual_dir} is not a directory. Put {', '.join(FILES)} there.")
        preparation = Preparation(
            target=self._root / _VERSION,
            published=self._published,
            num_classes=self._num_classes,
            max_corrupt=self._max_corrupt,
            command=self._command(self._manual_dir),
        )
        preparation.run(pictures_in(self._manual_dir), self.card(), progress)
        return preparation.target

    def _check_classes(self, version: Path) -> None:
        classes = len(_words(version))
        if classes not in (0, self._num_classes):
            raise DataMissing(
                f"{version} was prepared with {classes:,} classes, and dataset.num_classes={self._num_classes:,}. "
                f"Give another data_dir=DIR, or dataset.num_classes={classes}."
            )

    def split(self, name: str) -> StoredSplit:
        """Random access to stored examples by TFDS."""
        return StoredSplit(self._prepare(progress=False), name)

    def transform(self, split: str, example: Mapping[str, Any], rng: np.random.Generator | None) -> dict[str, Any]:
        """A stored example as the model sees it. Raises `ConfigError` when it has another shape than stated."""
        if self._label_maps is None:
            return super().transform(split, example, rng)
        image, view = viewed(self._transforms_of(split, rng), np.asarray(example["image"]), rng)
        learnt = split == "train" and rng is not None
        labels = self._label_maps.seen(example["file_name"], view) if learnt else self._label_maps.blank()
        return {**self._seen(split, image, example), **labels}

    def card(self) -> DataCard:
        """The data card, with the content hash that a preparation took."""
        found = self._found()
        ours = found is not None and (found / "card.json").is_file()
        return DataCard(
            name="imagenet2012",
            version="5",
            description="Photographs of 1,000 classes of WordNet: ImageNet's challenge of 2012.",
            units="8-bit sRGB",
            normalisation="by the dataset's transforms; stored as published (JPEG)",
            licence="non-commercial research and education, see image-net.org",
            citation="O. Russakovsky et al., ImageNet large scale visual recognition challenge, IJCV 115, 2015",
            splits=self.spec.splits,
            content_hash=read_card(found)["content_hash"] if ours else "",
            split_rule="as published; its validation split is what papers report",
        )

    def read(self, path: Path) -> dict[str, Any]:
        """A person's own picture as a stored example. Raises `UnreadableFile`."""
        return {"image": read_picture(path, 3), "label": 0}

    def _found(self) -> Path | None:
        """The directory that could be read, if there is one."""
        try:
            return newest_version(self._root, "5.*.*")
        except DataMissing:
            return None

    def _command(self, directory: Path | str) -> str:
        return command("imagenet2012", manual_dir=directory, data_dir=self._root.parent)


def _prepared_sizes(version: Path, splits: Mapping[str, int]) -> dict[str, int]:
    """Pictures by split, of those asked for, by TFDS's own description."""
    told = json.loads((version / "dataset_info.json").read_text()).get("splits", [])
    sizes = {split["name"]: sum(int(length) for length in split.get("shardLengths", [])) for split in told}
    return {name: size for name, size in sizes.items() if name in splits}


def _words(version: Path) -> tuple[str, ...]:
    """Of the synsets in their order; () where others prepared the data."""
    path = version / "synsets.json"
    return tuple(json.loads(path.read_text()).values()) if path.is_file() else ()
