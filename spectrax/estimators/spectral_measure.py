"""Spectral measures of isometries, smoothed with rational kernels of high order.

The spectral measure of f says how its energy spreads over the unit circle: atoms at eigenvalues, a density elsewhere.
From resolvents at m points outside the circle near each angle one gets its convolution with a kernel of order m: the
error of a smooth density falls like epsilon^m, up to logarithms (Colbrook and Townsend, arXiv 2111.14889, section 5).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.estimators.compression import compression
from spectrax.estimators.precision import double_precision
from spectrax.estimators.qr import Factors
from spectrax.estimators.schur import SchurForm, schur_form

MAXIMAL_ORDER = 6  # beyond, Vandermonde systems of the poles cost the digits that the order gains


def kernel_coefficients(order: int, epsilon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Poles delta_j = 1 + i (2 j / (m + 1) - 1) and the coefficients c_j, d_j, each (order,) complex.

    Raises:
        ConfigError: when `order` is not from 1 to 6, or `epsilon` is not positive.
    """
    if order not in range(1, MAXIMAL_ORDER + 1):
        raise ConfigError(f"order={order} is none of 1 to {MAXIMAL_ORDER}.")
    if not epsilon > 0:
        raise ConfigError(f"epsilon={epsilon} smooths nothing. Give a positive number, such as 0.05.")
    poles = 1 + 1j * (2 * np.arange(1, order + 1) / (order + 1) - 1)
    reflected = -poles.conj() / (1 + epsilon * poles.conj())
    return poles, _moment_conditions(reflected), _moment_conditions(poles)


def _moment_conditions(nodes: np.ndarray) -> np.ndarray:
    """c with sum_j c_j nodes_j^l = 1 for l = 0 and 0 for l = 1 ... m - 1."""
    powers = np.vander(nodes, increasing=True).T
    return np.linalg.solve(powers, np.eye(len(nodes))[:, 0])


def spectral_measure(
    made: Factors, coefficients: ArrayLike, angles: ArrayLike, order: int = 6, epsilon: float = 0.05
) -> np.ndarray:
    """The smoothed density (angles,) of the spectral measure of f = psi coefficients, per unit of angle.

    Its integral over the circle is ||f||^2. The dictionary must resolve `epsilon`: with few functions the compressed
    operator's eigenvalues show as bumps.

    Args:
        made: of a measure-preserving system, see `spectrax.estimators.qr.factors`.
        coefficients: (N,).
        angles: (angles,), in radians.

    Raises:
        ConfigError: when there are not N coefficients; see `kernel_coefficients`.
    """
    _check_count("coefficients", coefficients, made.x.shape[1])
    compressed = compression(made)
    observable = compressed.coordinates @ np.asarray(coefficients)
    return isometry_measure(compressed.matrix, observable, angles, order, epsilon)


def isometry_measure(
    operator: ArrayLike | SchurForm, observable: ArrayLike, angles: ArrayLike, order: int = 6, epsilon: float = 0.05
) -> np.ndarray:
    """The same of an isometry compressed to an orthonormal basis (n, n), and f in that basis (n,).

    One complex Schur form, which may be given in the operator's place where it serves several measures; then each
    resolvent is a triangular system.

    Raises:
        ConfigError: when f has not n coordinates; see `kernel_coefficients`.
    """
    poles, outer, inner = kernel_coefficients(order, epsilon)
    form = operator if isinstance(operator, SchurForm) else schur_form(operator)
    _check_count("observable", observable, len(form.triangle))
    f = form.vectors.conj().T @ np.asarray(observable)
    with double_precision():
        density = _density(form.triangle, f, jnp.asarray(np.asarray(angles, float)), poles, outer, inner, epsilon)
    return np.asarray(density)


def _check_count(name: str, given: ArrayLike, count: int) -> None:
    if np.shape(given) != (count,):
        raise ConfigError(
            f"{name} of shape {list(np.shape(given))} on {count} functions. Give ({count},), one for each."
        )


def smoothed_densities(
    operator: ArrayLike, observable: ArrayLike, angles: ArrayLike, orders: Iterable[int], epsilons: Iterable[float]
) -> dict[tuple[int, float], np.ndarray]:
    """`isometry_measure` (angles,) by order and width of the kernel, from one Schur form."""
    form = schur_form(operator)
    keys = itertools.product(orders, epsilons)
    return {(order, width): isometry_measure(form, observable, angles, order, width) for order, width in keys}


def centred(observable: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """An observable without its mean, which is an atom at the angle 0; it and the constant function in an orthonormal
    basis, (n,)."""
    return observable - constant * (constant.conj() @ observable) / (constant.conj() @ constant)


@jax.jit
def _density(
    triangle: jax.Array, f: jax.Array, angles: jax.Array, poles: jax.Array, outer: jax.Array, inner: jax.Array, epsilon
) -> jax.Array:
    """-1/(2 pi) sum_j Re(c_j conj(z_j) <f, I_j> + d_j <I_j, A* f>) with I_j = (A - z_j)^-1 f, <a, b> = b* a."""
    points = jnp.exp(1j * angles)[:, None] * (1 + epsilon * poles)  # (angles, order)
    resolvents = shifted_solutions(triangle, f, points.ravel()).T.reshape(*points.shape, -1)
    first = jnp.einsum("ajn,n->aj", resolvents.conj(), f)
    second = jnp.einsum("ajn,n->aj", resolvents, (triangle.conj().T @ f).conj())
    return -jnp.sum((outer * points.conj() * first + inner * second).real, axis=1) / (2 * jnp.pi)


def shifted_solutions(triangle: jax.Array, right: jax.Array, shifts: jax.Array) -> jax.Array:
    """(T - z)^-1 b for an upper triangular T (n, n), b (n,) and each shift (k,): (n, k); traceable.

    Substitution row by row for all shifts at once: one thin product a row, and no matrix a shift.
    """
    size = triangle.shape[0]

    def row(step: jax.Array, solved: jax.Array) -> jax.Array:
        index = size - 1 - step
        rest = triangle[index] @ solved  # rows not yet solved for are 0
        return solved.at[index].set((right[index] - rest) / (triangle[index, index] - shifts))

    dtype = jnp.result_type(triangle, right, shifts)
    return jax.lax.fori_loop(0, size, row, jnp.zeros((size, len(shifts)), dtype))
