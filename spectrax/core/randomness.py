"""Randomness as a function of (seed, step, purpose): the same draws after a resume and on any layout of devices.

Draws over a batch are made with the global batch shape; JAX's threefry is partitionable, so the values do not
depend on how the batch is sharded.
"""

import zlib

import jax


def root_key(seed: int) -> jax.Array:
    """The key from which everything random in a run on devices is derived."""
    return jax.random.key(seed)


def step_key(seed: int, step: jax.Array | int) -> jax.Array:
    """The key of one training step (`step` counts optimizer steps from zero; may be traced)."""
    return jax.random.fold_in(stream(root_key(seed), "step"), step)


def stream(key: jax.Array, name: str) -> jax.Array:
    """An independent key for the named purpose, such as "initialise", "mixup" or "drop_path"."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))
