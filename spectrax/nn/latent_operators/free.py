"""A matrix like any other."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spectrax.nn.latent_operators import stepping


class Free(nnx.Module):
    """All entries are parameters; at first the matrix is `scale` times an orthogonal one.

    Source: O. Azencot et al., "Forecasting sequential data using consistent Koopman autoencoders", ICML 2020, released
    code: the orthogonal factors of a normal matrix, times 0.99.

    Args:
        size: of the latent state.
        scale: of the initial singular values, all equal.
    """

    def __init__(self, size: int, *, scale: float = 0.99, rngs: nnx.Rngs):
        left, _, right = jnp.linalg.svd(jax.random.normal(rngs.params(), (size, size)))
        self.kernel = nnx.Param(scale * stepping.product(left, right))

    def __call__(self, z: jax.Array) -> jax.Array:
        """(..., size) -> (..., size)."""
        return stepping.product(z, self.kernel[...])

    def advance(self, z: jax.Array, steps: int) -> jax.Array:
        """(..., size) -> (..., steps, size)."""
        return stepping.advance(z, self.kernel[...], steps)

    def matrix(self) -> jax.Array:
        """(size, size)."""
        return self.kernel[...]

    def eigenvalues(self) -> np.ndarray:
        """(size,) complex128, found on the host; not to be traced."""
        return stepping.host_eigenvalues(self.matrix())

    def power(self, exponent: int) -> jax.Array:
        """(size, size)."""
        return stepping.power(self.matrix(), exponent)

    def powers(self, steps: int) -> jax.Array:
        """(steps, size, size)."""
        return stepping.powers(self.matrix(), steps)
