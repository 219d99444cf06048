"""Powers of a matrix and steps of a linear map, in a number of products that grows with the logarithm of the steps."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def product(x: jax.Array, y: jax.Array) -> jax.Array:
    """`x @ y` in full float32: over many steps what an accelerator rounds off would add up."""
    return jnp.matmul(x, y, precision=jax.lax.Precision.HIGHEST)


def advance(z: jax.Array, matrix: jax.Array, steps: int) -> jax.Array:
    """(..., size) and (size, size) -> (..., steps, size): `z K`, `z K^2`, ..., each doubling by one product."""
    block, power = z[..., None, :], matrix
    while block.shape[-2] <= steps:
        block = jnp.concatenate([block, product(block, power)], axis=-2)
        if block.shape[-2] <= steps:
            power = product(power, power)
    return block[..., 1 : steps + 1, :]


def power(matrix: jax.Array, exponent: int) -> jax.Array:
    """(size, size), for an exponent from 0."""
    with jax.default_matmul_precision("highest"):
        return jnp.linalg.matrix_power(matrix, exponent)


def powers(matrix: jax.Array, steps: int) -> jax.Array:
    """(size, size) -> (steps, size, size): the first, second, ... power."""
    return powers_from(lambda z, steps: advance(z, matrix, steps), matrix.shape[-1], steps)


def powers_from(advanced: Callable[[jax.Array, int], jax.Array], size: int, steps: int) -> jax.Array:
    """(steps, size, size): what becomes of the unit vectors."""
    return jnp.moveaxis(advanced(jnp.eye(size), steps), -2, 0)


def host_eigenvalues(matrix: jax.Array) -> np.ndarray:
    """(size,) complex128 of a matrix without symmetry: on the host in float64, outside of anything traced."""
    return np.linalg.eigvals(np.asarray(matrix, np.float64)).astype(np.complex128)
