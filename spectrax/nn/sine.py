"""Sine and cosine inside networks, at the speed of a product.

XLA's CPU compiler calls the C library for each sine of float32, which takes longer than the layers around it. There the
argument is reduced by multiples of pi in three parts (W. Cody and W. Waite, "Software manual for the elementary
functions", 1980) and a polynomial is taken: the largest error is 1.5e-7 up to arguments of 1e5, and it fuses with what
stands beside it. Other platforms have instructions for it.
"""

import jax
import jax.numpy as jnp

from spectrax.parallel.devices import target_platform

_PI_PARTS = (3.140625, 9.67502593994140625e-4, 1.509957990978376432e-7)  # the first two times an integer are exact
_HALF_TURN = 1.5708  # what is left of an argument after reduction is at most this
# Least squares in the argument's square, over half a turn.
_SINE = (1.0, -1.66666666e-01, 8.33333098e-03, -1.98408616e-04, 2.75252871e-06, -2.38894981e-08)
_COSINE = (1.0, -0.5, 4.16666665e-02, -1.38888842e-03, 2.48010403e-05, -2.75246837e-07, 1.99076860e-09)


@jax.custom_jvp
def sine(x: jax.Array) -> jax.Array:
    """sin(x) of real numbers, of any shape."""
    if not _by_polynomial(x):
        return jnp.sin(x)
    rest, sign = _reduced(x)
    return sign * rest * _polynomial(rest, _SINE)


@jax.custom_jvp
def cosine(x: jax.Array) -> jax.Array:
    """cos(x) of real numbers, of any shape."""
    if not _by_polynomial(x):
        return jnp.cos(x)
    rest, sign = _reduced(x)
    return sign * _polynomial(rest, _COSINE)


@sine.defjvp
def _sine_tangent(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x,), (tangent,) = primals, tangents
    return sine(x), cosine(x) * tangent


@cosine.defjvp
def _cosine_tangent(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x,), (tangent,) = primals, tangents
    return cosine(x), -sine(x) * tangent


def _by_polynomial(x: jax.Array) -> bool:
    return x.dtype == jnp.float32 and target_platform() == "cpu"


def _reduced(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The argument less the nearest multiple of pi, and the sign that this costs sine and cosine alike."""
    turns = jax.lax.round(x * (1 / jnp.pi), jax.lax.RoundingMethod.TO_NEAREST_EVEN)
    rest = x
    for part in _PI_PARTS:
        rest = rest - turns * part
    sign = 1 - 2 * (turns - 2 * jnp.floor(turns * 0.5))
    # Beyond the range of the reduction too the result is a sine, if of another angle.
    return jnp.clip(rest, -_HALF_TURN, _HALF_TURN), sign


def _polynomial(x: jax.Array, coefficients: tuple[float, ...]) -> jax.Array:
    square = x * x
    value = jnp.full_like(square, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * square + coefficient
    return value
