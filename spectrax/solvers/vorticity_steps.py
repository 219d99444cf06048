"""Time steps of two-dimensional vorticity in Fourier space; the scheme is described in `navier_stokes`.

A spectrum is that of `numpy.fft.rfft2`: (batch, size, size // 2 + 1). Nyquist's frequency counts as -size / 2 on both
axes. Of -Laplacian the eigenvalue of the mean is set to 1.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.ops import fourier

_AXES = (1, 2)


@jax.jit
def advance(vorticity: jax.Array, forcing: jax.Array, viscosity: float, step: float, steps: int) -> jax.Array:
    """The vorticity after a number of steps.

    Args:
        vorticity: (batch, size, size), an even size.
        forcing: (batch or 1, size, size).
        step: the length of a step in time.
        steps: how many.
    """
    size = vorticity.shape[1]
    kx, ky = (jnp.asarray(k, vorticity.dtype) for k in _wave_numbers(size))
    laplacian = (kx**2 + ky**2).at[0, 0].set(1)
    kept, gained = step_factors(laplacian, viscosity, step)
    pushed = gained * _spectrum(forcing)
    advected = jnp.asarray(_within_two_thirds(size), vorticity.dtype) * gained

    def once(_: int, w: jax.Array) -> jax.Array:
        stream = w / laplacian
        x_velocity, y_velocity = _samples(1j * ky * stream), _samples(-1j * kx * stream)
        advection = x_velocity * _samples(1j * kx * w) + y_velocity * _samples(1j * ky * w)
        return kept * w + pushed - advected * _spectrum(advection)

    return _samples(jax.lax.fori_loop(0, steps, once, _spectrum(vorticity)))


def step_factors(laplacian: jax.Array, viscosity: float, step: float) -> tuple[jax.Array, jax.Array]:
    """What a step multiplies the spectrum with, and what it multiplies forcing and advection with before it adds them:
    (1 - step nu L / 2) / (1 + step nu L / 2) and step / (1 + step nu L / 2) for the eigenvalues L of -Laplacian."""
    damping = 0.5 * step * viscosity * laplacian
    return (1 - damping) / (1 + damping), step / (1 + damping)


def kept_frequency(size: int) -> int:
    """The greatest frequency that the two thirds rule leaves in advection."""
    return 2 * (size // 2) // 3


def _spectrum(field: jax.Array) -> jax.Array:
    return fourier.rfft2(field, axes=_AXES)


def _samples(spectrum: jax.Array) -> jax.Array:
    size = spectrum.shape[1]
    return fourier.irfft2(spectrum, (size, size), _AXES)


def _wave_numbers(size: int) -> tuple[np.ndarray, np.ndarray]:
    """2 pi times the frequencies along x, (size, 1), and along y, (1, size // 2 + 1)."""
    along_y = np.arange(size // 2 + 1.0)
    along_y[-1] *= -1
    return 2 * math.pi * np.fft.fftfreq(size, 1 / size)[:, None], 2 * math.pi * along_y[None]


def _within_two_thirds(size: int) -> np.ndarray:
    along_x, along_y = (np.abs(np.round(k / (2 * math.pi))) <= kept_frequency(size) for k in _wave_numbers(size))
    return along_x & along_y
