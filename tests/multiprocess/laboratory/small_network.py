"""A network of a user's own that compiles in a second, with everything in it that depends on the layout of devices:
BatchNorm, stochastic depth, a wide layer with a bias."""

import jax
from flax import nnx

from spectrax.core import randomness
from spectrax.nn.drop_path import drop_path
from spectrax.nn.normalisation import BatchNorm


class Network(nnx.Module):
    """Flatten -> linear -> BatchNorm -> ReLU -> residual branch, dropped for some images -> linear.

    Args:
        image_size, channels: of the square images.
        num_classes: of the head.
        width: of the hidden layers.
    """

    def __init__(self, image_size: int, channels: int, num_classes: int, width: int, *, rngs: nnx.Rngs):
        self.embedding = nnx.Linear(image_size * image_size * channels, width, use_bias=False, rngs=rngs)
        self.norm = BatchNorm(width)
        self.branch = nnx.Linear(width, width, rngs=rngs)
        self.head = nnx.Linear(width, num_classes, rngs=rngs)

    def __call__(self, images: jax.Array, *, train: bool, key: jax.Array | None = None) -> jax.Array:
        """(batch, height, width, channels) -> logits (batch, classes)."""
        hidden = jax.nn.relu(self.norm(self.embedding(images.reshape(images.shape[0], -1)), train=train))
        dropped = randomness.stream(key, "branch") if train else None
        return self.head(hidden + drop_path(jax.nn.relu(self.branch(hidden)), 0.2, dropped))
