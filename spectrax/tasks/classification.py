"""Image classification: soft-target cross-entropy, augmentation on the device, accuracy, top-5, confusion, figures."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch
from spectrax.parallel import global_batch
from spectrax.plots import classification as plots
from spectrax.tasks.erasing import erase
from spectrax.tasks.mixing import Mixing, blend

TOKEN_WEIGHT = 0.5  # of the token head's loss
CONFUSION_LIMIT = 200  # above this many classes a confusion matrix is neither kept nor drawn


@dataclasses.dataclass(frozen=True)
class Classification:
    """Classes of images: batches hold "image" (batch, height, width, channels) and "label" (batch,) int32.

    Attributes:
        num_classes: how many classes there are.
        class_names: their names for figures; None for numbers.
        label_smoothing: share of the target spread evenly over all classes (Szegedy et al., CVPR 2016).
        mixup: alpha of the weight with which two training images are mixed, see `mixing`; 0 for none.
        cutmix: alpha of the weight with which a box of another image is put into one; 0 for none.
        mix_probability: with which a batch is mixed.
        switch_probability: with which it is cut rather than mixed, where both are set.
        erasing: probability with which a box of a training image is filled with noise, see `erasing`.
        shift: each training image is moved by up to this many pixels along both axes, edge pixels repeated.
    """

    num_classes: int
    class_names: Sequence[str] | None = None
    label_smoothing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    mix_probability: float = 1.0
    switch_probability: float = 0.5
    erasing: float = 0.0
    shift: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"task.label_smoothing={self.label_smoothing} must be in [0, 1).")
        if self.class_names is not None and len(self.class_names) != self.num_classes:
            raise ConfigError(f"task.class_names has {len(self.class_names)} names for {self.num_classes} classes.")
        if self.shift < 0 or not 0 <= self.erasing <= 1:
            raise ConfigError(f"task.shift={self.shift} must be at least 0, task.erasing={self.erasing} from 0 to 1.")
        _ = self._mixing

    def named(self, class_names: Sequence[str]) -> "Classification":
        """The task with these names of classes, unless it has some; () for none."""
        return self if self.class_names or not class_names else dataclasses.replace(self, class_names=class_names)

    @property
    def _mixing(self) -> Mixing:
        return Mixing(self.mixup, self.cutmix, self.mix_probability, self.switch_probability)

    @property
    def _names(self) -> Sequence[str]:
        return self.class_names or [str(number) for number in range(self.num_classes)]

    def inputs(self, batch: Batch) -> Any:
        """The images."""
        return batch["image"]

    def init(self, model: Any, key: jax.Array) -> dict[str, Any]:
        """Classification keeps no state of its own."""
        return {}

    def loss(
        self, phase: str, model: Any, batch: Batch, extra: Any, key: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Mapping[str, jax.Array]]]:
        """Mean cross-entropy of the (smoothed, mixed) targets; accuracy is against the unmixed labels."""
        images, targets = self._augmented(batch, key)
        outputs = model(images, train=True, key=randomness.stream(key, "model"))
        logits = outputs["logits"] if isinstance(outputs, Mapping) else outputs
        correct = jnp.argmax(logits, -1) == batch["label"]
        return self.objective(outputs, targets, batch), (extra, {"accuracy": jnp.mean(correct, dtype=jnp.float32)})

    def objective(self, outputs: Any, targets: jax.Array, batch: Batch) -> jax.Array:
        """The loss of a model's training outputs for targets (batch, classes).

        A model with a token head gives {"logits", "token_logits", "mixed_share"}: its tokens learn the image's target
        too, at half weight, and an image that holds a share of another's tokens learns that share of its target.
        """
        if not isinstance(outputs, Mapping):
            return jnp.mean(cross_entropy(outputs, targets))
        of_images = blend(targets, outputs.get("mixed_share", 0.0))
        loss = jnp.mean(cross_entropy(outputs["logits"], of_images))
        return loss + TOKEN_WEIGHT * jnp.mean(cross_entropy(outputs["token_logits"], targets[:, None]))

    def _augmented(self, batch: Batch, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Training images and their targets (batch, classes)."""
        images, targets = batch["image"], self.targets(batch["label"])
        if self.shift:
            images = shifted(images, self.shift, randomness.stream(key, "shift"))
        if self.erasing:
            images = erase(images, self.erasing, randomness.stream(key, "erasing"))
        if self._mixing:
            images, targets = self._mixing(images, targets, randomness.stream(key, "mixup"))
        return images, targets

    def targets(self, labels: jax.Array) -> jax.Array:
        """Class probabilities (batch, classes) of integer labels, smoothed."""
        one_hot = jax.nn.one_hot(labels, self.num_classes, dtype=jnp.float32)
        return one_hot * (1 - self.label_smoothing) + self.label_smoothing / self.num_classes

    def metrics(self, model: Any, batch: Batch) -> dict[str, jax.Array]:
        """Sums over the unmasked examples of an evaluation batch."""
        labels = batch["label"]
        mask = batch["mask"].astype(jnp.float32)
        logits = model(batch["image"], train=False, key=None).astype(jnp.float32)
        own = jnp.take_along_axis(logits, labels[:, None], axis=1)
        # The rank of the true class is a count; a top-k would gather the whole batch on every device. Of equal logits,
        # which bfloat16 often gives, the first is ahead, as for argmax.
        before = jnp.arange(logits.shape[1]) < labels[:, None]
        rank = jnp.sum((logits > own) | ((logits == own) & before), axis=1)
        predicted = jnp.argmax(logits, axis=1)
        losses = cross_entropy(logits, jax.nn.one_hot(labels, self.num_classes))
        sums = {
            "examples": jnp.sum(mask),
            "loss": jnp.sum(losses * mask),
            "accuracy": jnp.sum((predicted == labels) * mask),
            "accuracy_top5": jnp.sum((rank < 5) * jnp.isfinite(own[:, 0]) * mask),
        }
        if self.num_classes <= CONFUSION_LIMIT:
            rows = jax.nn.one_hot(labels, self.num_classes) * mask[:, None]
            sums["confusion"] = jnp.einsum("bt,bp->tp", rows, jax.nn.one_hot(predicted, self.num_classes))
        return sums

    def reduce(self, totals: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Means over the examples: loss in nats, accuracies as fractions."""
        names = ("loss", "accuracy") + (("accuracy_top5",) if self.num_classes > 5 else ())
        return {name: float(totals[name] / totals["examples"]) for name in names}

    def predict(self, model: Any, inputs: jax.Array) -> dict[str, jax.Array]:
        """Class probabilities (batch, classes) and the likeliest class (batch,)."""
        logits = model(inputs, train=False, key=None).astype(jnp.float32)
        return {"probabilities": jax.nn.softmax(logits), "label": jnp.argmax(logits, axis=-1)}

    def rows(self, outputs: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Of each example the likeliest class, its probability, and the five likeliest as text."""
        probabilities = outputs["probabilities"]
        best = np.argsort(-probabilities, axis=-1, kind="stable")[:, :5]
        rows = []
        for likely, row in zip(best, probabilities, strict=True):
            top5 = "; ".join(f"{self._names[label]}={row[label]:.4f}" for label in likely)
            first = likely[0]
            rows.append({"label": self._names[first], "probability": f"{row[first]:.6f}", "top5": top5})
        return rows

    def sheet(self, inputs: np.ndarray, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> plots.Figure:
        """The images as the model saw them, each with its likeliest class and its file."""
        captions = [f"{plots.short_name(row['label'])} {100 * float(row['probability']):.0f}%" for row in rows]
        return plots.sheet(inputs, captions, names)

    def figures(
        self, predict: Callable[[Any], Any], batch: Batch, totals: Mapping[str, np.ndarray]
    ) -> dict[str, plots.Figure]:
        """Predictions with the mistakes first, and the confusion matrix."""
        probabilities = predict(self.inputs(batch))["probabilities"]
        total = int(totals["examples"])
        drawn = {
            "predictions": plots.predictions(batch["image"], batch["label"], probabilities, self._names, total=total)
        }
        if "confusion" in totals:
            drawn["confusion"] = plots.confusion(totals["confusion"], self._names)
        return drawn


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """`-sum(targets * log_softmax(logits))` per example, in float32 nats; shapes (..., classes) -> (...)."""
    return -jnp.sum(targets * jax.nn.log_softmax(logits.astype(jnp.float32)), axis=-1)


def shifted(images: jax.Array, pixels: int, key: jax.Array) -> jax.Array:
    """Each image of the batch moved by its own whole number of pixels, at most `pixels`, along height and width."""
    batch, height, width, channels = images.shape
    padded = jnp.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="edge")
    corners = global_batch.draw(lambda key, shape: jax.random.randint(key, shape, 0, 2 * pixels + 1), key, (batch, 2))

    def window(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), (height, width, channels))

    return jax.vmap(window)(padded, corners)
