"""Random arrays to transform, and how near to what is expected a result in float32 must be."""

import typing

import numpy as np

from spectrax.ops.norms import Norm

NORMS = typing.get_args(Norm)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def complex_normal(seed, *shape):
    return (normal(seed, *shape) + 1j * normal(seed + 1, *shape)).astype(np.complex64)


def close(found, expected, what=""):
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.max(np.abs(expected)), err_msg=what)
