"""The whole batch, seen from one device's part of it.

Under `jit` over a mesh every array is global, and these functions do nothing. In a region that runs once per device
(`pmap`, `shard_map`) an array is one device's part, and what belongs to the batch as a whole is said here: means over
it, draws for it, its order reversed. Both give the same numbers, up to the order in which sums are added.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from spectrax.parallel.layout import BATCH_AXES

Sampler = Callable[[jax.Array, tuple[int, ...]], jax.Array]


def axes() -> tuple[str, ...]:
    """The mesh axes that split the batch by hand here; () where arrays are global."""
    return tuple(jax.sharding.get_abstract_mesh().manual_axes)


def parts() -> int:
    """How many devices hold a part of the batch that is seen here; 1 where arrays are global."""
    sizes = jax.sharding.get_abstract_mesh().shape
    return math.prod(sizes[axis] for axis in axes())


def shards() -> int:
    """How many devices a global batch is split over by the mesh in force; 1 in a region that runs once per device."""
    if axes():
        return 1
    sizes = jax.sharding.get_abstract_mesh().shape
    return math.prod(sizes.get(axis, 1) for axis in BATCH_AXES)


def mean(tree: Any) -> Any:
    """The mean of every leaf over the devices' equal parts; what is no floating-point number must not differ."""
    if not axes():
        return tree
    return jax.tree.map(lambda leaf: jax.lax.pmean(leaf, axes()) if jnp.issubdtype(leaf, jnp.inexact) else leaf, tree)


def minimum(tree: Any) -> Any:
    """The least of every leaf over the devices."""
    return jax.lax.pmin(tree, axes()) if axes() else tree


def maximum(tree: Any) -> Any:
    """The greatest of every leaf over the devices."""
    return jax.lax.pmax(tree, axes()) if axes() else tree


def draw(sample: Sampler, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """`sample(key, shape)` for the batch of which `shape[0]` examples are here: draws depend on an example's place in
    the whole batch, never on the device that holds it."""
    if not axes():
        return sample(key, shape)
    whole = sample(key, (shape[0] * parts(), *shape[1:]))
    return jax.lax.dynamic_slice_in_dim(whole, jax.lax.axis_index(axes()) * shape[0], shape[0])


def keys(key: jax.Array, count: int) -> jax.Array:
    """A key for each of the `count` examples here, by its place in the whole batch: what is drawn with them for an
    example is drawn where the example is."""
    places = jnp.arange(count)
    if axes():
        places += jax.lax.axis_index(axes()) * count
    return jax.vmap(lambda place: jax.random.fold_in(key, place))(places)


def reverse(x: jax.Array) -> jax.Array:
    """The examples of the whole batch in reverse order."""
    if axes():
        count = parts()
        x = jax.lax.ppermute(x, axes(), [(source, count - 1 - source) for source in range(count)])
    return jnp.flip(x, 0)
