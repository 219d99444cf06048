"""What the released networks compute, in their layout, computed by ours."""

from typing import Any

import jax
import jax.numpy as jnp


def outputs(model: Any, fields: jax.Array) -> dict[str, jax.Array]:
    """Of fields (batch, channels, height, width): "latent" (batch, latent), and "output", the field decoded again. What
    comes next depends on an operator that the release keeps apart."""
    latent = model.encode(jnp.moveaxis(fields, 1, -1))
    return {"output": jnp.moveaxis(model.decode(latent), -1, 1), "latent": latent}
