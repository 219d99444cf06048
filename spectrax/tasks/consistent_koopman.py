"""Training of a consistent Koopman autoencoder: forecasts forward and back in time, by operators that undo each other.

Source: see `spectrax.models.consistent_koopman`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from spectrax.core.errors import ConfigError
from spectrax.models.consistent_koopman import inconsistency
from spectrax.tasks.dynamics import Dynamics, scaled_by


@dataclasses.dataclass(frozen=True)
class ConsistentKoopmanTask(Dynamics):
    """The released loss: with s steps, the sum over them of the mean square error of forecasts from the first frame, s
    times that of the first frame decoded again, the sum of the errors of forecasts back from the last frame, and the
    operators' inconsistency.

    Attributes:
        backward, consistency: weights of the last two. Where both are 0, as by default in the release, the backward
            operator is not trained: a plain Koopman autoencoder.

    Raises:
        ConfigError: for values that make no sense.
    """

    linearity: float = 0.0
    backward: float = 0.1
    consistency: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.backward, self.consistency) < 0:
            raise ConfigError("task.backward and task.consistency must not be negative.")

    def terms(self, model: Any, window: jax.Array, outputs: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Without weights, of windows (batch, frames, *state)."""
        if not hasattr(model, "backward_operator"):
            raise ConfigError(
                "task=consistent_koopman needs a model with a backward operator: set model=consistent_koopman, or "
                "task=dynamics."
            )
        target, steps = scaled_by(model, window), window.shape[1] - 1
        back = model.backward(outputs["latent"][:, -1], steps)

        def error(states: jax.Array, target: jax.Array) -> jax.Array:
            return steps * jnp.mean((scaled_by(model, states) - target) ** 2)

        return {
            "prediction": error(outputs["prediction"], target[:, 1:]),
            "reconstruction": error(outputs["reconstruction"][:, 0], target[:, 0]),
            "linearity": jnp.mean((outputs["predicted_latent"] - outputs["latent"][:, 1:]) ** 2),
            "backward": error(back, target[:, -2::-1]),
            "consistency": inconsistency(model.operator.matrix(), model.backward_operator.matrix()),
        }

    def weights(self) -> dict[str, float]:
        """Of `terms`."""
        return {**super().weights(), "backward": self.backward, "consistency": self.consistency}
