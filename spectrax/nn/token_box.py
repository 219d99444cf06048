"""MixToken: a box of one image's tokens in place of another's, and their outputs put back where they belong.

Boxes are (top, left, bottom, right) on the grid of output tokens, int32 (4,), the last two exclusive; one box serves a
whole batch, and each image's partner is its mirror in the batch's order.

Source: Jiang et al., "All tokens matter: token labeling for training better vision transformers", NeurIPS 2021.
"""

import jax
import jax.numpy as jnp

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.parallel import global_batch

SIDE = 8  # of an output token, in the map that boxes are exchanged in
_FEWEST = 3  # output tokens per side: on fewer every box is empty


def check(grid: tuple[int, int]) -> None:
    """Raises `ConfigError` when boxes in a map of this (height, width) make no sense, or are always empty."""
    size = "x".join(map(str, grid))
    if any(side % SIDE for side in grid):
        raise ConfigError(
            f"model.mix_token=true needs a first map, here {size}, whose sides divide by {SIDE}: choose a "
            f"dataset.image_size that divides by {4 * SIDE}."
        )
    if min(grid) < SIDE * _FEWEST:
        raise ConfigError(
            f"model.mix_token=true would exchange nothing: in a first map of {size} every box is empty. Choose a "
            f"dataset.image_size of {4 * SIDE * _FEWEST} or more."
        )


def draw(key: jax.Array, grid: tuple[int, int]) -> jax.Array:
    """A box whose share of the grid is about uniform before it is clipped at the edges; it may be empty.

    Args:
        key: the same on all devices.
        grid: (height, width) in output tokens.
    """
    # The released code draws Beta(1, 1), which is uniform.
    kept = jax.random.uniform(randomness.stream(key, "share"))
    sizes = jnp.asarray(grid)
    half = jnp.floor(sizes * jnp.sqrt(1.0 - kept)).astype(jnp.int32) // 2
    centre = jax.random.randint(randomness.stream(key, "centre"), (2,), 0, sizes)
    return jnp.concatenate([jnp.clip(centre - half, 0, sizes), jnp.clip(centre + half, 0, sizes)])


def paste(x: jax.Array, box: jax.Array, scale: int = 1) -> jax.Array:
    """A map (batch, height, width, channels) with the box, `scale` times as large here, taken from the reversed batch.

    Doing it twice with one box undoes it.
    """
    rows, columns = (jnp.arange(size) for size in x.shape[1:3])
    top, left, bottom, right = scale * box
    inside = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))
    return jnp.where(inside[..., None], global_batch.reverse(x), x)


def share(box: jax.Array, grid: tuple[int, int]) -> jax.Array:
    """The part of the grid that the box covers, float32 scalar."""
    return ((box[2] - box[0]) * (box[3] - box[1])).astype(jnp.float32) / (grid[0] * grid[1])
