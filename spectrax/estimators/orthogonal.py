"""A QR factorisation that takes in rows as they come, without forming Q, at nearly the speed of Gram matrices.

The singular values s and vectors V of some rows make all rows P well-conditioned however ill-conditioned they are:
T = P V / s. The Gram matrix of T then squares no condition number, where that of P does (the factor of a few rows as a
preconditioner of all: Rokhlin and Tygert, "A fast randomized algorithm for overdetermined linear least-squares
regression", 2008; Gram matrices of preconditioned rows: Yamamoto and others, "Roundoff error analysis of the
CholeskyQR2 algorithm", 2015). Rounding in T is rounding in P: column j of V / s is as long as row j of its inverse is
short. Where rows are not like those before, T is large, and Householder reflections take them in. M rows and as many
sides as there are functions cost 5 M N^2 multiplications and additions in matrix products, reflections 6 M N^2 of a
slower kind. The first rows are told by a sample of their own, refined once, and cost about 8 M N^2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.linalg import lapack

MODERATE = 1e3  # the largest condition number of T* T, and how many units of rounding are lost at most
SAMPLED = 8  # one row of so many, but twice as many rows as functions, tell the directions of a first chunk
REFINABLE = 1e10  # the largest condition number of its T* T from which they are refined


@dataclasses.dataclass(frozen=True)
class Factor:
    """Of rows P (M, N) = Q R, with Q* Q the identity, and of sides (M, k) beside them.

    Attributes:
        root: R (N, N), not always triangular.
        sides: Q* sides (N, k).
    """

    root: np.ndarray
    sides: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rows:
    """What is kept of rows and sides that have come.

    Attributes:
        before: of those that reflections took in; None when there are none.
        basis: V / s of some that came (N, N); None where they are so few or so dependent that rounding decides it.
        inverse: s V* (N, N).
        gram: T* T of all rows (N, N); of those that the basis is of it is the identity, so no eigenvalue is smaller
            than 1, but for rounding in T: 0.9 was the least found where rounding nearly decides the basis.
        turned: T* sides of all (N, k).
    """

    before: Factor | None
    basis: np.ndarray | None = None
    inverse: np.ndarray | None = None
    gram: np.ndarray | float = 0.0
    turned: np.ndarray | float = 0.0

    @classmethod
    def first(cls, rows: np.ndarray, *sides: np.ndarray) -> Self:
        """Of a first chunk: rows (rows, N) and sides (rows, k), any of which may be complex."""
        found = _foreseen(rows)
        if found is None:
            return cls._of(_reflected(None, rows, sides))
        _, inverse, basis = found
        return cls(None, basis, inverse).extended(rows, *sides)

    @classmethod
    def _of(cls, factor: Factor) -> Self:
        found = _directions(factor.root)
        if found is None:
            return cls(factor)
        left, inverse, basis = found
        return cls(factor, basis, inverse, np.eye(len(basis)), left.conj().T @ factor.sides)

    def extended(self, rows: np.ndarray, *sides: np.ndarray) -> Self:
        """Of what came before, and of any number of rows (rows, N) and sides (rows, k) more."""
        if self.basis is not None:
            tame = rows @ self.basis
            adjoint = _adjoint(tame)
            gram = self.gram + adjoint @ tame
            if min(abs(gram).sum(0).max(), np.linalg.norm(gram)) < MODERATE:  # no eigenvalue exceeds either
                turned = self.turned + np.hstack([adjoint @ side for side in sides])
                return dataclasses.replace(self, gram=gram, turned=turned)
        return self._of(_reflected(self.factor(), rows, sides))

    def factor(self) -> Factor | None:
        """Of all that came; None when that is nothing."""
        if self.basis is None or np.ndim(self.gram) == 0:
            return self.before
        lower = np.linalg.cholesky(self.gram)
        return Factor(lower.conj().T @ self.inverse, np.linalg.solve(lower, self.turned))


def _directions(root: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Left singular vectors of R, s V* and V / s; None where rounding decides the last."""
    left, values, adjoint = np.linalg.svd(root)
    if not values[-1] > len(values) * np.finfo(float).eps * values[0]:
        return None
    return left, values[:, None] * adjoint, adjoint.conj().T / values


def _foreseen(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The directions of rows without reflections of them all: those of a sample, refined by its T of all rows.

    None where there are too few rows for it, or the sample is not like the others.
    """
    stride = min(len(rows) // (2 * rows.shape[1]), SAMPLED)
    sampled = _directions(np.linalg.qr(rows[::stride], mode="r")) if stride > 1 else None
    if sampled is None:
        return None
    _, inverse, basis = sampled
    tame = rows @ basis
    gram = _adjoint(tame) @ tame
    if not np.linalg.norm(gram) < REFINABLE:
        return None
    try:
        return _directions(np.linalg.cholesky(gram).conj().T @ inverse)
    except (
        np.linalg.LinAlgError
    ):  # the sample was so near dependence that rounding in T took away what makes it definite
        return None


def _adjoint(array: np.ndarray) -> np.ndarray:
    return array.conj().T if np.iscomplexobj(array) else array.T  # `conj` copies real arrays too


def _reflected(factor: Factor | None, rows: np.ndarray, sides: Sequence[np.ndarray]) -> Factor:
    """By Householder reflections of what came before, stacked on the rows."""
    size, sides = rows.shape[1], np.hstack(sides)
    if factor is None and len(rows) < size:  # too few for a factor
        factor = Factor(np.zeros((size, size)), np.zeros((size, sides.shape[1])))
    if factor is not None:
        rows, sides = np.vstack([factor.root, rows]), np.vstack([factor.sides, sides])
    dtype = np.result_type(rows, sides)
    geqrf, unmqr = lapack.get_lapack_funcs(("geqrf", "unmqr" if dtype.kind == "c" else "ormqr"), dtype=dtype)
    factored, scales, _, _ = geqrf(np.array(rows, dtype, order="F"), lwork=64 * size, overwrite_a=True)
    turned, _, _ = unmqr("L", "C" if dtype.kind == "c" else "T", factored, scales, sides, 64 * sides.shape[1])
    return Factor(np.triu(factored[:size]), turned[:size])
