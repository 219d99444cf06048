"""The precision in which spectral transforms compute."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def at_least_float32(x: ArrayLike) -> jax.Array:
    """float32 or complex64, whatever the precision around the transform; float64 and complex128 stay what they are."""
    x = jnp.asarray(x)
    if x.dtype in (jnp.float64, jnp.complex128):
        return x
    return x.astype(jnp.complex64 if jnp.iscomplexobj(x) else jnp.float32)
