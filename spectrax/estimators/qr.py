"""Triangular factors of dictionary matrices, streamed over pairs of snapshots: what residuals are computed from.

With PX, PY (M, N) the dictionary at states and at their images and W the quadrature weights, one factor R of
W^1/2 [PX, PY] (tall-skinny QR: the factor of what came before, stacked on the next chunk, is factored again) carries
every norm ||PX a + PY b|| without squaring the condition number, as Gram matrices do (Colbrook and Townsend,
arXiv 2111.14889, section 3).
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.progress import counting
from spectrax.estimators.features import KEPT, counted, peeked, weighted_chunks
from spectrax.estimators.precision import double_precision
from spectrax.estimators.snapshots import Pairs, Stream

RANK_TOLERANCE = 1e-12  # relative to the largest singular value: what lies below is rounding
ILL_CONDITIONED = 1e10
_FINEST = float(np.finfo(np.float64).eps)
_LAST = np.uint32(0xFF)  # digits of float32 that whole numbers below 65,536 and simple fractions do without


@dataclasses.dataclass(frozen=True, eq=False)
class Factors:
    """Columns of one triangular factor, in place of dictionary matrices with as many rows as pairs.

    Attributes:
        x: (k, N), where ||x c|| is the norm of psi c over the states; k = 2 N, or 3 N with second images.
        y: (k, N), that of psi c over the images, in the same rows: ||y a - x b|| is the norm of the difference.
        second: (k, N), that over second images, or None.
        pairs: how many went into it.
        precision: the rounding unit that the dictionary computes in.
        rounding: that of the states, where they were rounded more than to float64.
    """

    x: np.ndarray
    y: np.ndarray
    second: np.ndarray | None
    pairs: int
    precision: float = _FINEST
    rounding: float = _FINEST

    @classmethod
    def of_gram(cls, gram: np.ndarray, crossed: np.ndarray, images: np.ndarray, pairs: int) -> Self:
        """From G = PX* W PX, A = PX* W PY and L = PY* W PY (N, N), where those alone were kept.

        Half the digits are gone: residuals below 1e-8 times the condition number are rounding.
        """
        values, vectors = np.linalg.eigh(np.block([[gram, crossed], [crossed.conj().T, images]]))
        triangle = np.sqrt(np.maximum(values, 0))[:, None] * vectors.conj().T
        size = len(gram)
        return cls(triangle[:, :size], triangle[:, size:], None, pairs, float(np.sqrt(_FINEST)))

    @cached_property
    def singular(self) -> tuple[np.ndarray, np.ndarray]:
        """Singular values (r,), decreasing, of `x` with its columns made of norm 1, so that units of measurement do not
        count; and coefficients (N, r) of the functions that have these norms."""
        scales = unit_scales(np.linalg.norm(self.x, axis=0))
        _, values, right = np.linalg.svd(self.x * scales, full_matrices=False)
        return values, scales[:, None] * right.conj().T

    def of_functions(self, chosen: slice) -> Self:
        """Those of some of the functions."""
        second = None if self.second is None else self.second[:, chosen]
        return dataclasses.replace(self, x=self.x[:, chosen], y=self.y[:, chosen], second=second)

    @property
    def tells_apart(self) -> bool:
        """There are as many pairs as functions."""
        return self.pairs >= self.x.shape[1]

    @property
    def condition(self) -> float:
        """Of the weighted dictionary matrix over the states, with functions of norm 1."""
        values, _ = self.singular
        return float(values[0] / values[-1]) if values[-1] else float("inf")

    def orthonormal(self, tolerance: float = RANK_TOLERANCE) -> np.ndarray:
        """Coefficients (N, r) of functions orthonormal over the states; r < N where some depend on others. Raises
        `ConfigError` where all vanish."""
        values, right = self.singular
        if not values[0] > 0:
            raise ConfigError("The dictionary vanishes at all of these pairs. Choose another, or its scale.")
        kept = values > max(tolerance, self.precision) * values[0]
        return right[:, kept] / values[kept]

    def pencil(self, tolerance: float = RANK_TOLERANCE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Q and C (2 r, r) with ||C c - z Q c|| the residual at z of the function with coefficients basis c, and basis
        (N, r), in which Q has orthonormal columns.

        Reduced by one more QR of [Q, C]: the pencil of ResDMD's pseudospectra. Warns where functions are dropped.
        """
        basis = self.orthonormal(tolerance)
        self.warn(basis.shape[1])
        reduced = np.linalg.qr(np.hstack([self.x @ basis, self.y @ basis]), mode="r")
        return reduced[:, : basis.shape[1]], reduced[:, basis.shape[1] :], basis

    def warn(self, rank: int | None = None) -> None:
        """A warning with the condition number where results lose many digits, or functions."""
        size = self.x.shape[1]
        if rank is not None and rank < size:
            warnings.warn(
                f"Of {size} functions {size - rank} depend on the others at the {self.pairs:,} pairs (condition number "
                f"{self.condition:.1e}): they were left out. Choose fewer functions, or functions further apart.",
                stacklevel=3,
            )
        elif self.condition > ILL_CONDITIONED:
            warnings.warn(
                f"The dictionary is ill-conditioned at these pairs (condition number {self.condition:.1e}): the floor "
                "of a residual tells what rounding may add to it. Choose functions further apart.",
                stacklevel=3,
            )


