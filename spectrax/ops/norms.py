"""Where a transform and its inverse are scaled: the three choices of NumPy and SciPy."""

from typing import Literal

import jax

from spectrax.ops.choices import check_choice

Norm = Literal["backward", "ortho", "forward"]
_POWERS = {"backward": 0.0, "ortho": 0.5, "forward": 1.0}


def norm_factor(norm: Norm, samples: int) -> float:
    """By what the sums over `samples` samples are multiplied in the forward transform.

    Raises:
        ConfigError: when `norm` is not one of the three.
    """
    check_choice("norm", norm, _POWERS)
    return samples ** -_POWERS[norm]


def inverse_factor(norm: Norm, samples: int) -> float:
    """By what the sums over `samples` frequencies are multiplied in the inverse transform."""
    return 1 / (samples * norm_factor(norm, samples))


def opposite(norm: Norm) -> Norm:
    """The norm in which the forward transform is scaled as the inverse is in this one."""
    return {"backward": "forward", "forward": "backward"}.get(norm, norm)


def scaled(y: jax.Array, norm: Norm, samples: int, *, inverse: bool) -> jax.Array:
    """The result of a transform, or of an inverse, in the norm "backward", in another norm.

    Not `jnp.fft`'s own norm: a constant inside a nested shard-local region has no gradient (JAX 0.10), see
    `parallel.shard_local`.
    """
    factor = norm_factor(norm, samples)
    return y if factor == 1 else y / factor if inverse else y * factor
