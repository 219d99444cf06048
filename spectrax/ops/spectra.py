"""Eigenvalues of symmetric matrices, with a gradient that exists where some of them are equal."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def symmetric_eigenvalues(matrix: jax.Array) -> jax.Array:
    """(size, size) symmetric -> (size,) rising.

    The gradient of `sum_i g_i lambda_i` is `V diag(g) V^T`. It has no differences of eigenvalues in a denominator, as
    that of eigenvectors has, which automatic differentiation computes along and multiplies by zero: NaN where two are
    equal.
    """
    return jnp.linalg.eigvalsh(matrix)


def _forward(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    values, vectors = jnp.linalg.eigh(matrix)
    return values, vectors


def _backward(vectors: jax.Array, gradient: jax.Array) -> tuple[jax.Array]:
    return (jnp.matmul(vectors * gradient, vectors.T, precision=jax.lax.Precision.HIGHEST),)


symmetric_eigenvalues.defvjp(_forward, _backward)
