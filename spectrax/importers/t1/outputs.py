"""What the released T1 and T1U compute, in their layout, computed by ours."""

from typing import Any

import jax
import jax.numpy as jnp


def outputs(model: Any, fields: jax.Array) -> dict[str, jax.Array]:
    """Of fields (batch, height, width) or (batch, channels, height, width): "output", as the released code has it.

    A single channel has no axis of its own there, in or out.
    """
    x = fields[..., None] if fields.ndim == 3 else jnp.moveaxis(fields, 1, -1)
    y = model(x, train=False)
    return {"output": y[..., 0] if y.shape[-1] == 1 else jnp.moveaxis(y, -1, 1)}
