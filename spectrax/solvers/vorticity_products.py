"""The steps of `vorticity_steps` with every transform a product of matrices: quicker than FFTs on small grids.

Fields are expanded in cosines and sines, real on both axes. Along y the coefficients ("slots") are ordered 1, cos 1,
sin 1, cos 2, ... cos size / 2; along x cosines (size / 2 + 1) and sines (size / 2 - 1) are two arrays, (slots x, batch,
slots y), because

* of a row and its mirror image at -x only the even and the odd part are ever formed, from half as many slots each:
  half the work. Even parts are rows 0 ... size / 2, odd parts rows 1 ... size / 2 - 1, and the parts of a product are
  sums of products of parts;
* with x leading and y last, both transforms are plain products of two matrices, and nothing is transposed;
* what the two thirds rule removes is not computed.

One row more comes of the convention of half spectra, in which the derivative along x at Nyquist's frequency is
-2 pi i size / 2 times the coefficients (see `numpy.fft.irfft2`): it is not zero, as that of a sampled cosine would be.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.solvers.vorticity_steps import kept_frequency, step_factors

Parts = tuple[jax.Array, jax.Array]  # of cosines and of sines along x, or even and odd


class Matrices(NamedTuple):
    """From slots to samples, and back; float64."""

    cosines: np.ndarray  # (even rows, cosines along x)
    sines: np.ndarray  # (odd rows, sines)
    derived_cosines: np.ndarray  # (odd rows, cosines): derivatives along x
    derived_sines: np.ndarray  # (even rows, sines)
    along_y: np.ndarray  # (slots, size)
    derived_along_y: np.ndarray  # (slots, size)
    nyquist_row: np.ndarray  # (slots, size): Nyquist's cosines along x to the row that their derivative is
    signs: np.ndarray  # (even rows, 1, 1): with which that row is added to each
    analysed_even: np.ndarray  # (cosines, even rows)
    analysed_odd: np.ndarray  # (sines, odd rows)
    analysed_y: np.ndarray  # (size, slots)


@jax.jit
def advance(vorticity: jax.Array, forcing: jax.Array, viscosity: float, step: float, steps: int) -> jax.Array:
    """As `vorticity_steps.advance`."""
    size = vorticity.shape[1]
    m = Matrices(*(jnp.asarray(matrix, vorticity.dtype) for matrix in _matrices(size)))
    laplacians = [jnp.asarray(part, vorticity.dtype) for part in _negative_laplacian(size)]
    factors = [step_factors(laplacian, viscosity, step) for laplacian in laplacians]
    pushed = [gained * part for part, (_, gained) in zip(_slots(forcing, m), factors, strict=True)]

    def with_stream(w: Sequence[jax.Array]) -> Parts:
        """Stream function and vorticity side by side: (slots x, 2, batch, slots y)."""
        cosines, sines = (jnp.stack([part / k, part], 1) for part, k in zip(w, laplacians, strict=True))
        return cosines, sines

    def once(_: int, both: Parts) -> Parts:
        advection = _analysed_within(_advection(both, m), m, kept_frequency(size))
        new = []
        for part, advected, push, (kept, gained) in zip(both, advection, pushed, factors, strict=True):
            new.append(kept * part[:, 1] + push - gained * _padded(advected, part[:, 1].shape))
        return with_stream(new)

    cosines, sines = jax.lax.fori_loop(0, steps, once, with_stream(_slots(vorticity, m)))
    return _samples(cosines[:, 1], sines[:, 1], m)


def _advection(both: Parts, m: Matrices) -> Parts:
    """Even and odd part (rows, batch, size) of u . grad w."""
    cosines, sines = both
    x_velocity, w_y = _two(_product(_left(m.cosines, cosines), m.derived_along_y))
    x_velocity_odd, w_y_odd = _two(_product(_left(m.sines, sines), m.derived_along_y))
    stream_x, w_x = _two(
        _product(_left(m.derived_sines, sines), m.along_y) + m.signs[:, None] * _product(cosines[-1], m.nyquist_row)
    )
    stream_x_odd, w_x_odd = _two(_product(_left(m.derived_cosines, cosines), m.along_y))
    inner = slice(1, -1)  # the even rows that have an odd part
    even = x_velocity * w_x - stream_x * w_y
    even += jnp.pad(x_velocity_odd * w_x_odd - stream_x_odd * w_y_odd, ((1, 1), (0, 0), (0, 0)))
    odd = x_velocity[inner] * w_x_odd + x_velocity_odd * w_x[inner]
    odd -= stream_x[inner] * w_y_odd + stream_x_odd * w_y[inner]
    return even, odd


def _analysed_within(parts: Parts, m: Matrices, kept: int) -> Parts:
    """The slots of frequencies up to `kept` of even and odd part: (kept + 1 or kept, batch, 2 kept + 1)."""
    y = m.analysed_y[:, : 2 * kept + 1]
    even, odd = (_product(part, y) for part in parts)
    return _left(m.analysed_even[: kept + 1], even), _left(m.analysed_odd[:kept], odd)


def _slots(field: jax.Array, m: Matrices) -> Parts:
    """Slots (cosines, batch, slots y) and (sines, batch, slots y) of samples (batch, size, size)."""
    rows = jnp.swapaxes(field, 0, 1)
    mirrored = jnp.roll(jnp.flip(rows, 0), 1, 0)
    even, odd = (_product(part, m.analysed_y) for part in (rows + mirrored, rows - mirrored))
    half = len(rows) // 2
    return _left(m.analysed_even, even[: half + 1]) / 2, _left(m.analysed_odd, odd[1:half]) / 2


def _samples(cosines: jax.Array, sines: jax.Array, m: Matrices) -> jax.Array:
    """The inverse of `_slots`."""
    even, odd = _product(_left(m.cosines, cosines), m.along_y), _product(_left(m.sines, sines), m.along_y)
    inner = even[1:-1]
    return jnp.swapaxes(jnp.concatenate([even[:1], inner + odd, even[-1:], jnp.flip(inner - odd, 0)]), 0, 1)


def _left(matrix: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.tensordot(matrix, x, 1, precision=jax.lax.Precision.HIGHEST)


def _product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    return jnp.matmul(x, matrix, precision=jax.lax.Precision.HIGHEST)


def _two(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What comes of the stream function and of the vorticity."""
    return x[:, 0], x[:, 1]