def unit_scales(norms: np.ndarray) -> np.ndarray:
    """What makes functions of these norms (N,) functions of norm 1; 1 for those that vanish."""
    return 1 / np.where(norms > 0, norms, 1)


def factors(
    dictionary: Any, source: Pairs | Stream, chunk: int = 4096, progress: bool = False, told_apart: bool = True
) -> Factors:
    """The factors of a dictionary at pairs of snapshots, `chunk` pairs in memory at a time.

    Args:
        dictionary: fitted, (rows, dimension) -> (rows, N), traceable. Where it is cast up from what it computes in, its
            attribute `precision` tells the rounding unit.
        progress: whether a progress bar is shown.
        told_apart: whether there have to be as many pairs as functions. Residuals of given eigenpairs need no more than
            some; of fewer the factors are the weighted dictionary matrices themselves.

    Raises:
        ConfigError: when there are fewer pairs than functions, the dictionary is not finite at one of them, or the
            source is neither `Pairs` nor `Stream`. Warns when the dictionary computes in float32, or the states were
            rounded to it.
    """
    first, _ = peeked(counted(source))
    if len(source) < (size := _values(dictionary, first).shape[1]) and told_apart:
        raise ConfigError(
            f"{len(source):,} pairs cannot tell {size} functions apart. Give at least as many pairs as functions, "
            "better ten times as many, or choose a smaller dictionary."
        )
    precision = _precision(dictionary, _values(dictionary, first).dtype)
    rounding = _rounding(first)
    way = _streamed if len(source) >= size else _whole
    triangle = way(dictionary, source, chunk, progress)
    if not np.isfinite(triangle).all():
        raise ConfigError(
            "The dictionary is not finite at some of these pairs. Bring the states to a scale of about 1."
        )
    columns = np.split(triangle, triangle.shape[1] // size, axis=1)
    second = columns[2] if len(columns) > 2 else None
    return Factors(columns[0], columns[1], second, len(source), precision, rounding)


def _values(dictionary: Any, pairs: Pairs) -> jax.ShapeDtypeStruct:
    """What the dictionary makes of one state."""
    with double_precision():
        return jax.eval_shape(dictionary, jax.ShapeDtypeStruct((1, pairs.dimension), pairs.x.dtype))


def _precision(dictionary: Any, dtype: Any) -> float:
    precision = max(float(jnp.finfo(dtype).eps), float(getattr(dictionary, "precision", _FINEST)))
    if precision > _FINEST and not getattr(dictionary, "learned", False):  # a network has no other precision
        warnings.warn(
            f"The dictionary computes with a rounding unit of {precision:.0e}, not in float64: residuals below that "
            "times its condition number are rounding. Let it keep the float64 of its states.",
            stacklevel=3,
        )
    return precision


def _rounding(pairs: Pairs) -> float:
    """The rounding unit of the images; that of float32 where every one is such a number and needs its digits."""
    y = np.ascontiguousarray(pairs.y).view(np.float64)  # real and imaginary parts alike
    with np.errstate(over="ignore"):
        single = y.astype(np.float32)
    if not (y == single).all() or not (single.view(np.uint32) & _LAST).any():
        return _FINEST
    unit = float(np.finfo(np.float32).eps)
    warnings.warn(
        f"These states were rounded to float32: residuals below about {unit:.0e} times the dictionary's condition "
        "number are rounding. Give them in float64.",
        stacklevel=3,
    )
    return unit


@functools.lru_cache(maxsize=KEPT)
def _stacking(dictionary: Any) -> Callable[..., jax.Array]:
    """The factor of a triangle and the rows of some pairs below it; traced once for a dictionary and a shape."""

    @jax.jit
    def stacked(triangle: jax.Array, states: list[jax.Array], weights: jax.Array) -> jax.Array:
        rows = jnp.concatenate([dictionary(part) for part in states], axis=1)
        rows = jnp.where(weights[:, None] > 0, jnp.sqrt(weights)[:, None] * rows, 0)
        return jnp.linalg.qr(jnp.concatenate([triangle, rows.astype(triangle.dtype)]), mode="r")

    return stacked


def _whole(dictionary: Any, source: Pairs | Stream, chunk: int, progress: bool) -> np.ndarray:
    """The dictionary at states, at images and at second images side by side, (pairs, k), weighted."""
    evaluate, rows = jax.jit(dictionary), []
    with double_precision(), counting("Pairs", len(source), progress) as advance:
        for states, weights, count in weighted_chunks(source, chunk):
            values = np.hstack([np.asarray(evaluate(part)) for part in states])[:count]
            rows.append(np.where(weights[:count, None] > 0, np.sqrt(weights[:count, None]) * values, 0))
            advance(count)
    return np.concatenate(rows)


def _streamed(dictionary: Any, source: Pairs | Stream, chunk: int, progress: bool) -> np.ndarray:
    """The factor (k, k); k is 2 or 3 times N. Pairs without weights count 1 / number each."""
    stacked, triangle = _stacking(dictionary), None
    with double_precision(), counting("Pairs", len(source), progress) as advance:
        for states, weights, count in weighted_chunks(source, chunk):
            if triangle is None:
                example = jax.eval_shape(dictionary, jax.ShapeDtypeStruct(states[0].shape, states[0].dtype))
                wide = example.shape[1] * len(states)
                triangle = jnp.zeros((wide, wide), jnp.promote_types(example.dtype, jnp.float64))
            triangle = stacked(triangle, states, weights)
            if progress:
                triangle.block_until_ready()
            advance(count)
    return np.asarray(triangle)


def eigenpair_residuals(x: jax.Array, y: jax.Array, eigenvalues: jax.Array, vectors: jax.Array) -> jax.Array:
    """||y v - z x v|| / ||x v|| of each eigenpair (z, v): sum w |psi(y) v - z psi(x) v|^2 over sum w |psi(x) v|^2.

    Traceable. The data form (arXiv 2111.14889, equation 3.2): the quadratic form v* (L - z A* - conj(z) A + |z|^2 G) v
    loses half the digits.

    Args:
        x, y: (rows, N), of `Factors`, or weighted dictionary matrices themselves.
        eigenvalues: (r,).
        vectors: (N, r).

    Returns:
        (r,) real.
    """
    functions = x @ vectors
    return jnp.linalg.norm(y @ vectors - eigenvalues * functions, axis=0) / jnp.linalg.norm(functions, axis=0)
