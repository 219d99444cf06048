"""A flow whose generator turns and damps, and never feeds."""

import jax
import numpy as np
from flax import nnx

from spectrax.nn.latent_operators import stepping
from spectrax.nn.latent_operators.by_matrix import ByMatrix


class Dissipative(ByMatrix):
    """`K = exp(dt (S - S^T - R^T R))`: eigenvalues are in the closed unit disc, whatever the parameters are.

    Args:
        size: of the latent state.
        scale: of the initial rotation, in radians a step; damping begins at a hundredth of it.
        time_step: dt, of the data's time.
    """

    def __init__(self, size: int, *, scale: float = 1.0, time_step: float = 1.0, rngs: nnx.Rngs):
        self.time_step = time_step
        width = (8 * size) ** -0.5
        self.rotation = nnx.Param(scale / time_step * width * jax.random.normal(rngs.params(), (size, size)))
        damping = (0.01 * scale / time_step / size) ** 0.5
        self.damping = nnx.Param(damping * jax.random.normal(rngs.params(), (size, size)))

    def generator(self) -> jax.Array:
        """(size, size), per unit of time."""
        rotation, damping = self.rotation[...], self.damping[...]
        return rotation - rotation.T - stepping.product(damping.T, damping)

    def matrix(self) -> jax.Array:
        """(size, size)."""
        return self.power(1)

    def eigenvalues(self) -> np.ndarray:
        """(size,) complex128, found on the host; not to be traced."""
        return np.exp(self.time_step * stepping.host_eigenvalues(self.generator()))

    def power(self, exponent: float | jax.Array) -> jax.Array:
        """(size, size), for any exponent from 0: one exponential."""
        with jax.default_matmul_precision("highest"):
            return jax.scipy.linalg.expm(exponent * self.time_step * self.generator(), max_squarings=32)
