"""The 1-D operators of the dual-tree transform as matrices: linear maps with the boundary rule built in.

Rows of analysis operators are de-interleaved, `[low even, low odd, high even, high odd]`, so that the complex bands
(which combine even and odd rows and columns) are blocks of one matrix product and nothing is gathered.
Computed once per size in float64 and kept.
"""

import functools

import numpy as np

from spectrax.ops.dual_tree_filters import level_one_filters, qshift_filters


@functools.cache
def analysis_matrix(size: int, family: str, level_one: bool) -> np.ndarray:
    """Analysis of an axis of `size` samples, float64.

    Level 1 (size even): (2 size, size), low and high at full rate. Later levels (size a multiple of 4): (size, size),
    low and high at half rate.
    """
    if level_one:
        filters = level_one_filters(family)
        low, high = _filter(filters.h0, size), _filter(filters.h1, size)
    else:
        filters = qshift_filters(family)
        low = _decimate(filters.h0b, filters.h0a, size, swap=False)
        high = _decimate(filters.h1b, filters.h1a, size, swap=True)
    return _read_only(np.concatenate([low[0::2], low[1::2], high[0::2], high[1::2]]))


@functools.cache
def synthesis_matrix(size: int, family: str, level_one: bool) -> np.ndarray:
    """Synthesis onto an axis of `size` samples, float64; columns in the row order of `analysis_matrix`.

    Level 1: (size, 2 size). Later levels: (size, size).
    """
    if level_one:
        filters = level_one_filters(family)
        low, high = _filter(filters.g0, size), _filter(filters.g1, size)
    else:
        filters = qshift_filters(family)
        low = _interpolate(filters.g0b, filters.g0a, size // 2, swap=False)
        high = _interpolate(filters.g1b, filters.g1a, size // 2, swap=True)
    return _read_only(np.concatenate([low[:, 0::2], low[:, 1::2], high[:, 0::2], high[:, 1::2]], axis=1))


def reflect(position: np.ndarray, size: int) -> np.ndarray:
    """Half-sample symmetric extension: the index in `[0, size)` of the sample that stands at `position`."""
    wrapped = position % (2 * size)
    return np.where(wrapped < size, wrapped, 2 * size - 1 - wrapped)


def _filter(taps: np.ndarray, size: int) -> np.ndarray:
    """`y[i] = sum_k h[k] x[i + m - k]`, odd length 2m + 1, as a (size, size) matrix."""
    offsets = (len(taps) - 1) // 2 - np.arange(len(taps))
    return _rows(np.arange(size)[:, None] + offsets, np.broadcast_to(taps, (size, len(taps))), size)


def _decimate(u: np.ndarray, v: np.ndarray, size: int, swap: bool) -> np.ndarray:
    """The two trees at half rate, interleaved, as a (size / 2, size) matrix.

    `A[q] = sum_t u[m-1-t] x[4q + 2t + 2 - m]` and `B[q]` the same with v, one sample later; rows A, B, A, B, ...
    (B first when `swap`).
    """
    m = len(u)
    start = 4 * np.arange(size // 4)[:, None] + 2 * np.arange(m) + 2 - m
    a = _rows(start, np.broadcast_to(u[::-1], start.shape), size)
    b = _rows(start + 1, np.broadcast_to(v[::-1], start.shape), size)
    pair = (b, a) if swap else (a, b)
    return np.stack(pair, axis=1).reshape(size // 2, size)


def _interpolate(u: np.ndarray, v: np.ndarray, size: int, swap: bool) -> np.ndarray:
    """From `size` samples to twice as many, as a (2 size, size) matrix: four output phases, each from half the taps."""
    half = len(u) // 2
    u, v = u[::-1], v[::-1]
    if half % 2:
        taps, starts = (u[1::2], v[1::2], u[0::2], v[0::2]), ((2, 1, 2, 1) if swap else (1, 2, 1, 2))
    else:
        taps, starts = (u[0::2], v[0::2], u[1::2], v[1::2]), ((1, 0, 3, 2) if swap else (0, 1, 2, 3))
    base = 2 * (np.arange(size // 2)[:, None] + np.arange(half)) - half
    phases = [_rows(base + s, np.broadcast_to(t, base.shape), size) for t, s in zip(taps, starts, strict=True)]
    return np.stack(phases, axis=1).reshape(2 * size, size)


def _rows(positions: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """The matrix whose row i adds `weights[i, k]` at the (reflected) column `positions[i, k]`."""
    matrix = np.zeros((len(positions), size))
    rows = np.broadcast_to(np.arange(len(positions))[:, None], positions.shape)
    np.add.at(matrix, (rows, reflect(positions, size)), weights)
    return matrix


def _read_only(matrix: np.ndarray) -> np.ndarray:
    matrix.setflags(write=False)
    return matrix
