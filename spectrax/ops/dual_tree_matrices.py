"""The 1-D operators of the dual-tree transform as matrices: linear maps with the boundary rule built in.

Rows of analysis operators are de-interleaved, `[low even, low odd, high even, high odd]`, so that the complex bands
(which combine even and odd rows and columns) are blocks of one matrix product and nothing is gathered.
Computed once per size in float64 and kept.
"""

import functools
from typing import NamedTuple

import numpy as np

from spectrax.ops.dual_tree_filters import level_one_filters, qshift_filters
from spectrax.ops.matrices import read_only


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
    return read_only(np.concatenate([low[0::2], low[1::2], high[0::2], high[1::2]]))


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
    return read_only(np.concatenate([low[:, 0::2], low[:, 1::2], high[:, 0::2], high[:, 1::2]], axis=1))


class Tiles(NamedTuple):
    """A banded operator as one small matrix that serves every tile of a long axis.

    Tile k of the outputs is `matrix @ window k`, where window k begins at `start + k * stride` of every input signal
    and takes `length` samples of it (signals extended symmetrically), all signals one after another.

    Attributes:
        matrix: (output signals * outputs per tile, input signals * length), float64.
        start: of the first window; negative.
        stride: input samples per tile.
        length: of a window.
    """

    matrix: np.ndarray
    start: int
    stride: int
    length: int


@functools.cache
def flip_split_analysis(size: int, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Level-1 analysis of the even and the odd part of an axis under reversal, two (size, size / 2) matrices.

    All level-1 filters are symmetric, so analysis commutes with reversal: with `x = [t, b]` and J reversal, `even =
    plus (t + J b)` and `odd = minus (t - J b)` give the outputs at even positions, `even + odd`, and those at odd
    positions in reverse, `even - odd`. Rows are [low, high].
    """
    half = size // 2
    low_even, _, high_even, _ = np.split(analysis_matrix(size, family, True), 4)
    matrix = np.concatenate([low_even, high_even])
    near, far = matrix[:, :half], matrix[:, half:][:, ::-1]
    return read_only((near + far) / 2), read_only((near - far) / 2)


@functools.cache
def flip_split_synthesis(size: int, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Level-1 synthesis in the same way, two (size / 2, size) matrices.

    With bands at even positions e and, in reverse, at odd positions o: `t = (p + m) / 2`, `J b = (p - m) / 2` for `p =
    plus (e + o)`, `m = minus (e - o)`; the halves are in the matrices. Columns are [low, high].
    """
    half = size // 2
    matrix = synthesis_matrix(size, family, True)
    even = np.concatenate([matrix[:, :half], matrix[:, 2 * half : 3 * half]], axis=1)
    near, far = even[:half], even[half:][::-1]
    return read_only((near + far) / 2), read_only((near - far) / 2)


@functools.cache
def analysis_tiles(family: str, level_one: bool, outputs: int) -> Tiles:
    """Analysis in tiles of `outputs` (even) samples of each of the four output signals [low, high] x [even, odd]."""
    factor = 2 if level_one else 4  # input samples for one sample of each output signal
    size = 4 * factor * outputs
    whole = analysis_matrix(size, family, level_one)
    return _interior_tile(np.split(whole, 4), 1, outputs, factor * outputs)


@functools.cache
def synthesis_tiles(family: str, level_one: bool, inputs: int) -> Tiles:
    """Synthesis in tiles that take `inputs` new samples of each of the two input signals [low, high]."""
    factor = 1 if level_one else 2  # output samples for one sample of each input signal
    size = 4 * factor * inputs
    low_even, low_odd, high_even, high_odd = np.split(synthesis_matrix(size, family, level_one), 4, axis=1)
    low = np.stack([low_even, low_odd], axis=2).reshape(size, -1)
    high = np.stack([high_even, high_odd], axis=2).reshape(size, -1)
    return _interior_tile([np.concatenate([low, high], axis=1)], 2, factor * inputs, inputs)


def _interior_tile(outputs: list[np.ndarray], signals: int, rows: int, stride: int) -> Tiles:
    """The tile of `rows` rows away from the borders, of operators (.., signals * columns), with its window."""
    tile = np.concatenate([matrix[rows : 2 * rows] for matrix in outputs])
    parts = np.split(tile, signals, axis=1)
    used = np.flatnonzero(np.any([part.any(0) for part in parts], axis=0))
    first, last = used[0], used[-1] + 1
    window = np.concatenate([part[:, first:last] for part in parts], axis=1)
    return Tiles(read_only(window), int(first) - stride, stride, int(last - first))


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
