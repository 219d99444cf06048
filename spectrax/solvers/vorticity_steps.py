"""Time steps of two-dimensional vorticity in Fourier space; the scheme is described in `navier_stokes`.

A spectrum is that of `numpy.fft.rfft2`: (batch, size, size // 2 + 1). Nyquist's frequency counts as -size / 2 on both
axes. Of -Laplacian the entry of the mean is set to 1.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.ops import fourier

_AXES = (1, 2)


class StepFactors(NamedTuple):
    """What a step multiplies with: real arrays (size, size // 2 + 1), one for each frequency."""

    kept: np.ndarray  # of the spectrum: (1 - step nu L / 2) / (1 + step nu L / 2)
    gained: np.ndarray  # of forcing: step / (1 + step nu L / 2)
    advected: np.ndarray  # of advection: `gained` within two thirds of Nyquist's frequency, 0 elsewhere


def wave_numbers(size: int) -> tuple[np.ndarray, np.ndarray]:
    """2 pi times the frequencies along x, (size, 1), and along y, (1, size // 2 + 1)."""
    along_y = np.arange(size // 2 + 1.0)
    along_y[-1] *= -1
    return 2 * math.pi * np.fft.fftfreq(size, 1 / size)[:, None], 2 * math.pi * along_y[None]


def negative_laplacian(size: int) -> np.ndarray:
    """The eigenvalues L (size, size // 2 + 1), that of the mean set to 1."""
    kx, ky = wave_numbers(size)
    eigenvalues = kx**2 + ky**2
    eigenvalues[0, 0] = 1
    return eigenvalues


def step_factors(size: int, viscosity: float, step: float) -> StepFactors:
    """The factors of a step of the length `step`; float64."""
    damping = 0.5 * step * viscosity * negative_laplacian(size)
    gained = step / (1 + damping)
    kx, ky = (np.abs(k) / (2 * math.pi) <= 2 / 3 * (size // 2) for k in wave_numbers(size))
    return StepFactors((1 - damping) / (1 + damping), gained, np.where(kx & ky, gained, 0))


@jax.jit
def spectrum(field: jax.Array) -> jax.Array:
    """Of real samples (batch, size, size)."""
    return fourier.rfft2(field, axes=_AXES)


@jax.jit
def samples(spectrum: jax.Array) -> jax.Array:
    """The inverse of `spectrum`."""
    return _samples(spectrum)


@functools.partial(jax.jit, donate_argnums=0)
def advance(spectrum: jax.Array, forcing: jax.Array, factors: StepFactors, steps: jax.Array) -> jax.Array:
    """The spectrum of the vorticity after `steps` steps under the forcing's, (1 or batch, size, size // 2 + 1)."""
    kx, ky, laplacian = (jnp.asarray(k, factors.kept.dtype) for k in _derivatives(spectrum.shape[1]))
    gain = factors.gained * forcing

    def once(_: int, w: jax.Array) -> jax.Array:
        stream = w / laplacian
        x_velocity, y_velocity = _samples(1j * ky * stream), _samples(-1j * kx * stream)
        advection = x_velocity * _samples(1j * kx * w) + y_velocity * _samples(1j * ky * w)
        return factors.kept * w + gain - factors.advected * fourier.rfft2(advection, axes=_AXES)

    return jax.lax.fori_loop(0, steps, once, spectrum)


def _samples(spectrum: jax.Array) -> jax.Array:
    size = spectrum.shape[1]
    return fourier.irfft2(spectrum, (size, size), _AXES)


def _derivatives(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return *wave_numbers(size), negative_laplacian(size)
