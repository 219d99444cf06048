"""What the released autoencoder computes, in its layout, computed by ours."""

from typing import Any

import jax
import jax.numpy as jnp

STEPS = 8  # as released


def outputs(model: Any, states: jax.Array) -> dict[str, jax.Array]:
    """Of states (batch, 1, height, width):

    * "output": (9, batch, 1, height, width), what `forward(mode="forward")` lists of eight steps: the forecasts, and
      last the state decoded again;
    * "backward": the same of `mode="backward"`;
    * "latent": (batch, 1, latent).
    """
    latent = model.encode(states.reshape(len(states), *model.state))
    again = model.decode(latent)[:, None]

    def listed(forecast: jax.Array) -> jax.Array:
        return jnp.moveaxis(jnp.concatenate([forecast, again], axis=1), 1, 0).reshape(-1, *states.shape)

    return {
        "output": listed(model.decode(model.operator.advance(latent, STEPS))),
        "backward": listed(model.backward(latent, STEPS)),
        "latent": latent[:, None],
    }
