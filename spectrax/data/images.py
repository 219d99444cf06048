"""Image classification data: a source of real images, prepared once, seen through transforms."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.core.progress import counting
from spectrax.core.protocols import DataCard, DatasetSpec, Stored
from spectrax.data import prepared
from spectrax.data.chosen_examples import Choice, ChosenSplit
from spectrax.data.picture_files import read_picture, stored_like
from spectrax.data.seen_images import SeenImages
from spectrax.data.transforms import Transform


class ImageSource(Protocol):
    """Where images come from. Attributes are facts that need no data; `examples` reads them.

    One more may be there: `balanced`, True where each split has as many examples of every class.

    Attributes:
        name: lower_snake_case, the name of the prepared directory.
        version: changes whenever the stored examples change.
        shape: (height, width, channels) of a stored image.
        maximum: the stored value of white.
        splits: examples by split.
    """

    name: str
    version: str
    splits: Mapping[str, int]
    class_names: Sequence[str]

    def examples(self) -> prepared.Examples:
        """All images and labels by split. Raises `DataMissing` with what is wanted and where."""

    def card(self, content_hash: str) -> DataCard:
        """The data card."""


class Images(SeenImages):
    """A dataset of images and integer labels that fits in memory while it is prepared.

    Examples have "image" float32 (image_size, image_size, channels) and "label" int32 ().

    Args:
        source: where the images come from.
        data_dir: directory under which data are prepared.
        image_size: side of the square images that the transforms end with.
        channels: their channels.
        num_classes: number of classes.
        train: transforms of the training split.
        evaluate: transforms of the other splits, none of them random.
        class_names: names of the classes, for figures.
        classes: the source's numbers of the classes that are used, in their new order; None for all.
        train_examples: how many examples are trained on, see `Choice`; None for all.

    Raises:
        ConfigError: when an evaluation transform is random, or the choice of examples makes no sense.
    """

    def __init__(
        self,
        *,
        source: ImageSource,
        data_dir: str,
        image_size: int,
        channels: int,
        num_classes: int,
        train: Sequence[Transform],
        evaluate: Sequence[Transform],
        class_names: Sequence[str] | None = None,
        classes: Sequence[int] | None = None,
        train_examples: int | None = None,
    ):
        self.source = source
        known = len(source.class_names)
        self._choice = Choice(classes, train_examples)
        self._choice.check(num_classes, known, getattr(source, "balanced", False))
        self.directory = Path(data_dir).expanduser() / source.name / source.version
        super().__init__(
            image_size=image_size, channels=channels, num_classes=num_classes, train=train, evaluate=evaluate
        )
        self.spec = DatasetSpec(self.fields, self._choice.sizes(source.splits, known), tuple(class_names or ()))

    def card(self) -> DataCard:
        """The data card, with the content hash of what is prepared."""
        path = self.directory / "card.json"
        return self.source.card(prepared.read_card(self.directory)["content_hash"] if path.exists() else "")

    def read(self, path: Path) -> dict[str, Any]:
        """A person's own picture as a stored example, see `picture_files`. Raises `UnreadableFile`."""
        picture = read_picture(path, self.source.shape[-1])
        return {"image": stored_like(picture, self.source.shape, self.source.maximum), "label": 0}

    def prepare(self, progress: bool = True) -> Path:
        """Build the prepared directory if it is not there; returns it.

        Raises:
            DataMissing: naming the files or the command that are wanted.
        """
        return prepared.prepare(self.directory, lambda target: self._build(target, progress))

    def split(self, name: str) -> Stored:
        """Random access to stored examples, "image" uint8 and "label", by TFDS."""
        directory = self._prepared()
        return ChosenSplit(prepared.StoredSplit(directory / "tfds", name), self._rows(name), self._choice)

    def stored(self, name: str) -> Iterator[dict[str, Any]]:
        """All stored examples of a split in order, read without TFDS."""
        directory = self._prepared()
        images = np.load(directory / f"{name}_image.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(directory / f"{name}_label.npy", mmap_mode="r", allow_pickle=False)
        for row in self._rows(name):
            yield self._choice.renumbered({"image": images[row], "label": labels[row]})

    def _rows(self, name: str) -> np.ndarray:
        labels = np.load(self._prepared() / f"{name}_label.npy", allow_pickle=False)
        return self._choice.rows(name, labels)

    def _prepared(self) -> Path:
        if not self.directory.is_dir():
            raise DataMissing(
                f"{self.source.name} is not prepared in {self.directory}. "
                f"Run: {prepared.command(self.source.name, data_dir=self.directory.parents[1])}"
            )
        return self.directory

    def _build(self, target: Path, progress: bool) -> None:
        examples = self.source.examples()
        sizes = {name: len(labels) for name, (_, labels) in examples.items()}
        published = dict(self.source.splits)
        if sizes != published:
            raise DataMissing(f"{self.source.name} has {sizes} examples where {published} are published.")
        with counting(f"Preparing {self.source.name}", sum(sizes.values()), progress) as advance:
            prepared.write_images(
                target, self.source.name, self.source.version, len(self.source.class_names), examples, advance
            )
        prepared.write_card(target, self.source.card(prepared.content_hash(examples)))
