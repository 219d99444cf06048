"""Gaussian random fields on the unit square, as pure functions of the noise.

The noise of a sample is a function of (seed, index) alone: a sample is the same whatever batch or process makes it.
Fields are float64; the axes are x, then y.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from spectrax.core.errors import ConfigError


def noise(seed: int, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers (*shape) of the sample `index` (from zero) of a set with this seed."""
    return _generator(seed, index).standard_normal(shape)


def complex_noise(seed: int, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Complex standard normal numbers (*shape), of which both parts have the variance 1/2; see `noise`."""
    parts = noise(seed, index, (2, *shape)) / math.sqrt(2)
    return parts[0] + 1j * parts[1]


def uniform_noise(seed: int, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers (*shape) uniform in [0, 1); see `noise`."""
    return _generator(seed, index).random(shape)


def neumann_field(noise: ArrayLike, *, tau: float = 3.0, alpha: float = 2.0) -> np.ndarray:
    """A field with the covariance tau^(2 alpha - 2) (-Laplacian + tau^2)^(-alpha), the Laplacian with Neumann's
    boundary condition, and without a mean: what Darcy's coefficients are made of.

    Args:
        noise: standard normal (..., size, size), one number for each mode cos(pi k1 x) cos(pi k2 y).
        tau: inverse length of correlation.
        alpha: smoothness.

    Returns:
        (..., size, size), samples at the centres (i + 1/2) / size of cells.

    Raises:
        ConfigError: when the noise is not square, or tau or alpha not positive.

    Source: the data of Li et al., "Fourier neural operator for parametric partial differential equations" (2021),
    A.3.2, as their released generator scales them.
    """
    noise = np.asarray(noise, np.float64)
    size = _size(noise, tau, alpha)
    wave_number = np.arange(size)
    scale = size * tau ** (alpha - 1) * _shifted_laplacian(math.pi * wave_number, tau) ** (-alpha / 2)
    scale[0, 0] = 0
    return fft.idctn(scale * noise, axes=(-2, -1), norm="ortho")


def periodic_field(noise: ArrayLike, *, tau: float = 7.0, alpha: float = 2.5, sigma: float | None = None) -> np.ndarray:
    """A periodic field with the covariance sigma^2 (-Laplacian + tau^2)^(-alpha) and without a mean: the vorticity
    from which the flows of the Navier-Stokes data start.

    Args:
        noise: complex standard normal (..., size, size), one number for each mode exp(2 pi i (k1 x + k2 y)), in the
            order of the fast Fourier transform.
        sigma: None: tau^(alpha - 1), as in the authors' released generator, 7^1.5. Their paper states the covariance
            7^1.5 (-Laplacian + 49)^(-2.5), which is sigma = 7^0.75: a field 4.3 times weaker.

    Returns:
        (..., size, size), samples at i / size, i from zero.

    Raises:
        ConfigError: when the noise is not square, or tau or alpha not positive.

    Source: Li et al., "Fourier neural operator for parametric partial differential equations" (2021), A.3.3, and the
    generator released with it.
    """
    noise = np.asarray(noise, np.complex128)
    size = _size(noise, tau, alpha)
    sigma = tau ** (alpha - 1) if sigma is None else sigma
    wave_number = 2 * math.pi * fft.fftfreq(size, 1 / size)
    scale = size**2 * math.sqrt(2) * sigma * _shifted_laplacian(wave_number, tau) ** (-alpha / 2)
    scale[0, 0] = 0
    return fft.ifft2(scale * noise).real


def _generator(seed: int, index: int) -> np.random.Generator:
    if seed < 0 or index < 0:
        raise ConfigError(f"A seed and the index of a sample are zero or more, not {seed} and {index}.")
    return np.random.Generator(np.random.Philox(key=[seed, index]))


def _shifted_laplacian(wave_number: np.ndarray, tau: float) -> np.ndarray:
    """Eigenvalues (size, size) of -Laplacian + tau^2."""
    return wave_number[:, None] ** 2 + wave_number**2 + tau**2


def _size(noise: np.ndarray, tau: float, alpha: float) -> int:
    if noise.ndim < 2 or noise.shape[-1] != noise.shape[-2]:
        raise ConfigError(f"The noise of a field has the shape (..., size, size), not {list(noise.shape)}.")
    if tau <= 0 or alpha <= 0:
        raise ConfigError(f"The tau and alpha of a random field are positive, not {tau} and {alpha}.")
    return noise.shape[-1]
