"""Dropout whose draws do not depend on how the batch is laid out over devices."""

import jax
import jax.numpy as jnp

from spectrax.parallel import global_batch


def dropout(x: jax.Array, rate: float, key: jax.Array | None) -> jax.Array:
    """Zero each number with probability `rate` and scale the others by 1 / (1 - rate).

    Args:
        x: (batch, ...).
        rate: static; 0 does nothing.
        key: one draw for the whole (global) batch; None, as at evaluation, does nothing.
    """
    if rate == 0.0 or key is None:
        return x
    kept = global_batch.draw(lambda key, shape: jax.random.bernoulli(key, 1 - rate, shape), key, x.shape)
    return jnp.where(kept, x / (1 - rate), jnp.zeros_like(x))
