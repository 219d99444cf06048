"""The complex Schur form of a matrix, on the host."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike


@dataclasses.dataclass(frozen=True, eq=False)
class SchurForm:
    """A = vectors triangle vectors*.

    Attributes:
        triangle: (n, n), upper triangular, with the eigenvalues on its diagonal.
        vectors: (n, n), unitary.
    """

    triangle: np.ndarray
    vectors: np.ndarray


def schur_form(matrix: ArrayLike) -> SchurForm:
    """Of a matrix (n, n), by one BLAS thread: several gain nothing here, and wait for each other where cores are
    shared."""
    from scipy.linalg import schur
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return SchurForm(*schur(np.asarray(matrix, complex), output="complex"))
