"""Randomness as a function of (seed, step, purpose): the same draws after a resume and on any layout of devices.

Draws over a batch are made with the global batch shape; JAX's threefry is partitionable, so the values do not
depend on how the batch is sharded.
"""

import zlib

import jax
from flax import nnx


def root_key(seed: int) -> jax.Array:
    """The key from which everything random in a run on devices is derived."""
    return jax.random.key(seed)


def step_key(seed: int, step: jax.Array | int) -> jax.Array:
    """The key of one training step (`step` counts optimizer steps from zero; may be traced)."""
    return jax.random.fold_in(stream(root_key(seed), "step"), step)


def stream(key: jax.Array, name: str) -> jax.Array:
    """An independent key for the named purpose, such as "initialise", "mixup" or "drop_path"."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


class _Counted(nnx.RngStream):
    """The keys of `nnx.RngStream`, counted by a plain number."""

    def __init__(self, key: jax.Array | int, *, tag: str) -> None:
        super().__init__(key, tag=tag)
        self.given = 0

    def __call__(self) -> jax.Array:
        key = jax.random.fold_in(self.key[...], self.given)
        self.given += 1
        return key


def parameter_keys(key: jax.Array | int) -> nnx.Rngs:
    """Keys for a model's parameters, the same that `nnx.Rngs(key)` gives.

    That one counts in an array; where JAX traces it, each key asks the count for its sharding, and to say that it has
    none JAX reads the program so far: building a network would take time quadratic in its layers.
    """
    rngs = nnx.Rngs(key)
    rngs.default = _Counted(key, tag=rngs.default.tag)
    return rngs
