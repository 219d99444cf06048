"""A contraction: no state grows, whatever the parameters are."""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.latent_operators import stepping
from spectrax.nn.latent_operators.by_matrix import ByMatrix
from spectrax.nn.latent_operators.unitary import Unitary


class Stable(ByMatrix):
    """`K = U diag(sigmoid(s)) V^T` with orthogonal U and V: the spectral norm is below 1, and so are all eigenvalues.

    Args:
        size: of the latent state.
        scale: of the initial singular values, all equal, between 0 and 1.

    Raises:
        ConfigError: for a scale that is not.
    """

    def __init__(self, size: int, *, scale: float = 0.99, rngs: nnx.Rngs):
        if not 0 < scale < 1:
            raise ConfigError(f"model.scale={scale} must lie between 0 and 1 for model.operator=stable, such as 0.99.")
        self.left = Unitary(size, rngs=rngs)
        self.right = Unitary(size, rngs=rngs)
        self.singular = nnx.Param(jnp.full((size,), jax.scipy.special.logit(scale)))

    def matrix(self) -> jax.Array:
        """(size, size)."""
        return stepping.product(self.left.matrix() * jax.nn.sigmoid(self.singular[...]), self.right.matrix().T)
