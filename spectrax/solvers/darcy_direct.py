"""Darcy's five-point equations between vertices, solved by factorisation on the host."""

import numpy as np
from scipy import linalg

from spectrax.core.errors import ConfigError


def solve_directly(coefficient: np.ndarray, forcing: np.ndarray) -> np.ndarray:
    """The pressure (batch, size, size) at vertices i / (size - 1), zero on the boundary, for a and f there; float64.

    Raises:
        ConfigError: when the equations of a sample have no solution.
    """
    pressure = np.zeros(coefficient.shape)
    for number, (a, f) in enumerate(zip(coefficient, forcing, strict=True)):
        try:
            pressure[number, 1:-1, 1:-1] = _solve(a, f)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise ConfigError(f"Darcy's equations of sample {number} have no solution ({error}).") from error
    return pressure


def faces(coefficient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the faces that interior vertices have along x, (..., size - 1, size - 2), and along y,
    (..., size - 2, size - 1): the mean of the two vertices, over the square of their distance."""
    a = 0.5 * (coefficient.shape[-1] - 1) ** 2 * coefficient
    return a[..., 1:, 1:-1] + a[..., :-1, 1:-1], a[..., 1:-1, 1:] + a[..., 1:-1, :-1]


def _solve(coefficient: np.ndarray, forcing: np.ndarray) -> np.ndarray:
    """Interior pressure (size - 2, size - 2) by banded Cholesky factorisation; LU where a is not positive."""
    along_x, along_y = faces(coefficient)
    inner = len(coefficient) - 2
    diagonal = along_x[1:] + along_x[:-1] + along_y[:, 1:] + along_y[:, :-1]
    bands = np.zeros((inner + 1, inner, inner), order="C")  # LAPACK's lower form: bands[i, j] = matrix[i + j, j]
    bands[0] = diagonal
    bands[1, :, :-1] = -along_y[:, 1:-1]
    bands[inner, :-1] = -along_x[1:-1]
    bands = bands.reshape(inner + 1, inner * inner)
    right = forcing[1:-1, 1:-1].reshape(-1)
    if (coefficient > 0).all():
        solution = linalg.solveh_banded(bands, right, overwrite_ab=True, lower=True, check_finite=False)
    else:
        solution = linalg.solve_banded((inner, inner), _both_sides(bands), right, check_finite=True)
    return solution.reshape(inner, inner)


def _both_sides(bands: np.ndarray) -> np.ndarray:
    """The form of `scipy.linalg.solve_banded` of a symmetric matrix from its lower bands (width + 1, rows)."""
    width = len(bands) - 1
    upper = np.zeros((width, bands.shape[1]))
    for distance in range(1, width + 1):
        upper[width - distance, distance:] = bands[distance, :-distance]
    return np.concatenate([upper, bands])
