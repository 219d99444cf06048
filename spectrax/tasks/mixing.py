"""Two images of a batch in one, on the device: mixup and cutmix with timm's draws, one for the whole batch.

An image's partner is its mirror in the batch's order: a permutation would gather a batch that is split over devices.

Sources: Zhang et al., "mixup", ICLR 2018; Yun et al., "CutMix", ICCV 2019; choice and box as in timm.
"""

import dataclasses

import jax
import jax.numpy as jnp

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.parallel import global_batch


@dataclasses.dataclass(frozen=True)
class Mixing:
    """How images and their targets are mixed.

    Attributes:
        mixup: alpha of the Beta(alpha, alpha) weight with which whole images are mixed; 0 for never.
        cutmix: alpha of the weight of a box of the partner's pixels; 0 for never.
        probability: with which a batch is mixed at all.
        switch: where both are set, the probability of cutmix rather than mixup.

    Raises:
        ConfigError: for numbers out of range.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    probability: float = 1.0
    switch: float = 0.5

    def __post_init__(self) -> None:
        if self.mixup < 0 or self.cutmix < 0:
            raise ConfigError(f"task.mixup={self.mixup} and task.cutmix={self.cutmix} must be at least 0.")
        if not 0 <= self.probability <= 1 or not 0 <= self.switch <= 1:
            words = f"task.mix_probability={self.probability} and task.switch_probability={self.switch}"
            raise ConfigError(f"{words} must be from 0 to 1.")

    def __bool__(self) -> bool:
        return bool(self.mixup or self.cutmix) and self.probability > 0

    def __call__(self, images: jax.Array, targets: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Images (batch, height, width, channels) and class probabilities (batch, classes), mixed alike.

        Args:
            key: the same on all devices.
        """
        draws = {name: randomness.stream(key, name) for name in ("mixed", "cut", "weight", "box")}
        alpha, cut = jnp.asarray(self.mixup), jnp.zeros((), bool)
        if self.cutmix:
            cut = jax.random.uniform(draws["cut"]) < (self.switch if self.mixup else 1.0)
            alpha = jnp.where(cut, self.cutmix, self.mixup or self.cutmix)
        kept = jax.random.beta(draws["weight"], alpha, alpha)
        box = cut_box(draws["box"], images.shape[1:3], kept)
        mixed = jax.random.uniform(draws["mixed"]) < self.probability
        # The partner's part of every pixel, (height, width, 1), and of the target.
        parts = mixed * jnp.where(cut, box, 1 - kept)[..., None]
        part = mixed * jnp.where(cut, jnp.mean(box), 1 - kept)
        return blend(images, parts.astype(images.dtype)), blend(targets, part)


def blend(x: jax.Array, part: jax.Array) -> jax.Array:
    """`(1 - part) * x + part * x reversed`, over the batch's order."""
    return (1 - part) * x + part * global_batch.reverse(x)


def cut_box(key: jax.Array, grid: tuple[int, int], kept: jax.Array) -> jax.Array:
    """1.0 inside a box, 0.0 outside, float32 (height, width).

    The box has a share of `1 - kept` of the grid before it is clipped at the edges; its mean is the share that is left.
    """
    sizes = jnp.asarray(grid)
    half = jnp.floor(sizes * jnp.sqrt(1.0 - kept)).astype(jnp.int32) // 2
    centre = jax.random.randint(key, (2,), 0, sizes)
    rows, columns = (
        (jnp.arange(size) >= centre[axis] - half[axis]) & (jnp.arange(size) < centre[axis] + half[axis])
        for axis, size in enumerate(grid)
    )
    return (rows[:, None] & columns).astype(jnp.float32)
