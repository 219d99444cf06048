"""What the released SVT computes, by name and in its layout, computed by ours."""

from typing import Any

import jax
import jax.numpy as jnp


def outputs(model: Any, images: jax.Array) -> dict[str, jax.Array]:
    """Of images (batch, channels, height, width): "stage1" to "stage4", the maps (batch, channels, height, width) after
    each stage's blocks (and, of the first three, its norm), and "output", the logits (batch, classes)."""
    x = jnp.moveaxis(images, 1, -1)
    maps = model.features(x, train=False)
    stages = {f"stage{index}": jnp.moveaxis(one, -1, 1) for index, one in enumerate(maps, start=1)}
    return {**stages, "output": model.classify(maps[-1], train=False)}
