"""Where a transform and its inverse are scaled: the three choices of NumPy and SciPy."""

from typing import Literal

from spectrax.core.errors import ConfigError

Norm = Literal["backward", "ortho", "forward"]
_POWERS = {"backward": 0.0, "ortho": 0.5, "forward": 1.0}


def norm_factor(norm: Norm, samples: int) -> float:
    """By what the sums over `samples` samples are multiplied in the forward transform.

    Raises:
        ConfigError: when `norm` is not one of the three.
    """
    if norm not in _POWERS:
        raise ConfigError(f"norm={norm!r} is none of: {', '.join(_POWERS)}.")
    return samples ** -_POWERS[norm]


def inverse_factor(norm: Norm, samples: int) -> float:
    """By what the sums over `samples` frequencies are multiplied in the inverse transform."""
    return 1 / (samples * norm_factor(norm, samples))


def opposite(norm: Norm) -> Norm:
    """The norm in which the forward transform is scaled as the inverse is in this one."""
    return {"backward": "forward", "forward": "backward"}.get(norm, norm)
