"""Complex eigenvalues as parameters: each pair of latent numbers has its own frequency and its own damping.

Source of the initial distribution: A. Orvieto et al., "Resurrecting recurrent neural networks for long sequences",
ICML 2023.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.latent_operators import stepping


class Diagonal(nnx.Module):
    """Pairs (x, y) are multiplied by blocks `[[a, -b], [b, a]]`, of eigenvalues `a +- i b = exp((-damping +- i
    frequency) dt)`; damping is `exp(log_damping)`, above zero whatever its parameter is.

    At first the modulus of a step's eigenvalues has a square that is uniform between those of `radius`, and its angle
    is uniform in (0, pi).

    Args:
        size: of the latent state, even: both numbers of a pair beside each other.
        radius: (least, largest) initial modulus.
        time_step: dt: 1 for damping and frequency of a step; that of the data for those of a unit of time.
        damped: False: there is no damping, and all eigenvalues stay on the unit circle.

    Raises:
        ConfigError: for an odd size, or radii that are not rising within (0, 1).
    """

    def __init__(
        self,
        size: int,
        *,
        radius: Sequence[float] = (0.9, 0.999),
        time_step: float = 1.0,
        damped: bool = True,
        rngs: nnx.Rngs,
    ):
        if size % 2:
            raise ConfigError(f"model.latent={size} must be even for model.operator=diagonal, whose numbers pair up.")
        least, largest = radius
        if not 0 < least <= largest < 1:
            raise ConfigError(f"model.radius={list(radius)} must be two rising numbers between 0 and 1.")
        self.time_step, self.damped = time_step, damped
        squares = jax.random.uniform(rngs.params(), (size // 2,), minval=least**2, maxval=largest**2)
        if damped:
            self.log_damping = nnx.Param(jnp.log(-0.5 * jnp.log(squares) / time_step))
        angles = jax.random.uniform(rngs.params(), (size // 2,), maxval=jnp.pi)
        self.frequency = nnx.Param(angles / time_step)

    def damping(self) -> jax.Array:
        """(size / 2,), of a unit of time."""
        return jnp.exp(self.log_damping[...]) if self.damped else jnp.zeros_like(self.frequency[...])

    def __call__(self, z: jax.Array) -> jax.Array:
        """(..., size) -> (..., size)."""
        return self.at(z, 1.0)

    def at(self, z: jax.Array, steps: jax.Array | float) -> jax.Array:
        """The state any number of steps ahead, whole or not: (..., size), and steps that broadcast with (..., 1) ->
        (..., size)."""
        cosine, sine = self._blocks(steps)
        pairs = z.reshape(*z.shape[:-1], -1, 2)
        x, y = pairs[..., 0], pairs[..., 1]
        turned = jnp.stack([x * cosine + y * sine, y * cosine - x * sine], axis=-1)
        return turned.reshape(*turned.shape[:-2], -1)

    def advance(self, z: jax.Array, steps: int) -> jax.Array:
        """(..., size) -> (..., steps, size), each from the first: nothing is repeated."""
        return self.at(z[..., None, :], jnp.arange(1.0, steps + 1)[:, None])

    def matrix(self) -> jax.Array:
        """(size, size)."""
        return self.power(1)

    def eigenvalues(self) -> jax.Array:
        """(size,) complex64; both of a pair beside each other."""
        exponent = jax.lax.complex(-self.damping(), self.frequency[...]) * self.time_step
        return jnp.stack([jnp.exp(exponent), jnp.exp(exponent.conj())], axis=-1).reshape(-1)

    def power(self, exponent: float | jax.Array) -> jax.Array:
        """(size, size), for any real exponent."""
        return self.at(jnp.eye(2 * self.frequency.shape[0]), exponent)

    def powers(self, steps: int) -> jax.Array:
        """(steps, size, size)."""
        return stepping.powers_from(self.advance, 2 * self.frequency.shape[0], steps)

    def _blocks(self, steps: jax.Array | float) -> tuple[jax.Array, jax.Array]:
        """a and b of the steps' blocks, (..., size / 2)."""
        time = jnp.asarray(steps, jnp.float32) * self.time_step
        modulus, angle = jnp.exp(-self.damping() * time), self.frequency[...] * time
        return modulus * jnp.cos(angle), modulus * jnp.sin(angle)
