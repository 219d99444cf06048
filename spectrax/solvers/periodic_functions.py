"""Gaussian random functions on a circle, the same function at whatever resolution it is sampled.

A function is a truncated Karhunen-Loeve series, so that its coefficients, drawn mode after mode, do not depend on the
number of samples. Everything is float64.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError


def periodic_function(
    noise: ArrayLike,
    positions: ArrayLike,
    *,
    length: float,
    scale: float,
    shift: float,
    power: float,
    mean: bool = True,
) -> np.ndarray:
    """Samples of a Gaussian function with the covariance scale (-d^2/dx^2 + shift)^(-power) on a circle.

    Args:
        noise: standard normal (..., modes + 1, 2): for each wave number from zero the amplitudes of cosine and sine
            (at zero only the first counts).
        positions: where it is sampled, (points,), in the units of `length`.
        length: circumference of the circle.
        mean: whether the constant mode, of variance scale shift^(-power) / length, is part of it.

    Returns:
        (..., points).

    Raises:
        ConfigError: when the noise has not this shape, or a parameter is not positive.
    """
    noise, positions = np.asarray(noise, np.float64), np.asarray(positions, np.float64)
    if noise.ndim < 2 or noise.shape[-1] != 2:
        raise ConfigError(f"The noise of a periodic function has the shape (..., modes + 1, 2), not {noise.shape}.")
    if min(length, scale, shift, power) <= 0:
        raise ConfigError("The length, scale, shift and power of a random function are positive.")
    wave_number = 2 * math.pi / length * np.arange(noise.shape[-2])
    deviation = np.sqrt(2 / length * scale) * (wave_number**2 + shift) ** (-power / 2)
    deviation[0] *= math.sqrt(0.5) if mean else 0.0
    amplitudes = deviation[:, None] * noise
    phase = wave_number[:, None] * positions
    # einsum without BLAS, whose rounding would depend on the number of functions
    return np.einsum("...k,kp->...p", amplitudes[..., 0], np.cos(phase)) + np.einsum(
        "...k,kp->...p", amplitudes[..., 1], np.sin(phase)
    )
