"""Koopman autoencoder: an encoder, a linear step in its latent space, a decoder.

Sources: B. Lusch, J. N. Kutz, S. L. Brunton, "Deep learning for universal linear embeddings of nonlinear dynamics",
Nature Communications 2018; S. E. Otto, C. W. Rowley, "Linearly recurrent autoencoder networks for learning dynamics",
SIAM J. Applied Dynamical Systems 2019. What is new here is the choice of how the operator's spectrum is constrained.
"""

import math
from collections.abc import Sequence

import jax
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.latent_operators import Kind, make_operator
from spectrax.nn.perceptron import Activation, Perceptron


class KoopmanAutoencoder(nnx.Module):
    """`z = encode(x)`, `z' = z K`, `x' = decode(z')`, encoder and decoder being perceptrons on flattened states.

    Beside the call there are the parts: `encode`, `decode` and `operator`, see `spectrax.nn.latent_operators`.

    Args:
        state: shape of one state, such as [3] or [64, 64, 2].
        latent: numbers of a latent state.
        hidden: sizes of the encoder's hidden layers; the decoder has them in reverse.
        activation: between layers.
        operator: how K is parameterised.
        scale, radius, time_step: of the operator, see `spectrax.nn.latent_operators.make_operator`.
        dtype: compute dtype of encoder and decoder; latent states and their steps are float32.

    Raises:
        ConfigError: for a word that is none of those, or sizes that do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        state: Sequence[int],
        latent: int,
        hidden: Sequence[int] = (64, 64),
        activation: Activation = "tanh",
        operator: Kind = "free",
        scale: float | None = None,
        radius: Sequence[float] = (0.9, 0.999),
        time_step: float = 1.0,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        self.state = checked_state(state)
        sizes = [math.prod(self.state), *hidden, latent]
        options = {"activation": activation, "dtype": dtype, "rngs": rngs}
        self.encoder = Perceptron(sizes, **options)
        self.decoder = Perceptron(sizes[::-1], **options)
        self.operator = make_operator(operator, latent, scale=scale, radius=radius, time_step=time_step, rngs=rngs)

    def __call__(self, window: jax.Array, *, train: bool, key: jax.Array | None = None) -> dict[str, jax.Array]:
        """Of a window of frames (batch, frames, *state), all float32:

        * "latent": (batch, frames, latent), of every frame;
        * "reconstruction": (batch, frames, *state), each decoded again;
        * "predicted_latent": (batch, frames - 1, latent), from the first frame on;
        * "prediction": (batch, frames - 1, *state), those decoded.
        """
        del train, key  # the same in training, and nothing is drawn
        return outputs(self, self.encode(window), window.shape[1] - 1)

    def encode(self, x: jax.Array) -> jax.Array:
        """States (..., *state) -> (..., latent)."""
        return self.encoder(flattened(self.scaled(x), self.state))

    def decode(self, z: jax.Array) -> jax.Array:
        """(..., latent) -> states (..., *state)."""
        return self.unscaled(self.decoder(z).reshape(*z.shape[:-1], *self.state))

    def scaled(self, x: jax.Array) -> jax.Array:
        """States in the units in which errors are to count; other than the data's where `dataset.normalise` says so."""
        return x

    def unscaled(self, x: jax.Array) -> jax.Array:
        """The inverse of `scaled`."""
        return x


def outputs(model: nnx.Module, latent: jax.Array, steps: int) -> dict[str, jax.Array]:
    """What a Koopman model says of latent states (batch, frames, latent), predicting `steps` frames from the first."""
    predicted = model.operator.advance(latent[:, 0], steps)
    return {
        "latent": latent,
        "reconstruction": model.decode(latent),
        "predicted_latent": predicted,
        "prediction": model.decode(predicted),
    }


def checked_state(state: Sequence[int]) -> tuple[int, ...]:
    """Shape of a state. Raises `ConfigError` when it holds no numbers."""
    if not state or min(state) < 1:
        raise ConfigError(f"model.state={list(state)} must be the shape of one state, such as [3].")
    return tuple(state)


def flattened(x: jax.Array, state: tuple[int, ...]) -> jax.Array:
    """(..., *state) -> (..., numbers). Raises `ConfigError` for states of another shape."""
    if x.shape[x.ndim - len(state) :] != state:
        raise ConfigError(f"The model was made for states {list(state)} and was given {list(x.shape[1:])}.")
    return x.reshape(*x.shape[: x.ndim - len(state)], -1)
