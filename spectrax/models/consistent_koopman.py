"""Consistent Koopman autoencoder: one linear step forward, another one back, each to undo the other.

Source: O. Azencot, N. B. Erichson, V. Lin, M. W. Mahoney, "Forecasting sequential data using consistent Koopman
autoencoders", ICML 2020, and its released code (github.com/erichson/koopmanAE).
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.models.koopman_autoencoder import KoopmanAutoencoder, checked_state
from spectrax.nn.latent_operators.free import Free
from spectrax.nn.perceptron import Perceptron


class ConsistentKoopman(KoopmanAutoencoder):
    """Perceptrons with the hyperbolic tangent, the decoder's output included: states are to lie between -1 and 1.

    Args:
        state: shape of one state.
        latent: numbers of a latent state.
        width: of the two hidden layers of encoder and decoder.
        scale: of the forward operator at first, a multiple of an orthogonal matrix. As in the released code the
            backward one begins as the pseudo-inverse of its transpose, which is not its inverse.
        dtype: compute dtype of encoder and decoder.

    Raises:
        ConfigError: when the state has no numbers.
    """

    def __init__(
        self,
        *,
        state: Sequence[int],
        latent: int = 6,
        width: int = 16,
        scale: float = 0.99,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        self.state = checked_state(state)
        sizes = [math.prod(self.state), width, width, latent]
        options = {"activation": "tanh", "start": "xavier", "dtype": dtype, "rngs": rngs}
        self.encoder = Perceptron(sizes, **options)
        self.decoder = Perceptron(sizes[::-1], last="tanh", **options)
        self.operator = Free(latent, scale=scale, rngs=rngs)
        self.backward_operator = Free(latent, scale=scale, rngs=rngs)
        self.backward_operator.kernel[...] = jnp.linalg.pinv(self.operator.matrix().T)

    def backward(self, latent: jax.Array, steps: int) -> jax.Array:
        """Latent states (..., latent) -> states before them (..., steps, *state), the last one first."""
        return self.decode(self.backward_operator.advance(latent, steps))


def inconsistency(forward: jax.Array, backward: jax.Array) -> jax.Array:
    """How far two matrices are from undoing each other, on every leading block.

    The sum over k of `(|[C D - I]_k|^2 + |[D C - I]_k|^2) / 2k`, `[.]_k` being the first k rows and columns of the
    product of C and D, both (size, size). Source: the paper's equation 13, as released.
    """
    size = len(forward)
    places = jnp.arange(size)
    # An entry is in the blocks from its own row or column on.
    blocks = jnp.cumsum((0.5 / (places + 1))[::-1])[::-1]
    weights = blocks[jnp.maximum(places[:, None], places)]
    products = (jnp.matmul(x, y, precision="highest") for x, y in ((forward, backward), (backward, forward)))
    return sum(jnp.sum(weights * (product - jnp.eye(size)) ** 2) for product in products)
