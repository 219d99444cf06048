"""Fields brought to mean 0 and deviation 1 by what is known of the training examples, and back.

The moments are part of the model's state, so that a checkpoint, an exported file and a prediction need no data: raw
values go in, raw values come out, and whatever compares outputs with targets compares decoded ones.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError

EPSILON = 1e-5  # added to the deviation, as the Fourier neural operator's code does


class Moments(nnx.Variable):
    """What a normaliser knows of the data: neither trained nor changed by a step."""


class Normaliser(nnx.Module):
    """`(x - mean) / (deviation + 1e-5)`, in float32; without data it changes nothing but for that epsilon.

    Both directions raise `ConfigError` for fields of another shape than the moments', which broadcasting might stretch.

    Args:
        shape: of the moments: that of an example, where every location and channel has its own, or (channels,).
    """

    def __init__(self, shape: tuple[int, ...]):
        self.mean = Moments(jnp.zeros(shape))
        self.deviation = Moments(jnp.ones(shape))

    def encode(self, x: jax.Array) -> jax.Array:
        """(batch, *space, channels) -> the same shape."""
        self._check(x)
        return (x.astype(jnp.float32) - self.mean[...]) / (self.deviation[...] + EPSILON)

    def decode(self, x: jax.Array) -> jax.Array:
        """The inverse of `encode`."""
        self._check(x)
        return x.astype(jnp.float32) * (self.deviation[...] + EPSILON) + self.mean[...]

    def _check(self, x: jax.Array) -> None:
        wanted = self.mean.shape
        if x.shape[x.ndim - len(wanted) :] != wanted:
            raise ConfigError(
                f"dataset.normalise: fields {list(x.shape[1:])} do not fit moments {list(wanted)} of the data. Set it "
                "to null where the model gives only a part of the target, as in a roll-out."
            )


def with_moments(weights: Mapping[str, Any], path: str, moments: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """A model's weights (trees "parameters" and "statistics") with the moments of data in their places.

    Args:
        path: of the module that holds a `Normaliser` for each of `moments`, such as "normaliser".
        moments: name to (mean, deviation), in the shapes that are there.
    """
    held = dict(weights["statistics"][path])
    for name, (mean, deviation) in moments.items():
        new = {"mean": mean, "deviation": deviation}
        held[name] = {key: _in_place_of(leaf, new[key]) for key, leaf in held[name].items()}
    return {**weights, "statistics": {**weights["statistics"], path: held}}


def _in_place_of(leaf: jax.Array, values: Any) -> jax.Array:
    return jax.device_put(jnp.asarray(values, leaf.dtype).reshape(leaf.shape), leaf.sharding)
