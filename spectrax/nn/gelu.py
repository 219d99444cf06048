"""The exact GELU, by the plain formula and in a form whose derivative and several uses cost no arrays."""

import math

import jax
import jax.numpy as jnp

# erf(s) = s P(s^2) / Q(s^2) within a few units of a float32's last place for |s| below where it rounds to 1: Eigen's
# and XLA's own approximation. Coefficients from the highest power to the constant.
_LARGEST = 3.832506856900711
_NUMERATOR = (
    2.2905065861350646e-4,
    3.4082910107109506e-3,
    5.0955695062380861e-2,
    1.8520832239976145e-1,
    1.128379143519084,
)
_DENOMINATOR = (
    -1.1791602954361697e-7, 2.3547966471313185e-5, 1.0179625278914885e-3, 1.4070470171167667e-2, 1.1098505178285362e-1,
    4.9746925110067538e-1, 1.0,
)  # fmt: skip


def plain_gelu(x: jax.Array) -> jax.Array:
    """`x (1 + erf(x / sqrt 2)) / 2`: the same numbers, cheaper than JAX's form by `erfc`."""
    return 0.5 * x * (1.0 + jax.lax.erf(x * 0.5**0.5))


@jax.custom_jvp
def gelu(x: jax.Array) -> jax.Array:
    """`x Phi(x)`, Phi the normal distribution: as PyTorch computes it, exact.

    Of the plain formula XLA's CPU compiler writes the error function of every element, because the derivative wants it
    too, and multiplies anew for each use of the result in another shape: up to three arrays and passes over memory.
    Here the derivative begins anew from `x`, and the last operation is a division, which is not done twice. Where the
    result has one use, `plain_gelu` is less work.
    """
    if x.dtype != jnp.float32:
        return plain_gelu(x)
    above, whole = _twice_normal(x)
    return 0.5 * x * above / whole


@gelu.defjvp
def _derivative(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x,), (tangent,) = primals, tangents
    if x.dtype != jnp.float32:
        normal = 0.5 * (1.0 + jax.lax.erf(x * 0.5**0.5))
    else:
        above, whole = _twice_normal(x)
        normal = 0.5 * above / whole
    density = math.sqrt(0.5 / math.pi) * jnp.exp(-0.5 * x * x)
    return gelu(x), tangent * (normal + x * density)


def _twice_normal(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Numerator and denominator of `1 + erf(x / sqrt 2)`."""
    s = jnp.clip(x * 0.5**0.5, -_LARGEST, _LARGEST)
    numerator, denominator = (_polynomial(coefficients, s * s) for coefficients in (_NUMERATOR, _DENOMINATOR))
    return denominator + s * numerator, denominator


def _polynomial(coefficients: tuple[float, ...], x: jax.Array) -> jax.Array:
    value = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
