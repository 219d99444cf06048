"""Thin matrices of the Fourier transform along one axis, where few of its frequencies are kept.

Real matrices for real arithmetic, (parts out, parts in, rows, columns): a complex array is its real and its imaginary
part, two parts, a real one has one. float64, read-only, and in numpy's conventions and normalisations.
"""

import functools

import numpy as np

from spectrax.ops.matrices import read_only
from spectrax.ops.norms import Norm, inverse_factor, norm_factor


@functools.cache
def half_analysis(size: int, modes: int, norm: Norm) -> np.ndarray:
    """Real samples to the frequencies 0 ... modes - 1: (2, 1, modes, size)."""
    cosine, sine = _waves(np.arange(modes), size)
    return read_only(norm_factor(norm, size) * np.stack([cosine, -sine])[:, None])


@functools.cache
def half_synthesis(size: int, modes: int, norm: Norm) -> np.ndarray:
    """The frequencies 0 ... modes - 1, and their conjugates at the negative ones, to real samples: (1, 2, size, modes).

    As in `numpy.fft.irfft`, imaginary parts of the frequencies that are their own negatives count for nothing.
    """
    frequencies = np.arange(modes)
    weights = np.where(2 * frequencies % size == 0, 1, 2) * inverse_factor(norm, size)
    cosine, sine = (wave.T * weights for wave in _waves(frequencies, size))
    return read_only(np.stack([cosine, -sine])[None])


@functools.cache
def full_analysis(size: int, modes: int, norm: Norm) -> np.ndarray:
    """Complex samples to the frequencies 0 ... modes - 1, -modes ... -1: (2, 2, 2 modes, size)."""
    cosine, sine = _waves(_both_ends(modes), size)
    return read_only(norm_factor(norm, size) * np.stack([np.stack([cosine, sine]), np.stack([-sine, cosine])]))


@functools.cache
def full_synthesis(size: int, modes: int, norm: Norm) -> np.ndarray:
    """The frequencies 0 ... modes - 1, -modes ... -1 to complex samples: (2, 2, size, 2 modes)."""
    cosine, sine = (wave.T for wave in _waves(_both_ends(modes), size))
    parts = np.stack([np.stack([cosine, -sine]), np.stack([sine, cosine])])
    return read_only(inverse_factor(norm, size) * parts)


def _both_ends(modes: int) -> np.ndarray:
    return np.concatenate([np.arange(modes), np.arange(-modes, 0)])


def _waves(frequencies: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines (frequencies, size); of angles reduced as integers, so that no digit is lost."""
    angles = 2 * np.pi * (np.outer(frequencies, np.arange(size)) % size) / size
    return np.cos(angles), np.sin(angles)
