"""Soft labels of an image's tokens, cut on the device from a teacher's stored map of the whole image.

A map keeps at each of its places the best few classes and their scores; an image of training is a crop, perhaps
mirrored. RoI-align of a box whose sides lie along the axes is a product with two small matrices.

Sources: Jiang et al., "All tokens matter: token labeling for training better vision transformers", NeurIPS 2021; He et
al., "Mask R-CNN", ICCV 2017 (RoI-align), with as many samples in a cell as torchvision takes.
"""

import jax
import jax.numpy as jnp

from spectrax.core.protocols import Batch

FIELDS = ("label_scores", "label_classes", "crop_box")
"""What a batch with label maps holds: scores and classes (batch, best, rows, columns), float16 and int16, and the crop
(batch, 4), float32: top, left, bottom and right in parts of the picture's sides, left above right where mirrored."""


def of_batch(batch: Batch, num_classes: int, grid: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """Class probabilities of the images (batch, classes) and of their tokens (batch, tokens, classes), row by row.

    Args:
        batch: with `FIELDS`.
        grid: (rows, columns) of the tokens.
    """
    scores = dense(batch["label_scores"], batch["label_classes"], num_classes)
    (rows, columns), box = grid, batch["crop_box"]
    down = [axis_weights(box[:, 0], box[:, 2], scores.shape[1], cells) for cells in (rows, 1)]
    along = [axis_weights(box[:, 1], box[:, 3], scores.shape[2], cells) for cells in (columns, 1)]
    # Cells of the tokens and the one of the whole image by one product along each axis; corners nobody wants are few.
    cut = jnp.einsum("bhwc,bih->biwc", scores, jnp.concatenate(down, 1), precision="highest")
    cut = jnp.einsum("biwc,bjw->bijc", cut, jnp.concatenate(along, 1), precision="highest")
    tokens = cut[:, :rows, :columns].reshape(cut.shape[0], rows * columns, num_classes)
    return jax.nn.softmax(cut[:, rows, columns]), jax.nn.softmax(tokens)


def dense(scores: jax.Array, classes: jax.Array, num_classes: int) -> jax.Array:
    """Scores of all classes, 0 for those not kept: (batch, best, rows, columns) -> (batch, rows, columns, classes)."""
    every = jnp.arange(num_classes, dtype=jnp.int32)
    kept = [
        jnp.where(classes[:, place, ..., None] == every, scores[:, place, ..., None].astype(jnp.float32), 0.0)
        for place in range(scores.shape[1])
    ]
    return sum(kept[1:], kept[0])


def axis_weights(start: jax.Array, end: jax.Array, size: int, cells: int) -> jax.Array:
    """RoI-align along one axis: (batch, cells, size), with which a map's values become those of the cells.

    Args:
        start, end: (batch,) of the region, in parts of the axis; the cells run from start to end, whichever is greater.
        size: of the map.
        cells: into which the region is split; each is the mean of evenly spaced samples, as many as its length in the
            map's places, rounded up.
    """
    # The middle of the map's first place is at 0; a region is at least one place long.
    low = jnp.minimum(start, end) * size - 0.5
    length = jnp.maximum(jnp.abs(end - start) * size, 1.0) / cells
    most = -(-size // cells)
    count = jnp.clip(jnp.ceil(length), 1, most)[:, None, None]
    cell, sample = jnp.arange(cells)[:, None], jnp.arange(most)
    position = low[:, None, None] + (cell + (sample + 0.5) / count) * length[:, None, None]
    taken = (sample < count) & (position >= -1) & (position <= size)
    position = jnp.clip(position, 0, size - 1)[..., None]
    weights = taken[..., None] * jnp.maximum(0.0, 1.0 - jnp.abs(position - jnp.arange(size)))
    weights = jnp.sum(weights, 2) / count
    return jnp.where((start > end)[:, None, None], weights[:, ::-1], weights)
