"""A dictionary's values at pairs of snapshots, chunk by chunk, in memory that does not grow with their number."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.progress import counting
from spectrax.estimators.dictionaries.dictionary import Dictionary, fit_dictionary
from spectrax.estimators.precision import double_precision
from spectrax.estimators.snapshots import Pairs, Stream

Source = Pairs | Stream | Iterable[Pairs]
"""Snapshots in memory, or in batches."""
CHUNK = 4096
KEPT = 4  # compiled programs of different dictionaries, each of which is kept alive with its own


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Rows of dictionary matrices, times the square roots of their weights.

    Attributes:
        px: (rows, N), at states.
        py: (rows, N), at their images; the mean where there are two.
        x: (rows, dimension), the states.
        weight: sum of the weights; 1 each where none were given.
    """

    px: np.ndarray
    py: np.ndarray
    x: np.ndarray
    weight: float


def batches(source: Source) -> Iterator[Pairs]:
    """The batches of a source; a `Pairs` is one. Raises `ConfigError` when some have weights and some have none."""
    weighted = None
    for pairs in [source] if isinstance(source, Pairs) else source:
        if weighted not in (None, pairs.weights is not None):
            raise ConfigError("Some batches of pairs have weights and some have none. Give weights to all, or to none.")
        weighted = pairs.weights is not None
        yield pairs


def peeked(source: Source) -> tuple[Pairs, Source]:
    """The first batch of a source, and the whole source. Raises `ConfigError` for none, or one that is no `Pairs`."""
    if isinstance(source, Pairs | Stream):
        first, whole = next(iter(batches(source)), None), source
    else:
        rest = iter(source)
        first = next(rest, None)
        whole = itertools.chain([first], rest)
    if first is None:
        raise ConfigError("There are no pairs of snapshots. Give some.")
    if not isinstance(first, Pairs):
        raise ConfigError(f"Pairs of snapshots are needed, and not {type(first).__name__}. Give a `Pairs`.")
    return first, whole


def in_memory(source: Source) -> Pairs:
    """Pairs that are all there. Raises `ConfigError` for what comes in batches."""
    if not isinstance(source, Pairs):
        raise ConfigError(
            f"All pairs are needed at once, as a `Pairs`, and not {type(source).__name__}. Give fewer of them in "
            "memory; EDMD, mpEDMD and ResDMD(held_out=0) take a `Stream`."
        )
    return source


def counted(source: Source) -> Pairs | Stream:
    """Pairs that can be counted beforehand and gone through twice. Raises `ConfigError` for others."""
    if not isinstance(source, Pairs | Stream):
        raise ConfigError(f"A `Pairs` or a `Stream` is needed, which know their number; not {type(source).__name__}.")
    return source


def with_dictionary(dictionary: Any, source: Source, seed: int) -> tuple[Dictionary, Source]:
    """The dictionary, fitted to the first batch of a source where it has to see data, and the whole source.

    Raises:
        ConfigError: when there is no batch, or the dictionary does not take these states.
    """
    first, source = peeked(source)
    with double_precision():
        fitted = fit_dictionary(dictionary, first.x, seed)
        jax.eval_shape(fitted, jax.ShapeDtypeStruct((1, first.dimension), first.x.dtype))
    return fitted, source


def weighted_chunks(source: Pairs | Stream, chunk: int) -> Iterator[tuple[list[np.ndarray], np.ndarray, int]]:
    """At most `chunk` pairs at a time, of as many rows each, so that what takes them is traced once.

    Yields:
        states, images and perhaps second images, (rows, dimension) each; weights (rows,), 1 / pairs each where none
        were given, and 0 in rows that only fill up; and how many pairs they are.
    """
    for pairs in batches(source):
        weights = np.full(len(pairs), 1 / len(source)) if pairs.weights is None else pairs.weights
        given = [pairs.x, pairs.y] if pairs.second is None else [pairs.x, pairs.y, pairs.second]
        rows = min(chunk, len(pairs))
        for start in range(0, len(pairs), rows):
            part = slice(start, start + rows)
            count = len(weights[part])
            yield [padded(states[part], rows) for states in given], np.pad(weights[part], (0, rows - count)), count


def chunks(dictionary: Dictionary, source: Source, chunk: int = CHUNK, progress: bool = False) -> Iterator[Chunk]:
    """The dictionary at all pairs, in order, at most `chunk` at a time.

    Args:
        dictionary: fitted.
        progress: whether a progress bar is shown.

    Raises:
        ConfigError: when a value is not finite.
    """
    total = len(source) if isinstance(source, Pairs | Stream) else 0
    evaluate = jax.jit(dictionary)
    with counting("Pairs", total, progress and total > 0) as advance:
        for pairs in batches(source):
            rows = min(chunk, len(pairs))
            for start in range(0, len(pairs), rows):
                found = _evaluated(evaluate, pairs.take(slice(start, start + rows)), rows)
                yield found
                advance(len(found.x))


def _evaluated(evaluate: Callable[[np.ndarray], jax.Array], pairs: Pairs, rows: int) -> Chunk:

    def values(states: np.ndarray) -> np.ndarray:
        with double_precision():
            return np.asarray(evaluate(padded(states, max(rows, len(states)))))[: len(states)]

    if len(pairs) > 1 and pairs.second is None and np.array_equal(pairs.y[:-1], pairs.x[1:]):
        along = values(np.concatenate([pairs.x, pairs.y[-1:]]))  # images are states again: evaluated once for both
        px, py = along[:-1], along[1:]
    else:
        px, py = values(pairs.x), values(pairs.y)
    if pairs.second is not None:
        py = (py + values(pairs.second)) / 2
    check_finite(px, py)
    if pairs.weights is None:
        return Chunk(px, py, pairs.x, float(len(pairs)))
    roots = np.sqrt(pairs.weights)[:, None]
    return Chunk(px * roots, py * roots, pairs.x * roots, float(pairs.weights.sum()))


def padded(rows: np.ndarray, count: int) -> np.ndarray:
    """`count` rows, the last one repeated: every chunk has one shape, and is compiled for once."""
    return rows if len(rows) == count else np.pad(rows, ((0, count - len(rows)), (0, 0)), mode="edge")


def check_finite(*values: np.ndarray) -> None:
    """Raises `ConfigError` where a dictionary's value is NaN or infinite."""
    with np.errstate(all="ignore"):
        if all(np.isfinite(array.sum()) for array in values):  # one pass; a sum may overflow where no value is infinite
            return
    if not all(np.isfinite(array).all() for array in values):
        raise ConfigError(
            "The dictionary is not finite at some of these pairs. Bring the states to a scale of about 1, or lower the "
            "order of the dictionary."
        )
