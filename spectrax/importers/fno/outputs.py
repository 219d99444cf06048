"""What the released models compute, computed by ours."""

from typing import Any

import jax
import jax.numpy as jnp


def outputs(model: Any, inputs: Any) -> dict[str, jax.Array]:
    """ "output": of a field (batch, *space, channels), of the library's models (batch, channels, *space), of points
    (batch, n, 2), or of {"input": points, "code": codes}; in the same order. Values are those that the model itself
    sees and gives: the releases normalise outside of it."""
    from spectrax.models.fno_neuralop import NeuralopFNO

    if isinstance(model, NeuralopFNO):
        return {"output": jnp.moveaxis(model(jnp.moveaxis(inputs, 1, -1), train=False), -1, 1)}
    return {"output": model(inputs, train=False)}
