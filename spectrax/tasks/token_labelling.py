"""Token labelling: an image's class and, at some weight, its tokens' own labels, which may come from a teacher's maps.

Source: Jiang et al., "All tokens matter: token labeling for training better vision transformers", NeurIPS 2021.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch
from spectrax.tasks import token_targets
from spectrax.tasks.classification import Classification, cross_entropy
from spectrax.tasks.mixing import blend


@dataclasses.dataclass(frozen=True)
class TokenLabelling(Classification):
    """Classification by a model with a head over tokens, `model.token_label=true`; metrics are classification's.

    Where batches hold label maps, see `token_targets`, they are the targets of image and tokens; elsewhere the smoothed
    label of the image is that of each of its tokens.

    Attributes:
        image_weight: of the image's cross-entropy.
        token_weight: of the tokens' mean cross-entropy.
        ground_truth: an image's soft label is corrected by its true one: a tenth of that, or half where the likeliest
            classes of the two are the same.

    Raises:
        ConfigError: for numbers out of range, and for mixup or cutmix: tokens' labels stay where their tokens are.
    """

    image_weight: float = 1.0
    token_weight: float = 0.5
    ground_truth: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.image_weight, self.token_weight) < 0 or not self.image_weight + self.token_weight:
            raise ConfigError(
                f"task.image_weight={self.image_weight} and task.token_weight={self.token_weight} must be at least 0, "
                "and one of them above it."
            )
        if self._mixing:
            raise ConfigError(
                "task.mixup and task.cutmix would mix images without their tokens' labels: set both to 0, and "
                "model.mix_token=true, which does it for tokens."
            )

    def objective(self, outputs: Any, targets: jax.Array, batch: Batch) -> jax.Array:
        """The loss of {"logits", "token_logits", "mixed_share"} for smoothed true labels (batch, classes). Raises
        `ConfigError` for outputs of a model without a head over tokens."""
        if not isinstance(outputs, Mapping):
            raise ConfigError("task=token_labelling needs a model with a head over tokens: set model.token_label=true.")
        of_images, of_tokens = targets, targets[:, None]
        if token_targets.FIELDS[0] in batch:
            grid = _square(outputs["token_logits"].shape[1])
            of_images, of_tokens = map(self._softened, token_targets.of_batch(batch, self.num_classes, grid))
            if self.ground_truth:
                of_images = corrected(of_images, targets)
        return self.weighed(outputs, of_images, of_tokens)

    def weighed(self, outputs: Mapping[str, jax.Array], of_images: jax.Array, of_tokens: jax.Array) -> jax.Array:
        """Both cross-entropies for targets (batch, classes) and (batch, tokens or 1, classes).

        An image that holds a share of another's tokens learns that share of its target; token logits are those of the
        image's own tokens, in their own places.
        """
        of_images = blend(of_images, outputs["mixed_share"])
        loss = self.image_weight * jnp.mean(cross_entropy(outputs["logits"], of_images))
        return loss + self.token_weight * jnp.mean(cross_entropy(outputs["token_logits"], of_tokens))

    def _softened(self, probabilities: jax.Array) -> jax.Array:
        """As the released code smooths a teacher's label: the sum stays a little above 1."""
        off = self.label_smoothing / self.num_classes
        return probabilities * (1 - self.label_smoothing + off) + off


def corrected(soft: jax.Array, true: jax.Array) -> jax.Array:
    """Soft labels (batch, classes) with some of the true ones: the released code trusts a teacher that is right less.

    A tenth of the true label where the likeliest classes differ, half where they are the same.
    """
    same = jnp.argmax(soft, -1, keepdims=True) == jnp.argmax(true, -1, keepdims=True)
    trust = 0.9 - 0.4 * same
    return trust * soft + (1 - trust) * true


def _square(tokens: int) -> tuple[int, int]:
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise ConfigError(f"Label maps need images as high as wide; the model has {tokens} tokens.")
    return side, side
