"""A rotation: eigenvalues on the unit circle, whatever the parameters are."""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn.latent_operators.by_matrix import ByMatrix


class Unitary(ByMatrix):
    """`K = exp(S - S^T)`, an orthogonal matrix of determinant 1; S holds the parameters.

    Args:
        size: of the latent state.
        scale: of the initial generator: its frequencies fill a band about zero as wide as this, roughly, in radians a
            step.
    """

    def __init__(self, size: int, *, scale: float = 1.0, rngs: nnx.Rngs):
        self.kernel = nnx.Param(scale * (8 * size) ** -0.5 * jax.random.normal(rngs.params(), (size, size)))

    def _generator(self) -> jax.Array:
        return self.kernel[...] - self.kernel[...].T

    def matrix(self) -> jax.Array:
        """(size, size)."""
        return self.power(1)

    def eigenvalues(self) -> jax.Array:
        """(size,) complex64, of modulus 1: those of the generator are read from the Hermitian `-i (S - S^T)`."""
        return jnp.exp(1j * jnp.linalg.eigvalsh(-1j * self._generator()))

    def power(self, exponent: int | jax.Array) -> jax.Array:
        """(size, size), for any real exponent: one exponential."""
        with jax.default_matmul_precision("highest"):
            return jax.scipy.linalg.expm(exponent * self._generator(), max_squarings=32)
