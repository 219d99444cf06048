"""Pseudospectra of a Koopman operator without spectral pollution: at each z the smallest residual a function can have.

tau(z) = min over c of ||(K - z) psi c|| / ||psi c|| is the smallest singular value of C - z Q, where Q and C are the
dictionary over the states and over their images in a basis orthonormal over the states. Both are reduced once to 2 N
rows; then each z costs one small singular value decomposition, whatever the number of pairs (Colbrook and Townsend,
arXiv 2111.14889, algorithm 2; from factors instead of squares, which cannot resolve tau below 1e-8).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.estimators.qr import RANK_TOLERANCE, Factors

_BATCH = 32  # points whose shifted matrices are in memory at once
_SQUARED = 1e-3  # of the pencil's norm: down to it squares, at half the cost, keep nine digits


def smallest_singular_values(q: jax.Array, c: jax.Array, z: jax.Array, batch: int = _BATCH) -> jax.Array:
    """The smallest singular value of c - z q at each z (points,): (points,) real; traceable.

    Args:
        q, c: (rows, functions), such as of `Factors.pencil`.
        batch: points in memory at a time.
    """

    def at(point: jax.Array) -> jax.Array:
        return jnp.linalg.svd(c - point * q, compute_uv=False)[-1]

    return jax.lax.map(at, z, batch_size=min(batch, len(z)))


def pseudospectrum(made: Factors, z: ArrayLike, tolerance: float = RANK_TOLERANCE) -> np.ndarray:
    """tau at complex points z of any shape, in that shape; on all cores.

    z lies in the epsilon-pseudospectrum where tau(z) <= epsilon, in the limit of infinitely many pairs. Where the
    dictionary is real, tau is the same at conjugate points, and is computed once. With second images it is that of the
    single images: noise makes it larger.

    Args:
        made: of `spectrax.estimators.qr.factors`.
        tolerance: singular values of the dictionary below it, relative to the largest, count as rank deficiency.

    Raises:
        ConfigError: when a point is not finite.
    """
    points = np.asarray(z, complex)
    if not np.isfinite(points).all():
        raise ConfigError("A point of the complex plane is not finite. Give a grid of finite numbers.")
    q, c, _ = made.pencil(tolerance)
    flat = points.ravel()
    if not (np.iscomplexobj(q) or np.iscomplexobj(c)):
        flat = flat.real + 1j * abs(flat.imag)
    # Mirror images of a grid's points are apart by rounding.
    _, chosen, places = np.unique(flat.round(14), return_index=True, return_inverse=True)
    return _in_threads(q, c, flat[chosen])[places].reshape(points.shape)


def _in_threads(q: np.ndarray, c: np.ndarray, z: np.ndarray) -> np.ndarray:
    """On the host, one thread a core: BLAS cannot share out decompositions as small as these."""
    from threadpoolctl import threadpool_limits

    if not len(z):
        return np.zeros(0)
    parts = np.array_split(z, -(-len(z) // _BATCH))
    squares = (c.conj().T @ c, c.conj().T @ q, np.linalg.norm(c, 2))
    with threadpool_limits(1), ThreadPoolExecutor(_cores()) as pool:
        return np.concatenate(list(pool.map(partial(_least, q, c, squares), parts)))


def _least(q: np.ndarray, c: np.ndarray, squares: tuple[np.ndarray, np.ndarray, float], z: np.ndarray) -> np.ndarray:
    """The smallest singular values at points z (points,): from the squares |z|^2 - z C* Q - (z C* Q)* + C* C first, and
    of the pencil itself where those come out small. Q has orthonormal columns."""
    images, crossed, norm = squares
    mixed = z[:, None, None] * crossed
    hermitian = images - mixed - mixed.conj().swapaxes(1, 2) + (abs(z) ** 2)[:, None, None] * np.eye(len(images))
    least = np.sqrt(np.maximum(np.linalg.eigvalsh(hermitian)[:, 0], 0))
    small = least < _SQUARED * (norm + abs(z))
    if small.any():
        triangles = np.linalg.qr(c - z[small, None, None] * q, mode="r")
        least[small] = np.linalg.svd(triangles, compute_uv=False)[:, -1]
    return least


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pseudoeigenfunctions(
    made: Factors, z: ArrayLike, tolerance: float = RANK_TOLERANCE
) -> tuple[np.ndarray, np.ndarray]:
    """tau at points z (points,), and coefficients (N, points) of the functions of norm 1 that attain it.

    At each point psi(x) times a column is a function g with ||K g - z g|| = tau ||g||: nearly an eigenfunction where
    tau is small, whether or not z is an eigenvalue.
    """
    q, c, basis = made.pencil(tolerance)
    taus, columns = [], []
    for point in np.atleast_1d(np.asarray(z, complex)):
        _, values, right = np.linalg.svd(c - point * q)
        taus.append(values[-1])
        columns.append(basis @ right[-1].conj())
    return np.array(taus), np.stack(columns, axis=1)


def complex_grid(
    real: tuple[float, float] = (-1.5, 1.5), imaginary: tuple[float, float] = (-1.5, 1.5), points: int = 100
) -> np.ndarray:
    """A grid (points, points) of complex numbers between the given bounds: rows of one imaginary part, increasing."""
    return np.linspace(*real, points)[None, :] + 1j * np.linspace(*imaginary, points)[:, None]
