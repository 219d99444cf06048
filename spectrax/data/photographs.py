"""Labelled photographs of any size from published archives: prepared once as a TFDS data set, decoded when wanted."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from spectrax.core.errors import ConfigError, DataMissing
from spectrax.core.protocols import DataCard, DatasetSpec
from spectrax.data.imagenet_preparation import Pictures, Preparation
from spectrax.data.picture_files import read_picture
from spectrax.data.prepared import StoredSplit, command, read_card
from spectrax.data.seen_images import SeenImages
from spectrax.data.split_sizes import SPLITS
from spectrax.data.transforms import Transform


class PhotographSource(Protocol):
    """Where photographs come from.

    Attributes:
        name: lower_snake_case, the name of the prepared directory.
        version: of the prepared form.
    """

    name: str
    version: str

    def pictures(self, directory: Path | None, command: str) -> Pictures:
        """The pictures in a directory's archives. Raises `DataMissing` naming what is not there."""

    def card(self, splits: Mapping[str, int], content_hash: str) -> DataCard:
        """The data card."""


class Photographs(SeenImages):
    """A data set of photographs.

    Examples have "image" float32 (image_size, image_size, 3) and "label" int32 ().

    Args:
        source: what they are.
        data_dir: directory under which data are prepared.
        manual_dir: holds the published archives; None where the data are prepared already.
        image_size: side of the square images that the transforms end with.
        channels: 3, stated for the model.
        num_classes: those of the source.
        train: transforms of the training split.
        evaluate: transforms of the other splits, none of them random.
        published: pictures by published split, which a preparation must find.
        splits: of which published splits, such as "train+validation", each of ours is made; None leaves it out.
        class_names: names for figures; None for the source's.
        max_corrupt: how many pictures that cannot be decoded are left out.

    Raises:
        ConfigError: when an argument makes no sense.
    """

    def __init__(
        self,
        *,
        source: PhotographSource,
        data_dir: str,
        manual_dir: str | None = None,
        image_size: int,
        channels: int,
        num_classes: int,
        train: Sequence[Transform],
        evaluate: Sequence[Transform],
        published: Mapping[str, int],
        splits: Mapping[str, str | None],
        class_names: Sequence[str] | None = None,
        max_corrupt: int = 0,
    ):
        if channels != 3:
            raise ConfigError(f"dataset.channels={channels}, but the photographs of {source.name} have 3.")
        self._parts = {name: parts.split("+") for name, parts in splits.items() if parts is not None}
        unknown = [part for parts in self._parts.values() for part in parts if part not in published]
        if unknown or not set(self._parts) <= set(SPLITS):
            raise ConfigError(
                f"dataset.splits={dict(splits)} makes {', '.join(SPLITS)} of {', '.join(published)}, "
                "such as {train: train+validation, test: test}."
            )
        self.source = source
        self.directory = Path(data_dir).expanduser() / source.name / source.version
        self._manual_dir = None if manual_dir is None else Path(manual_dir).expanduser()
        self._published, self._num_classes, self._max_corrupt = dict(published), num_classes, max_corrupt
        self._class_names = class_names
        super().__init__(
            image_size=image_size, channels=channels, num_classes=num_classes, train=train, evaluate=evaluate
        )

    @property
    def spec(self) -> DatasetSpec:
        """Sizes and names are those prepared; the published ones where nothing is."""
        sizes, names = self._published, ()
        if self.directory.is_dir():
            sizes = read_card(self.directory)["splits"]
            names = tuple(json.loads((self.directory / "synsets.json").read_text()).values())
        made = {name: sum(sizes[part] for part in parts) for name, parts in self._parts.items()}
        return DatasetSpec(self.fields, made, tuple(self._class_names or names))

    def prepare(self, progress: bool = True) -> Path:
        """The prepared directory; made of `manual_dir` where it is not there. Raises `DataMissing`."""
        if not self.directory.is_dir():
            typed = self._command(self._manual_dir or "DIR")
            pictures = self.source.pictures(self._manual_dir, typed)
            preparation = Preparation(
                self.directory, self._published, self._num_classes, self._max_corrupt, command=typed
            )
            preparation.run(pictures, self.source.card(self._published, ""), progress)
        return self.directory

    def split(self, name: str) -> StoredSplit:
        """Random access to stored examples by TFDS. Raises `DataMissing`."""
        if not self.directory.is_dir():
            typed = self._command(self._manual_dir or "DIR")
            raise DataMissing(f"{self.source.name} is not prepared in {self.directory}. Run: {typed}")
        return StoredSplit(self.directory, "+".join(self._parts[name]))

    def card(self) -> DataCard:
        """The data card, with the content hash that a preparation took."""
        known = read_card(self.directory) if self.directory.is_dir() else {}
        return self.source.card(known.get("splits", self._published), known.get("content_hash", ""))

    def read(self, path: Path) -> dict[str, Any]:
        """A person's own picture as a stored example. Raises `UnreadableFile`."""
        return {"image": read_picture(path, 3), "label": 0}

    def _command(self, directory: Path | str) -> str:
        return command(self.source.name, manual_dir=directory, data_dir=self.directory.parents[1])
