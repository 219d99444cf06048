"""Stochastic depth: a residual branch is dropped for some examples of a training batch."""

import jax
import jax.numpy as jnp

from spectrax.parallel import global_batch


def drop_path(branch: jax.Array, rate: float, key: jax.Array | None) -> jax.Array:
    """Zero the branch of each example with probability `rate` and scale the others by 1 / (1 - rate).

    Args:
        branch: (batch, ...).
        rate: static; 0 does nothing.
        key: one draw for the whole (global) batch; None, as at evaluation, does nothing.

    Source: Huang et al., "Deep networks with stochastic depth", ECCV 2016; scaling as in timm.
    """
    if rate == 0.0 or key is None:
        return branch
    keep = 1.0 - rate
    shape = (branch.shape[0],) + (1,) * (branch.ndim - 1)
    kept = global_batch.draw(lambda key, shape: jax.random.bernoulli(key, keep, shape), key, shape)
    return branch * (kept.astype(branch.dtype) * jnp.asarray(1.0 / keep, branch.dtype))
