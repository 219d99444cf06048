"""Darcy's flow: -div(a grad p) = f on the unit square with p = 0 on its boundary.

Two ways to read the samples of a and f, and of the p returned. They differ by some per cent: a data set keeps to one.

* "vertex_fd": samples at the vertices i / (size - 1), the boundary among them. Positive a make an M-matrix.
* "official": as the generator of Li et al. (2021), "Fourier neural operator for parametric partial differential
  equations": samples at the centres (i + 1/2) / size of cells, carried to the vertices and back by tensor products of
  not-a-knot cubic splines, which extrapolate by half a cell at the rim. p is small there, not zero. Splines overshoot
  where a jumps, so a may be negative at a vertex and the operator is not always elliptic.

Between the vertices both solve the same five-point conservative differences, a face's coefficient being the mean of its
two vertices.
"""

import functools
import os
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from spectrax.core.errors import ConfigError
from spectrax.ops.choices import check_choice
from spectrax.solvers.darcy_cg import solve_iteratively
from spectrax.solvers.darcy_direct import solve_directly
from spectrax.solvers.field_files import read_arrays, write_arrays

Discretisation = Literal["vertex_fd", "official"]
Method = Literal["direct", "cg"]

_TOLERANCE = 1e-11  # of "cg", where none is given


def coefficients(field: ArrayLike, upper: float = 12.0, lower: float = 3.0) -> np.ndarray:
    """Piecewise constant coefficients: `upper` where the field is zero or more, `lower` elsewhere; float64.

    The released demonstration uses 12 and 4, the paper 12 and 3.
    """
    return np.where(np.asarray(field) >= 0, float(upper), float(lower))


def solve(
    coefficient: ArrayLike,
    forcing: ArrayLike = 1.0,
    *,
    discretisation: Discretisation = "vertex_fd",
    method: Method = "direct",
    tolerance: float | None = None,
    dtype: str = "float64",
) -> np.ndarray:
    """The pressure (batch, size, size) in the flow through each coefficient (batch, size, size).

    Args:
        coefficient: a, sampled as `discretisation` says.
        forcing: f: a number, or samples (size, size) or (batch, size, size).
        method: "direct", a sparse factorisation on the host; "cg", for "vertex_fd" alone: conjugate gradients, see
            `darcy_cg`.
        tolerance: of "cg" alone: the residual over the right-hand side, both in the preconditioner's norm. None:
            1e-11, which leaves a difference of 1e-12 to "direct" where coefficients are 12 and 3.
        dtype: of the iteration of "cg", float64 or float32; "direct" takes float64 alone. The result is float64.

    Raises:
        ConfigError: when a shape or a word is not one of those above, or the equations have no solution.
    """
    coefficient = np.asarray(coefficient, np.float64)
    _check(coefficient, discretisation, method)
    _check_precision(method, tolerance, dtype)
    size = coefficient.shape[-1]
    forcing = _forcing(forcing, coefficient.shape)
    if discretisation == "official":
        inwards, outwards = _splines(size)
        pressure = solve_directly(_resampled(coefficient, inwards), _resampled(forcing, inwards))
        return _resampled(pressure, outwards)
    if method == "cg":
        return solve_iteratively(coefficient, forcing, _TOLERANCE if tolerance is None else tolerance, dtype)
    return solve_directly(coefficient, forcing)


def _resampled(samples: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return matrix @ samples @ matrix.T


@functools.lru_cache(maxsize=4)
def _splines(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The matrices (size, size) that carry samples along an axis from centres to vertices, and back."""
    centres = (np.arange(size) + 0.5) / size
    vertices = np.linspace(0, 1, size)
    impulses = np.eye(size)
    return CubicSpline(centres, impulses)(vertices), CubicSpline(vertices, impulses)(centres)


def _check(coefficient: np.ndarray, discretisation: str, method: str) -> None:
    check_choice("discretisation", discretisation, get_args(Discretisation))
    check_choice("method", method, get_args(Method))
    if method == "cg" and discretisation == "official":
        raise ConfigError("Splines can make coefficients negative: discretisation='official' takes method='direct'.")
    if coefficient.ndim != 3 or coefficient.shape[1] != coefficient.shape[2] or coefficient.shape[1] < 4:
        raise ConfigError(
            f"Darcy's coefficients have the shape (batch, size, size) with a size of 4 or more, not "
            f"{list(coefficient.shape)}."
        )
    if not np.isfinite(coefficient).all():
        raise ConfigError("Darcy's coefficients are finite numbers: look for NaN and infinity in the samples.")


def _check_precision(method: str, tolerance: float | None, dtype: str) -> None:
    check_choice("dtype", dtype, ("float64", "float32"))
    if tolerance is not None and not tolerance > 0:
        raise ConfigError(f"The tolerance is positive, not {tolerance}.")
    if method == "direct" and (tolerance is not None or dtype != "float64"):
        raise ConfigError("method='direct' solves in float64 to rounding: leave tolerance and dtype to method='cg'.")


def _forcing(forcing: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    forcing = np.asarray(forcing, np.float64)
    if forcing.shape not in ((), shape[1:], shape):
        raise ConfigError(
            f"The forcing of coefficients {list(shape)} is a number, or has the shape (size, size) or (batch, size, "
            f"size), not {list(forcing.shape)}."
        )
    return np.broadcast_to(forcing, shape)


def solve_file(source: str | os.PathLike[str], target: str | os.PathLike[str], **options: Any) -> None:
    """Solve for what an .npz file holds, and write another with the pressure.

    Args:
        source: with "coefficient" (batch, size, size), and "forcing" as in `solve` if it is not 1.
        target: gets "coefficient" as it was, "pressure" (batch, size, size), float64, and "discretisation".
        options: of `solve`, by name.

    Raises:
        DataMissing: when there is no source.
        UnreadableFile: when it is no .npz file, holds anything but real numbers, or lacks a coefficient.
        RunDirectoryError: when the target cannot be written.
        ConfigError: as in `solve`.
    """
    given = read_arrays(source, ["coefficient"], ["forcing"])
    pressure = solve(**given, **options)
    discretisation = options.get("discretisation", "vertex_fd")
    write_arrays(target, coefficient=given["coefficient"], pressure=pressure, discretisation=discretisation)
