"""Singular value decompositions of snapshots, and how many singular values to believe."""

from __future__ import annotations

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.ops.choices import check_choice

ROUTES = ("qr", "gram")
GAVISH_DONOHO = "gavish_donoho"
Rank = int | float | str | None
"""How many: an integer; a fraction of the energy (the sum of squares) below 1; "gavish_donoho"; None for all."""


def decomposed(x: np.ndarray, route: str, rank: Rank = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U (d, r), s (k,) decreasing, k >= r, and V (m, r): to rank r, x is U diag(s) V*; k without what rounding decides.

    Args:
        x: (d, m).
        route: "qr": by a QR factorisation of the longer side, to full precision; "gram": by the eigenvectors of x* x
            or x x*, whichever is smaller (the method of snapshots), fast where one side is much longer, and blind to
            singular values below 1e-8 of the largest.
        rank: see `chosen_rank`.

    Raises:
        ConfigError: when x is 0, or there is no such rank.
    """
    check_choice("svd", route, ROUTES)
    tall = x if x.shape[0] >= x.shape[1] else x.conj().T
    values, short = _by_qr(tall) if route == "qr" else _by_gram(tall)
    if not len(values) or not values[0] > 0:
        raise ConfigError("All snapshots are 0: there is nothing to decompose. Look at the data.")
    kept = chosen_rank(values, x.shape, rank)
    short = short[:, :kept]
    long = _orthonormal(tall @ (short / values[:kept]))
    return (long, values, short) if tall is x else (short, values, long)


def _by_qr(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values, and right singular vectors in columns."""
    _, values, adjoint = np.linalg.svd(np.linalg.qr(x, mode="r"))
    kept = values > max(x.shape) * np.finfo(float).eps * values[0]
    return values[kept], adjoint[kept].conj().T


def _by_gram(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    squares, vectors = np.linalg.eigh(x.conj().T @ x)
    kept = np.flatnonzero(squares > np.finfo(float).eps * squares[-1])[::-1]
    return np.sqrt(squares[kept]), vectors[:, kept]


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """Columns that are so already but for rounding (1e-16 times the condition number), made so by Newton-Schulz steps:
    products alone, so faster than to multiply by a factor Q."""
    for _ in range(6):
        defect = columns.conj().T @ columns - np.eye(columns.shape[1])
        size = abs(defect).max(initial=0)
        if size < 1e-14 * columns.shape[1]:
            return columns
        if size > 0.1:
            return np.linalg.qr(columns)[0]
        columns = columns - columns @ defect / 2
    return columns


def chosen_rank(values: np.ndarray, shape: tuple[int, int], rank: Rank) -> int:
    """How many of the singular values (k,), decreasing, of a matrix of this shape.

    "gavish_donoho": those above omega(beta) times their median, beta the ratio of the sides (Gavish and Donoho, "The
    optimal hard threshold for singular values is 4 / sqrt(3)", 2014, for noise of unknown size).

    Raises:
        ConfigError: when `rank` is none of these, or more than there are.
    """
    if rank is None:
        return len(values)
    if isinstance(rank, str):
        check_choice("rank", rank, (GAVISH_DONOHO,))
        beta = min(shape) / max(shape)
        omega = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43
        every = np.concatenate([values, np.zeros(min(shape) - len(values))])
        return max(1, int(np.count_nonzero(values > omega * np.median(every))))
    if isinstance(rank, float) and 0 < rank < 1:
        energy = np.cumsum(values**2)
        return min(len(values), int(np.searchsorted(energy, rank * energy[-1])) + 1)
    if not isinstance(rank, int | np.integer) or isinstance(rank, bool) or rank < 1:
        raise ConfigError(f"rank={rank!r}: give a positive integer, a fraction of the energy, {GAVISH_DONOHO} or null.")
    if rank > len(values):
        raise ConfigError(
            f"rank={rank}, but the snapshots have {len(values)} singular values above rounding. Give at most that, or "
            'more snapshots (with svd="gram", take svd="qr", which sees smaller ones).'
        )
    return rank
