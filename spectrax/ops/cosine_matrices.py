"""Matrices and normalisations of the cosine and sine transforms of types I to IV, float64, in SciPy's conventions."""

import functools
from typing import Literal

import numpy as np

from spectrax.ops.matrices import read_only
from spectrax.ops.norms import Norm, norm_factor

Family = Literal["cosine", "sine"]


@functools.cache
def transform_matrix(
    size: int, family: Family, kind: int, norm: Norm, rows: int | None = None, columns: int | None = None
) -> np.ndarray:
    """The transform of type `kind`, or its first rows and columns: read-only (rows, columns), by default all."""
    out = np.arange(size if rows is None else rows)[:, None]
    at = np.arange(size if columns is None else columns)
    before, after = normalisation(size, family, kind, norm)
    waves = _cosines(out, at, size, kind) if family == "cosine" else _sines(out, at, size, kind)
    return read_only(after[: len(out), None] * waves * before[: len(at)])


@functools.cache
def normalisation(size: int, family: Family, kind: int, norm: Norm) -> tuple[np.ndarray, np.ndarray]:
    """Factors (size,) of the samples before the transform that is not normalised, and of its results."""
    period = {"cosine": {1: 2 * (size - 1)}, "sine": {1: 2 * (size + 1)}}[family].get(kind, 2 * size)
    before, after = np.ones(size), np.full(size, norm_factor(norm, period))
    if norm == "ortho":
        edge = 0 if family == "cosine" else -1
        if kind == 2:
            after[edge] /= np.sqrt(2)
        elif kind == 3:
            before[edge] *= np.sqrt(2)
        elif kind == 1 and family == "cosine":
            before[[0, -1]] *= np.sqrt(2)
            after[[0, -1]] /= np.sqrt(2)
    return read_only(before), read_only(after)


def _cosines(out: np.ndarray, at: np.ndarray, size: int, kind: int) -> np.ndarray:
    """The transform that is not normalised, at some outputs (a column) and some samples (a row)."""
    angle, period = {
        1: (out * at, size - 1),
        2: (out * (2 * at + 1), 2 * size),
        3: ((2 * out + 1) * at, 2 * size),
        4: ((2 * out + 1) * (2 * at + 1), 4 * size),
    }[kind]
    once = (kind == 3) & (at == 0) | (kind == 1) & ((at == 0) | (at == size - 1))
    return np.where(once, 1, 2) * np.cos(_radians(angle, period))


def _sines(out: np.ndarray, at: np.ndarray, size: int, kind: int) -> np.ndarray:
    """As `_cosines`."""
    angle, period = {
        1: ((out + 1) * (at + 1), size + 1),
        2: ((out + 1) * (2 * at + 1), 2 * size),
        3: ((2 * out + 1) * (at + 1), 2 * size),
        4: ((2 * out + 1) * (2 * at + 1), 4 * size),
    }[kind]
    once = (kind == 3) & (at == size - 1)
    return np.where(once, 1, 2) * np.sin(_radians(angle, period))


def _radians(angle: np.ndarray, half_turn: int) -> np.ndarray:
    """Reduced as integers, so that no digit is lost where angles are large."""
    return np.pi * (angle % (2 * half_turn)) / half_turn
