"""What datasets of images have in common: the transforms of each split, sizes checked, and a sheet to look at."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import DatasetSpec, FieldSpec
from spectrax.data.transforms import Transform, apply

if TYPE_CHECKING:
    from spectrax.plots.classification import Figure


class SeenImages:
    """Base of datasets whose stored examples are an "image" and a "label": as a model sees them, "image" float32
    (image_size, image_size, channels) and "label" int32 (). What is stored, and `spec`, are the datasets' own.

    Args:
        image_size: side of the square images that the transforms end with.
        channels: their channels.
        num_classes: number of classes.
        train: transforms of the training split.
        evaluate: transforms of the other splits, none of them random.
        class_order: what the classes are numbered by.

    Raises:
        ConfigError: when an evaluation transform is random.
    """

    spec: DatasetSpec

    def __init__(
        self,
        *,
        image_size: int,
        channels: int,
        num_classes: int,
        train: Sequence[Transform],
        evaluate: Sequence[Transform],
        class_order: str = "",
    ):
        if any(transform.random for transform in evaluate):
            raise ConfigError("dataset.evaluate holds a random transform, but evaluation must not depend on chance.")
        self._transforms = {"train": tuple(train), "validation": tuple(evaluate), "test": tuple(evaluate)}
        self.fields = {
            "image": FieldSpec((image_size, image_size, channels), "float32", "normalised intensities"),
            "label": FieldSpec((), "int32", f"class, 0 to {num_classes - 1}{class_order and f', {class_order}'}"),
        }

    def transform(self, split: str, example: Mapping[str, Any], rng: np.random.Generator | None) -> dict[str, Any]:
        """A stored example as the model sees it. Raises `ConfigError` when it has another shape than stated."""
        image = apply(self._transforms_of(split, rng), np.asarray(example["image"]), rng)
        return self._seen(split, image, example)

    def _transforms_of(self, split: str, rng: np.random.Generator | None) -> tuple[Transform, ...]:
        # Training images looked at without chance, as in an evaluation of the training split.
        return self._transforms["validation" if rng is None and self.is_random(split) else split]

    def _seen(self, split: str, image: np.ndarray, example: Mapping[str, Any]) -> dict[str, Any]:
        """A transformed image with its label."""
        expected = self.fields["image"].shape
        if image.shape != expected:
            raise ConfigError(f"dataset.{split} transforms give images {image.shape}; the dataset says {expected}.")
        return {"image": np.ascontiguousarray(image, np.float32), "label": np.int32(example["label"])}

    def is_random(self, split: str) -> bool:
        """Whether the transforms of the split draw random numbers."""
        return any(transform.random for transform in self._transforms[split])

    def preview(self, examples: Sequence[Mapping[str, Any]], names: Sequence[str]) -> "Figure":
        """Examples as the model sees them, each with its class (its number where it has no name) above and its name
        below."""
        from spectrax.plots import classification as plots

        class_names = self.spec.class_names
        labels = [int(example["label"]) for example in examples]
        captions = [plots.short_name(class_names[label]) if class_names else str(label) for label in labels]
        return plots.sheet(np.stack([example["image"] for example in examples]), captions, names)
