"""What every latent operator does that is computed with as a whole matrix, whatever that is made of."""

import abc

import jax
import numpy as np
from flax import nnx

from spectrax.nn.latent_operators import stepping


class ByMatrix(nnx.Module):
    """Steps, powers and eigenvalues by `matrix()`; a kind that knows its eigenvalues or powers better says so."""

    @abc.abstractmethod
    def matrix(self) -> jax.Array:
        """K, (size, size) float32."""

    def __call__(self, z: jax.Array) -> jax.Array:
        """(..., size) -> (..., size)."""
        return stepping.product(z, self.matrix())

    def advance(self, z: jax.Array, steps: int) -> jax.Array:
        """(..., size) -> (..., steps, size)."""
        return stepping.advance(z, self.matrix(), steps)

    def eigenvalues(self) -> np.ndarray | jax.Array:
        """(size,) complex128, found on the host; not to be traced."""
        return stepping.host_eigenvalues(self.matrix())

    def power(self, exponent: int) -> jax.Array:
        """(size, size)."""
        return stepping.power(self.matrix(), exponent)

    def powers(self, steps: int) -> jax.Array:
        """(steps, size, size)."""
        return stepping.powers(self.matrix(), steps)
