"""Random erasing on the device: a box of noise in some of the images, with timm's draws.

Source: Zhong et al., "Random erasing data augmentation", AAAI 2020; one box of normal noise per pixel, as image recipes
have it.
"""

import math

import jax
import jax.numpy as jnp

from spectrax.core import randomness
from spectrax.parallel import global_batch

AREA = (0.02, 1 / 3)  # of the box, in parts of the image's
ASPECT = (0.3, 1 / 0.3)  # height over width, drawn uniformly in its logarithm
_TRIES = 10  # boxes drawn; the first that fits is taken, and where none does the image stays


def erase(images: jax.Array, probability: float, key: jax.Array) -> jax.Array:
    """A box of standard normal noise in each image with `probability`.

    Args:
        images: (batch, height, width, channels), normalised.
        probability: static.
        key: the same on all devices; every example of the whole batch draws with a key of its own.
    """
    return jax.vmap(lambda image, key: _erased(image, probability, key))(
        images, global_batch.keys(key, images.shape[0])
    )


def _erased(image: jax.Array, probability: float, key: jax.Array) -> jax.Array:
    draws = {name: randomness.stream(key, name) for name in ("erased", "area", "aspect", "corner", "noise")}
    sizes = jnp.asarray(image.shape[:2])
    area = (
        jax.random.uniform(draws["area"], (_TRIES,), minval=AREA[0], maxval=AREA[1]) * image.shape[0] * image.shape[1]
    )
    low, high = (math.log(aspect) for aspect in ASPECT)
    aspect = jnp.exp(jax.random.uniform(draws["aspect"], (_TRIES,), minval=low, maxval=high))
    boxes = jnp.round(jnp.stack([jnp.sqrt(area * aspect), jnp.sqrt(area / aspect)], 1)).astype(jnp.int32)
    fits = jnp.all(boxes < sizes, 1)
    box = boxes[jnp.argmax(fits)]
    erased = jnp.any(fits) & (jax.random.uniform(draws["erased"]) < probability)
    corner = jax.random.randint(draws["corner"], (2,), 0, jnp.maximum(sizes - box, 0) + 1)
    rows, columns = (
        (jnp.arange(size) >= corner[axis]) & (jnp.arange(size) < corner[axis] + box[axis])
        for axis, size in enumerate(image.shape[:2])
    )
    inside = (rows[:, None] & columns)[..., None] & erased
    return jnp.where(inside, jax.random.normal(draws["noise"], image.shape, image.dtype), image)
