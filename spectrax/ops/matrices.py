"""Constant matrices, and their product with one axis of an array."""

import jax
import jax.numpy as jnp
import numpy as np


def product(x: jax.Array, matrix: np.ndarray, axis: int) -> jax.Array:
    """`matrix` (rows, size) times `x` along `axis`, which then holds the rows; every other axis stays where it is.

    At full float32 precision, on accelerators too. No axis is merged with another, so that an array is transformed
    where it lies.
    """
    axes = list(range(x.ndim))
    result = [x.ndim if number == axis else number for number in axes]
    matrix = jnp.asarray(matrix, x.dtype)
    return jnp.einsum(matrix, [x.ndim, axis], x, axes, result, precision=jax.lax.Precision.HIGHEST)


def read_only(matrix: np.ndarray) -> np.ndarray:
    """`matrix`, that all who ask for it may be given the same one."""
    matrix.setflags(write=False)
    return matrix
