"""The lowest modes of the Fourier transform at points that lie anywhere in the unit square, and back.

Sums over all points and modes, as thin matrix products: for the few modes that operators keep nothing is faster. Modes
have the order of `spectrax.ops.truncated`: 0 ... m1 - 1, -m1 ... -1 along the first axis, 0 ... m2 - 1 along the other.
Everything is computed in float32 (float64 stays float64) and differentiable with respect to the points.

Source: Z. Li et al., "Fourier neural operator with learned deformations for PDEs on general geometries", JMLR 2023.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.ops.compute_dtype import at_least_float32


def points_to_modes(values: ArrayLike, points: ArrayLike, modes: Sequence[int]) -> jax.Array:
    """`F[k1, k2] = sum_n values[n] exp(-2 pi i (x_n k1 + y_n k2))`, without a factor 1 / n.

    Args:
        values: real (batch, n, channels).
        points: (batch, n, 2).
        modes: m1 and m2.

    Returns:
        complex (batch, 2 m1, m2, channels).
    """
    values, points = at_least_float32(values), at_least_float32(points)
    first, second = modes
    waves = _product(_waves(points[..., 0], _both_signs(first)), _waves(points[..., 1], np.arange(second)))
    real, imaginary = (_over("bnxy,bnc->bxyc", wave, values) for wave in waves)
    return jax.lax.complex(real, -imaginary)


def modes_to_points(spectrum: ArrayLike, points: ArrayLike, *, hermitian: bool = False) -> jax.Array:
    """Real values at points, of a spectrum that is completed by its conjugates at negative k2; no factor.

    A real field's spectrum has `conj(F[k1, k2])` at (-k1, -k2). The released code turns the order of the first axis,
    which puts it at (-k1 - 1, -k2), one frequency off. That is the default here, so that released weights give what
    they gave.

    Args:
        spectrum: complex (batch, 2 m1, m2, channels).
        points: (batch, n, 2).
        hermitian: complete it as a real field wants it.

    Returns:
        real (batch, n, channels).

    Raises:
        ConfigError: when the spectrum has an odd number of modes along the first axis.
    """
    spectrum, points = at_least_float32(spectrum), at_least_float32(points)
    if spectrum.shape[1] % 2:
        raise ConfigError(f"{spectrum.shape[1]} modes of both signs must be an even number. See points_to_modes.")
    frequencies = _both_signs(spectrum.shape[1] // 2)
    along, across = (_waves(points[..., axis], k) for axis, k in ((0, frequencies), (1, np.arange(spectrum.shape[2]))))
    # The real part of what stands at (-k1 - 1, -k2) is that of the mode itself at (k1 + 1, k2): a mode with k2 > 0
    # has the sum of two waves along the first axis.
    partner = along if hermitian else _waves(points[..., 0], frequencies + 1)
    cosine, sine = _product(along, across)
    others = _product(partner, across)
    counted = (np.arange(spectrum.shape[2]) > 0).astype(np.float32)
    cosine, sine = cosine + counted * others[0], sine + counted * others[1]
    total = _over("bnxy,bxyc->bnc", cosine, spectrum.real)
    return total - _over("bnxy,bxyc->bnc", sine, spectrum.imag)


def _both_signs(modes: int) -> np.ndarray:
    return np.concatenate([np.arange(modes), np.arange(-modes, 0)])


def _waves(positions: jax.Array, frequencies: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Cosines and sines (batch, n, frequencies) of 2 pi k x."""
    angles = 2 * np.pi * positions[..., None] * jnp.asarray(frequencies, positions.dtype)
    return jnp.cos(angles), jnp.sin(angles)


def _product(first: tuple[jax.Array, jax.Array], second: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Cosines and sines (batch, n, k1, k2) of the sums of the angles."""
    (cosine1, sine1), (cosine2, sine2) = first, second
    cosine1, sine1, cosine2, sine2 = cosine1[..., None], sine1[..., None], cosine2[:, :, None], sine2[:, :, None]
    return cosine1 * cosine2 - sine1 * sine2, sine1 * cosine2 + cosine1 * sine2


def _over(equation: str, waves: jax.Array, values: jax.Array) -> jax.Array:
    return jnp.einsum(equation, waves, values, precision=jax.lax.Precision.HIGHEST)
