"""Gram matrices of any number of snapshots, in memory that does not grow with it, on one device or many."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from spectrax.core.errors import ConfigError
from spectrax.core.progress import counting
from spectrax.estimators.dictionaries.dictionary import Dictionary
from spectrax.estimators.features import CHUNK, KEPT, Chunk, Source, batches, check_finite, chunks, padded, peeked
from spectrax.estimators.gram import SUMS, GramState, empty, update
from spectrax.estimators.precision import double_precision
from spectrax.estimators.snapshots import Pairs, Stream
from spectrax.ops.choices import check_choice
from spectrax.parallel.layout import BATCH_AXES, Layout

PRECISIONS = ("float64", "compensated")


def accumulate(
    dictionary: Dictionary,
    source: Source,
    *,
    chunk: int = CHUNK,
    layout: Layout | None = None,
    precision: str = "float64",
    images: bool = True,
    progress: bool = False,
) -> GramState:
    """Gram matrices over all pairs of a source, as NumPy arrays in float64: integrals with the pairs' weights, means
    where they have none.

    Args:
        dictionary: fitted.
        source: `Pairs`, a `Stream`, or any batches of pairs.
        chunk: pairs whose dictionary values are in memory at once, over all devices: about 24 chunk N bytes.
        layout: the devices that each take a part of every chunk; sums are exchanged once, at the end. None: this CPU,
            by BLAS, which multiplies in float64 twice as fast as XLA does.
        precision: "float64"; or "compensated" float32 for devices without it, where `layout` says which: what adding
            up chunks loses is kept, so relative errors stay near 1e-7 for any number of pairs.
        images: whether L is added up, which EDMD does not need.
        progress: whether a progress bar is shown.

    Raises:
        ConfigError: when there is no pair, a value of the dictionary is not finite, or pairs have second images and
            are to be spread over devices.
    """
    check_choice("precision", precision, PRECISIONS)
    first, source = peeked(source)
    if layout is None and precision == "float64":
        total = _on_host(chunks(dictionary, source, chunk, progress), images)
    else:
        with _precision(precision):
            total = _on_devices(dictionary, source, chunk, layout, precision, images, progress)
    return total.means(first.weights is not None)


def _on_host(parts: Iterator[Chunk], images: bool) -> GramState:
    sums: dict[str, Any] = dict.fromkeys(SUMS, 0)
    count = 0
    for part in parts:
        adjoint = _adjoint(part.px)
        sums["G"] = sums["G"] + adjoint @ part.px  # NumPy sees that this is symmetric, and does half the work
        sums["A"] = sums["A"] + adjoint @ part.py
        if images:
            sums["L"] = sums["L"] + _adjoint(part.py) @ part.py
        sums["state"] = sums["state"] + adjoint @ part.x
        sums["weight"] += part.weight
        count += len(part.px)
    return GramState(**{**sums, "L": sums["L"] if images else None}, count=count, lost={})


def _adjoint(values: np.ndarray) -> np.ndarray:
    return values.conj().T if np.iscomplexobj(values) else values.T  # `conj` copies real arrays too


@contextlib.contextmanager
def _precision(precision: str) -> Iterator[None]:
    if precision == "compensated":
        yield
        return
    with double_precision():
        yield


def _on_devices(
    dictionary: Dictionary,
    source: Source,
    chunk: int,
    layout: Layout | None,
    precision: str,
    images: bool,
    progress: bool,
) -> GramState:
    shards = 1 if layout is None else layout.batch_shards
    total, step = None, None
    count = len(source) if isinstance(source, Pairs | Stream) else 0
    rows = -(-min(chunk, count or chunk) // shards) * shards
    with counting("Pairs", count, progress and count > 0) as advance:
        for pairs in batches(source):
            for start in range(0, len(pairs), rows):
                if pairs.second is not None:
                    raise ConfigError("Second images are averaged on this CPU alone: leave out layout and precision.")
                part = pairs.take(slice(start, start + rows))
                given = _given(part, rows, precision, layout)
                if total is None:
                    total = _parts(dictionary, part, shards, precision, images, layout)
                    step = _step(dictionary, layout)
                total = step(total, *given)
                advance(len(part))
        found = _together(total if layout is None else layout.readable(total))
    return found


def _given(part: Pairs, rows: int, precision: str, layout: Layout | None) -> list[Any]:
    """States, images and weights on the devices; rows that fill up the last chunk weigh nothing."""
    weights = np.ones(len(part)) if part.weights is None else part.weights
    arrays = [padded(part.x, rows), padded(part.y, rows), np.pad(weights, (0, rows - len(part)))]
    if precision == "compensated":
        arrays = [array.astype(np.complex64 if np.iscomplexobj(array) else np.float32) for array in arrays]
    return [jnp.asarray(array) if layout is None else layout.put_batch(array) for array in arrays]


def _parts(
    dictionary: Dictionary, part: Pairs, shards: int, precision: str, images: bool, layout: Layout | None
) -> GramState:
    """Sums of nothing, (shards, ...), one for each part of a batch."""
    dtype = part.x.dtype
    if precision == "compensated":
        dtype = np.dtype(np.complex64 if dtype.kind == "c" else np.float32)
    shape = jax.eval_shape(dictionary, jax.ShapeDtypeStruct((1, part.dimension), dtype))
    zeros = empty(shape.shape[1], part.dimension, shape.dtype, dtype, precision == "compensated", images)
    stacked = jax.tree.map(lambda leaf: np.zeros((shards, *leaf.shape), leaf.dtype), zeros)
    return jax.tree.map(jnp.asarray, stacked) if layout is None else layout.put_batch(stacked)


@functools.lru_cache(maxsize=KEPT)
def _step(dictionary: Dictionary, layout: Layout | None) -> Callable[..., GramState]:
    """Adds a chunk: each device its rows to its own sums. Traced once for a dictionary and a shape."""

    def local(gram: GramState, x: jax.Array, y: jax.Array, weights: jax.Array) -> GramState:
        own = jax.tree.map(lambda leaf: leaf[0], gram)
        added = update(own, dictionary(x), dictionary(y), x, weights)
        return jax.tree.map(lambda leaf: leaf[None], added)

    if layout is not None:
        split = PartitionSpec(BATCH_AXES)
        local = jax.shard_map(local, mesh=layout.mesh, in_specs=split, out_specs=split)
    return jax.jit(local, donate_argnums=0)


def _together(parts: GramState) -> GramState:
    """The sums of all parts, in float64 on the host."""

    def summed(leaf: Any) -> np.ndarray:
        array = np.asarray(leaf)
        return array.astype(np.result_type(array, np.float64)).sum(0)

    total = jax.tree.map(summed, parts)
    check_finite(total.G, total.A)
    return total