def _padded(x: jax.Array, shape: Sequence[int]) -> jax.Array:
    return jnp.pad(x, [(0, size - given) for size, given in zip(shape, x.shape, strict=True)])


@functools.cache
def _matrices(size: int) -> Matrices:
    half = size // 2
    rows, inner = np.arange(half + 1), np.arange(1, half)
    even, odd = _angles(rows, rows, size), _angles(inner, inner, size)
    double = np.where(rows % half == 0, 1, 2)  # which rows and cosines have a mirror image
    y, derived_y, turned_y = _along_y(size)
    return Matrices(
        cosines=np.cos(even),
        sines=np.sin(odd),
        derived_cosines=-2 * np.pi * rows * np.sin(_angles(inner, rows, size)) * (rows < half),
        derived_sines=2 * np.pi * inner * np.cos(_angles(rows, inner, size)),
        along_y=y,
        derived_along_y=derived_y,
        nyquist_row=-np.pi * size * turned_y,
        signs=((-1.0) ** rows)[:, None, None],
        analysed_even=(np.cos(even) * np.outer(double, double) / size).T,
        analysed_odd=(np.sin(odd) * 4 / size).T,
        analysed_y=(y / (y**2).sum(1, keepdims=True)).T,
    )


def _along_y(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every slot's samples (slots, size), those of its derivative, and of its derivative over 2 pi its frequency."""
    inner = np.arange(1, size // 2)
    angles = _angles(inner, np.arange(size), size)
    y, turned = np.zeros((2, size, size))
    y[0], y[-1] = 1, (-1.0) ** np.arange(size)
    y[1:-1:2], y[2:-1:2] = np.cos(angles), np.sin(angles)
    turned[1:-1:2], turned[2:-1:2] = -np.sin(angles), np.cos(angles)
    return y, 2 * np.pi * _frequencies(size)[:, None] * turned, turned


def _negative_laplacian(size: int) -> Parts:
    """Its eigenvalues, shaped as slots (cosines, 1, slots y) and (sines, 1, slots y), that of the mean set to 1."""
    squares = (2 * np.pi * np.arange(size // 2 + 1.0)[:, None, None]) ** 2 + (2 * np.pi * _frequencies(size)) ** 2
    sines = squares[1:-1].copy()
    squares[0, 0, 0] = 1
    return squares, sines


def _frequencies(size: int) -> np.ndarray:
    """Of the slots along y."""
    return np.arange(1, size + 1) // 2


def _angles(rows: np.ndarray, frequencies: np.ndarray, size: int) -> np.ndarray:
    """2 pi row frequency / size, of which whole turns are taken off while they are integers."""
    return 2 * np.pi * (np.outer(rows, frequencies) % size) / size
