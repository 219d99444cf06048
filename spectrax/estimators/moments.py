"""Spectral measures from autocorrelations, filtered: what a single long trajectory of one observable gives.

With moments mu_n = <f, K^n f> / 2 pi the density at angle t is the sum of filter(n / N) mu_n e^{i n t} over
|n| <= N; the filter decides the rate (Colbrook and Townsend, arXiv 2111.14889, section 4).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.estimators.precision import double_precision
from spectrax.ops.choices import check_choice

_BUMP = 0.109550455106347  # makes the bump 1/2 at x = 1/2


def fejer(x: jax.Array) -> jax.Array:
    """1 - x: positive, first order."""
    return 1 - x


def cosine(x: jax.Array) -> jax.Array:
    """(1 + cos pi x) / 2: second order."""
    return (1 + jnp.cos(jnp.pi * x)) / 2


def vandeven(x: jax.Array) -> jax.Array:
    """The polynomial of fourth order, 1 - x^4 (35 - 84 x + 70 x^2 - 20 x^3)."""
    return 1 - x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3)


def sharpened_cosine(x: jax.Array) -> jax.Array:
    """c^4 (35 - 84 c + 70 c^2 - 20 c^3) of the cosine filter c: eighth order."""
    c = cosine(x)
    return c**4 * (35 - 84 * c + 70 * c**2 - 20 * c**3)


def bump(x: jax.Array) -> jax.Array:
    """exp(-2 / (1 - x) exp(-0.1096 / x^4)): smooth, flat at 0 and at 1, faster than any order."""
    inside = (x > 0) & (x < 1)
    safe = jnp.where(inside, x, 0.5)
    return jnp.where(inside, jnp.exp(-2 / (1 - safe) * jnp.exp(-_BUMP / safe**4)), (x <= 0) * 1.0)


FILTERS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "fejer": fejer,
    "cosine": cosine,
    "vandeven": vandeven,
    "sharpened_cosine": sharpened_cosine,
    "bump": bump,
}


def ergodic_moments(observed: ArrayLike, count: int) -> np.ndarray:
    """Moments mu_0 ... mu_count (count + 1,) complex of an observable along one trajectory (length,).

    mu_n is the mean of f(x_j) conj(f(x_{j+n})) over the length - n values of j, over 2 pi; by FFT.

    Raises:
        ConfigError: when the trajectory is not longer than `count`, or not finite.
    """
    values = np.asarray(observed)
    if values.ndim != 1 or len(values) <= count or count < 0:
        raise ConfigError(
            f"{count} moments need a trajectory (length,) of more values than that; its shape is {list(values.shape)}."
        )
    if not np.isfinite(values).all():
        raise ConfigError("The observed trajectory holds NaN or infinity. Leave out what blew up.")
    length = len(values)
    spectrum = np.fft.fft(values, 2 ** int(np.ceil(np.log2(2 * length))))
    correlation = np.fft.ifft(abs(spectrum) ** 2)[: count + 1]  # sum_j f(x_{j+n}) conj(f(x_j))
    return correlation.conj() / (length - np.arange(count + 1)) / (2 * np.pi)


def operator_moments(operator: ArrayLike, observable: ArrayLike, count: int) -> np.ndarray:
    """Moments mu_0 ... mu_count of a compressed operator (n, n) in an orthonormal basis, and f in it (n,)."""
    operator, f = np.asarray(operator), np.asarray(observable)
    moved, moments = f, []
    for _ in range(count + 1):
        moments.append(np.vdot(moved, f) / (2 * np.pi))
        moved = operator @ moved
    return np.array(moments)


def filtered_measure(moments: ArrayLike, angles: ArrayLike | int, filter_name: str = "bump") -> np.ndarray:
    """The density (angles,) of a spectral measure at `angles` in radians, or at that many equal ones from -pi.

    A number of angles at or above twice that of the moments is served by one FFT.

    Args:
        moments: mu_0 ... mu_N (N + 1,); those of negative index are their conjugates. The last is given weight 0.
        filter_name: "fejer", "cosine", "vandeven", "sharpened_cosine" or "bump".

    Raises:
        ConfigError: for another filter, or fewer than two moments.
    """
    check_choice("filter_name", filter_name, tuple(FILTERS))
    mu = np.asarray(moments, complex)
    if mu.ndim != 1 or len(mu) < 2:
        raise ConfigError(f"Moments of shape {list(mu.shape)} make no measure. Give mu_0 ... mu_N, N at least 1.")
    with double_precision():
        x = jnp.linspace(0, 1, len(mu))
        weights = np.asarray(jnp.where(x < 1, FILTERS[filter_name](x), 0))
        weighted = jnp.asarray(mu * weights)
        if isinstance(angles, int | np.integer) and angles >= 2 * len(mu):
            return np.asarray(_by_fft(weighted, int(angles)))
        places = equal_angles(int(angles)) if isinstance(angles, int | np.integer) else np.asarray(angles, float)
        return np.asarray(_by_sum(weighted, jnp.asarray(places)))


def equal_angles(count: int) -> np.ndarray:
    """`count` angles from -pi, in steps of 2 pi / count."""
    return -np.pi + 2 * np.pi / count * np.arange(count)


def _by_sum(weighted: jax.Array, angles: jax.Array) -> jax.Array:
    orders = jnp.arange(1, len(weighted))
    return weighted[0].real + 2 * (jnp.exp(1j * angles[:, None] * orders) @ weighted[1:]).real


def _by_fft(weighted: jax.Array, count: int) -> jax.Array:
    signs = jnp.where(jnp.arange(len(weighted)) % 2 == 0, 1.0, -1.0)  # e^{-i n pi}: the first angle is -pi
    padded = jnp.zeros(count, weighted.dtype).at[: len(weighted)].set(weighted * signs)
    return 2 * (jnp.fft.ifft(padded) * count).real - weighted[0].real
