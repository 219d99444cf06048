"""Fingerprints of arrays, computed where the arrays are: what a checkpoint was when it was saved.

A damaged file is not always an error on reading (a missing chunk reads as zeros), so every leaf carries 32 bits: the
sum, modulo 2^32, of its bit patterns times odd weights of their positions. Integer sums do not depend on order, so the
value is the same however the array is sharded.
"""

from typing import Any

import jax
import jax.numpy as jnp

from spectrax.core.trees import leaf_paths


@jax.jit
def _fingerprints(leaves: list[jax.Array]) -> list[jax.Array]:
    return [_fingerprint(leaf) for leaf in leaves]


def fingerprints(tree: Any) -> dict[str, int]:
    """Path to fingerprint for every leaf of `tree`."""
    named = dict(leaf_paths(tree))
    values = jax.device_get(_fingerprints(list(named.values())))
    return {path: int(value) for path, value in zip(named, values, strict=True)}


@jax.jit  # traced and compiled once for leaves of one shape
def _fingerprint(leaf: jax.Array) -> jax.Array:
    bits = _bits(leaf)
    position = jnp.zeros(leaf.shape, jnp.uint32)
    stride = 1
    for axis in reversed(range(leaf.ndim)):
        position += jax.lax.broadcasted_iota(jnp.uint32, leaf.shape, axis) * jnp.uint32(stride % 2**32)
        stride *= leaf.shape[axis]
    return jnp.sum((bits + 1) * (2 * position + 1), dtype=jnp.uint32)


def _bits(leaf: jax.Array) -> jax.Array:
    if leaf.dtype == jnp.bool_:
        return leaf.astype(jnp.uint32)
    unsigned = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}[leaf.dtype.itemsize]
    return jax.lax.bitcast_convert_type(leaf, unsigned).astype(jnp.uint32)
