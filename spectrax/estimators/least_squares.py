"""Least squares on a dictionary, from chunks of its values or from Gram matrices."""

from __future__ import annotations

import dataclasses

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import Dictionary
from spectrax.estimators.features import Source, chunks, peeked
from spectrax.estimators.gram import GramState
from spectrax.estimators.orthogonal import Rows
from spectrax.estimators.qr import unit_scales


@dataclasses.dataclass(frozen=True)
class Projection:
    """Images and states projected onto the span of a dictionary, in a basis that is orthonormal over the states.

    Attributes:
        basis: B (N, r), coefficients of the basis in the dictionary.
        images: (r, N), the dictionary at the images: the operator is B images.
        states: (r, dimension), the states: their coefficients are B states.
        condition: of the weighted dictionary matrix at the states, with functions of norm 1, or with its penalty where
            there is one.
        regularised: a penalty was added.
    """

    basis: np.ndarray
    images: np.ndarray
    states: np.ndarray
    condition: float
    regularised: bool = False


def from_gram(gram: GramState, rtol: float) -> Projection:
    """By the eigenvalues of G that are above `rtol` times the largest, G being that of the functions made of norm 1.

    Raises:
        ConfigError: when there are fewer pairs than functions.
    """
    check_count(gram.count, len(gram.G))
    scales = unit_scales(np.sqrt(np.maximum(np.diag(gram.G).real, 0)))
    values, vectors = np.linalg.eigh(scales[:, None] * gram.G * scales)
    _check_some(values[-1])
    kept = values > rtol * values[-1]
    basis = scales[:, None] * vectors[:, kept] / np.sqrt(values[kept])
    return _projected(basis, gram, _condition(values))


def from_ridge(gram: GramState, penalty: np.ndarray | float) -> Projection:
    """With a penalty added to G: a number times the identity, or a matrix (N, N)."""
    penalty = penalty * np.eye(len(gram.G)) if np.ndim(penalty) == 0 else penalty
    values, vectors = np.linalg.eigh(gram.G + penalty)
    _check_some(values[-1])
    kept = values > len(values) * np.finfo(float).eps * values[-1]
    found = _projected(vectors[:, kept] / np.sqrt(values[kept]), gram, _condition(values))
    return dataclasses.replace(found, regularised=True)


def streamed_qr(
    dictionary: Dictionary, source: Source, chunk: int, rtol: float | None = None, progress: bool = False
) -> Projection:
    """By a QR factorisation that takes in one chunk after another, so no condition number is squared.

    Args:
        rtol: singular values, of the functions made of norm 1, below it relative to the largest are dropped; None:
            those that rounding decides.

    Raises:
        ConfigError: when there are fewer pairs than functions.
    """
    first, source = peeked(source)
    rows, count = None, 0
    for part in chunks(dictionary, source, max(chunk, 2 * dictionary.size), progress):
        rows = (Rows.first if rows is None else rows.extended)(part.px, part.py, part.x)
        count += len(part.px)
    factor, size = rows.factor(), dictionary.size
    check_count(count, size)
    scale = np.sqrt(count) if first.weights is None else 1.0
    units = unit_scales(np.linalg.norm(factor.root / scale, axis=0))
    left, values, adjoint = np.linalg.svd(factor.root / scale * units)
    _check_some(values[0])
    kept = values > (_rounding(count, size) if rtol is None else rtol) * values[0]
    sides = left[:, kept].conj().T @ (factor.sides / scale)
    condition = float(values[0] / values[-1]) if values[-1] else float("inf")
    basis = units[:, None] * adjoint[kept].conj().T / values[kept]
    return Projection(basis, sides[:, :size], sides[:, size:], condition)


def _rounding(count: int, size: int) -> float:
    """What rounding may make of singular values, relative to the largest.

    `count` units are the usual bound for so many rows. But the factor's rounding hardly grows with them, since errors
    of rows are as often up as down (11 units of 40 functions at 10^6 pairs), and a bound that did would drop functions
    for no other reason than more pairs.
    """
    return min(count, 100 * size) * float(np.finfo(float).eps)


def _projected(basis: np.ndarray, gram: GramState, condition: float) -> Projection:
    adjoint = basis.conj().T
    return Projection(basis, adjoint @ gram.A, adjoint @ gram.state, condition)


def _condition(squares: np.ndarray) -> float:
    """Of a matrix, by the eigenvalues of its Gram matrix; rounding hides whatever is above 1e8."""
    least = max(squares[0], np.finfo(float).eps * squares[-1])
    return float(np.sqrt(squares[-1] / least))


def _check_some(largest: float) -> None:
    if not largest > 0:
        raise ConfigError("The dictionary vanishes at all of these pairs. Choose another, or its scale.")


def check_count(pairs: int, functions: int) -> None:
    """Raise `ConfigError` for fewer pairs than functions."""
    if pairs < functions:
        raise ConfigError(
            f"{pairs:,} pair{'s' if pairs != 1 else ''} cannot tell {functions} functions apart. Give at least as "
            'many, take solver="ridge", or choose a smaller dictionary.'
        )
