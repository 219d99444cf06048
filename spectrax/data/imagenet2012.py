"""ImageNet-1K (ILSVRC 2012), read from a prepared TFDS directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spectrax.core.errors import ConfigError, DataMissing
from spectrax.core.protocols import DataCard, DatasetSpec
from spectrax.data.picture_files import read_picture
from spectrax.data.prepared import StoredSplit
from spectrax.data.seen_images import SeenImages
from spectrax.data.tfds_directory import newest_version
from spectrax.data.transforms import Transform


class Imagenet2012(SeenImages):
    """1,281,167 training and 50,000 validation photographs in 1,000 classes.

    Examples have "image" float32 (image_size, image_size, 3) and "label" int32 ().

    Args:
        data_dir: holds the TFDS data set `imagenet2012/5.*.*` in array_record format.
        image_size: side of the images that the transforms end with.
        channels, num_classes: 3 and 1,000, stated for the model.
        train: transforms of the training split.
        evaluate: transforms of the validation split.

    Source: Russakovsky et al., "ImageNet large scale visual recognition challenge", IJCV 2015.
    """

    def __init__(
        self,
        *,
        data_dir: str,
        image_size: int,
        channels: int,
        num_classes: int,
        train: Sequence[Transform],
        evaluate: Sequence[Transform],
        class_names: Sequence[str] | None = None,
    ):
        if (channels, num_classes) != (3, 1000):
            raise ConfigError("dataset.channels and dataset.num_classes of imagenet2012 are 3 and 1000.")
        self._root = Path(data_dir).expanduser() / "imagenet2012"
        super().__init__(
            image_size=image_size,
            channels=channels,
            num_classes=num_classes,
            train=train,
            evaluate=evaluate,
            class_order="in the order of synset names",
        )
        sizes = {"train": 1_281_167, "validation": 50_000}
        self.spec = DatasetSpec(self.fields, sizes, tuple(class_names or ()))

    def prepare(self, progress: bool = True) -> Path:
        """The prepared directory. Raises `DataMissing` when it is not there: downloading it needs an account."""
        found = newest_version(self._root, "5.*.*")
        if found is None:
            raise DataMissing(
                f"ImageNet is not prepared in {self._root}. It cannot be downloaded without an account: put a TFDS "
                f"data set imagenet2012 in array_record format at {self._root}/5.1.0, or give another data_dir=PATH; "
                f"check with: python -m spectrax.prepare dataset=imagenet2012 data_dir={self._root.parent}"
            )
        return found

    def split(self, name: str) -> StoredSplit:
        """Random access to stored examples by TFDS."""
        return StoredSplit(self.prepare(), name)

    def card(self) -> DataCard:
        """The data card; of so many files no content hash is taken."""
        return DataCard(
            name="imagenet2012",
            version="5",
            description="Photographs of 1,000 classes of WordNet: ImageNet's challenge of 2012.",
            units="8-bit sRGB",
            normalisation="by the dataset's transforms; stored as published (JPEG)",
            licence="non-commercial research and education, see image-net.org",
            citation="O. Russakovsky et al., ImageNet large scale visual recognition challenge, IJCV 115, 2015",
            splits=self.spec.splits,
            content_hash="",
            split_rule="as published; its validation split is what papers report",
        )

    def read(self, path: Path) -> dict[str, Any]:
        """A person's own picture as a stored example. Raises `UnreadableFile`."""
        return {"image": read_picture(path, 3), "label": 0}
