"""Information Koopman: an autoencoder with a linear latent step, trained for what latent states know of each other.

Source: X. Cheng et al., "Information shapes Koopman representation", ICLR 2026, arXiv 2510.13025, and the code released
with it (the autoencoder for flows; its operator is a regression on each batch).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.models.koopman_autoencoder import checked_state, flattened, outputs
from spectrax.nn.dropout import dropout
from spectrax.nn.flow_networks import FlowDecoder, FlowEncoder
from spectrax.nn.latent_operators import KINDS, Kind, check_unused, make_operator
from spectrax.nn.latent_operators.batch_ridge import BatchRidge
from spectrax.nn.perceptron import Activation, Perceptron
from spectrax.ops.choices import check_choice
from spectrax.parallel import global_batch

Form = Literal["autoencoder", "variational"]
Network = Literal["perceptron", "flow"]
_LOG_NOISE = (-8.0, 4.0)  # bounds of the log-variance of a latent step


@dataclasses.dataclass(frozen=True)
class OneStep:
    """Every frame of a window but the last, one step ahead, in the model's units; shapes are (batch, frames - 1, ...).

    Attributes:
        latent: of the frame; of a variational model, drawn.
        later: of the next frame; of a variational model its mean.
        predicted: what the operator makes of `latent`.
        target, target_next: the frame and the next one, (..., *state).
        reconstruction, prediction: `latent` and `predicted` decoded.
        mean, log_variance: of a variational model's posterior of all frames, (batch, frames, latent); else None.
        log_noise: of a variational model, the log-variance of a step's noise, (latent,); else None.
    """

    latent: jax.Array
    later: jax.Array
    predicted: jax.Array
    target: jax.Array
    target_next: jax.Array
    reconstruction: jax.Array
    prediction: jax.Array
    mean: jax.Array | None = None
    log_variance: jax.Array | None = None
    log_noise: jax.Array | None = None


class InformationKoopman(nnx.Module):
    """Encoder, linear latent step, decoder; the variational form draws latent states about what is encoded.

    Args:
        state: shape of one state.
        latent: numbers of a latent state.
        form: "autoencoder", or "variational": normal posteriors of each frame, and noise in the latent step.
        network: "perceptron" on flattened states, or "flow": the released convolutions, see
            `spectrax.nn.flow_networks`.
        hidden, activation: of perceptrons; the decoder has the sizes in reverse.
        field: of convolutions, (height, width, channels) of a state; None where states have that shape already.
        channels, kernels: of the convolutions.
        dropout: before the encoder's last layer, and of convolutions behind the decoder's first one, as released; a
            perceptron decodes without.
        operator: "batch", as released: a ridge regression on each batch, see `BatchRidge`; or how the trained operator
            is parameterised, see `spectrax.nn.latent_operators`.
        ridge, momentum: of "batch".
        scale, radius, time_step: of a trained operator.
        dtype: compute dtype of encoder and decoder; latent states and their steps are float32.

    Raises:
        ConfigError: for a word that is none of those, or sizes that do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        state: Sequence[int],
        latent: int,
        form: Form = "autoencoder",
        network: Network = "perceptron",
        hidden: Sequence[int] = (128, 128),
        activation: Activation = "tanh",
        field: Sequence[int] | None = None,
        channels: Sequence[int] = (16, 32, 64, 128, 256),
        kernels: Sequence[int] = (7, 5, 3, 3, 3),
        dropout: float = 0.0,
        operator: Kind | Literal["batch"] = "free",
        ridge: float = 0.1,
        momentum: float = 0.01,
        scale: float | None = None,
        radius: Sequence[float] = (0.9, 0.999),
        time_step: float = 1.0,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        check_choice("model.form", form, ("autoencoder", "variational"))
        check_choice("model.network", network, ("perceptron", "flow"))
        check_choice("model.operator", operator, ("batch", *KINDS))
        self.state, self.latent, self.form, self.network = checked_state(state), latent, form, network
        self.dropout = dropout
        encoded = latent if form == "autoencoder" else 2 * latent  # means, and logarithms of variances
        if network == "flow":
            self.field = checked_field(self.state, field)
            sizes = {"channels": channels, "kernels": kernels, "dtype": dtype, "rngs": rngs}
            self.encoder = FlowEncoder(self.field, encoded, **sizes)
            self.decoder = FlowDecoder(self.field, latent, **sizes)
        else:
            options = {"activation": activation, "dtype": dtype, "rngs": rngs}
            self.encoder = Perceptron([math.prod(self.state), *hidden, encoded], **options)
            self.decoder = Perceptron([latent, *hidden[::-1], math.prod(self.state)], **options)
        if operator == "batch":
            check_unused(operator, scale=scale, radius=radius, time_step=time_step)
            self.operator = BatchRidge(latent, ridge=ridge, momentum=momentum)
        else:
            self.operator = make_operator(operator, latent, scale=scale, radius=radius, time_step=time_step, rngs=rngs)
        if form == "variational":
            self.log_noise = nnx.Param(jnp.full((latent,), -2.0))

    def __call__(self, window: jax.Array, *, train: bool, key: jax.Array | None = None) -> dict[str, jax.Array]:
        """What a Koopman autoencoder gives of a window (batch, frames, *state), see
        `spectrax.models.koopman_autoencoder`: by means, and in training without drawing anything."""
        del train, key
        return outputs(self, self.encode(window), window.shape[1] - 1)

    def encode(self, x: jax.Array) -> jax.Array:
        """States (..., *state) -> (..., latent); of a variational model the mean."""
        return self.encoder.head(self._features(self.scaled(x)))[..., : self.latent]

    def decode(self, z: jax.Array) -> jax.Array:
        """(..., latent) -> states (..., *state)."""
        return self.unscaled(self._decoded(z, None))

    def scaled(self, x: jax.Array) -> jax.Array:
        """States in the units in which errors are to count; other than the data's where `dataset.normalise` says so."""
        return x

    def unscaled(self, x: jax.Array) -> jax.Array:
        """The inverse of `scaled`."""
        return x

    def one_step(self, window: jax.Array, *, train: bool, key: jax.Array | None = None) -> OneStep:
        """What training compares of a window (batch, frames, *state), two frames or more.

        In training the operator "batch" remembers this batch's. `key` feeds dropout, of both of a pair of frames and of
        both decoded states by itself, and posteriors; None draws nothing, and takes means.
        """
        keys = {name: _stream(key, name) for name in ("before", "after", "decoder", "posterior")}
        x = self.scaled(window)
        features = self._features(x)
        moments = {}
        if self.form == "variational":
            encoded = self.encoder.head(dropout(features, self.dropout, keys["before"]))
            mean, log_variance = encoded[..., : self.latent], encoded[..., self.latent :]
            latent, later = _drawn(mean, log_variance, keys["posterior"])[:, :-1], mean[:, 1:]
            noise = jnp.clip(self.log_noise[...], *_LOG_NOISE)
            moments = {"mean": mean, "log_variance": log_variance, "log_noise": noise}
        elif self.dropout and key is not None:
            latent = self.encoder.head(dropout(features[:, :-1], self.dropout, keys["before"]))
            later = self.encoder.head(dropout(features[:, 1:], self.dropout, keys["after"]))
        else:
            encoded = self.encoder.head(features)
            latent, later = encoded[:, :-1], encoded[:, 1:]
        predicted = self._stepped(latent, later, train)
        decoded = self._decoded(jnp.stack([latent, predicted], axis=1), keys["decoder"])
        return OneStep(latent, later, predicted, x[:, :-1], x[:, 1:], decoded[:, 0], decoded[:, 1], **moments)

    def _stepped(self, latent: jax.Array, later: jax.Array, train: bool) -> jax.Array:
        if isinstance(self.operator, BatchRidge):
            matrix = self.operator.fitted(latent, later, remember=train)
            return jnp.matmul(latent, matrix, precision=jax.lax.Precision.HIGHEST)
        return self.operator(latent)

    def _features(self, x: jax.Array) -> jax.Array:
        """What the encoder's last layer sees of states in the model's units: (..., *state) -> (..., numbers)."""
        flat = flattened(x, self.state)
        if self.network == "perceptron":
            return self.encoder.features(flat)
        features = self.encoder.features(x.reshape(-1, *self.field))
        return features.reshape(*flat.shape[:-1], -1)

    def _decoded(self, z: jax.Array, key: jax.Array | None) -> jax.Array:
        """(..., latent) -> states (..., *state) in the model's units; with a key, convolutions with dropout."""
        if self.network == "perceptron":
            return self.decoder(z).reshape(*z.shape[:-1], *self.state)
        features = dropout(self.decoder.features(z), self.dropout, key)
        fields = self.decoder.head(features.reshape(-1, features.shape[-1]))
        return fields.reshape(*z.shape[:-1], *self.state)


def checked_field(state: tuple[int, ...], field: Sequence[int] | None) -> tuple[int, ...]:
    """The shape in which convolutions see a state. Raises `ConfigError` when it holds another number of values."""
    shape = state if field is None else tuple(field)
    if math.prod(shape) != math.prod(state):
        raise ConfigError(
            f"model.field={list(shape)} does not hold the {math.prod(state)} numbers of a state: give height, width "
            "and channels."
        )
    return shape


def _stream(key: jax.Array | None, name: str) -> jax.Array | None:
    return None if key is None else randomness.stream(key, name)


def _drawn(mean: jax.Array, log_variance: jax.Array, key: jax.Array | None) -> jax.Array:
    if key is None:
        return mean
    return mean + jnp.exp(log_variance / 2) * global_batch.draw(jax.random.normal, key, mean.shape)
