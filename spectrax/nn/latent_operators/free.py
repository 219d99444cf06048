"""A matrix like any other."""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn.latent_operators import stepping
from spectrax.nn.latent_operators.by_matrix import ByMatrix


class Free(ByMatrix):
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

    def matrix(self) -> jax.Array:
        """(size, size)."""
        return self.kernel[...]
