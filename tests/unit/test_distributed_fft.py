"""Transforms of slabs where there is one device: those of NumPy in both layouts. Over eight: `tests/contract`."""

import jax
import numpy as np
import pytest
from random_arrays import NORMS, close, normal

from spectrax.core.errors import ConfigError
from spectrax.ops import distributed


@pytest.mark.parametrize("sizes", [(6, 5), (4, 3, 5)])
def test_values_are_those_of_numpy(sizes):
    x, axes = normal(0, 2, *sizes, 2), tuple(range(1, len(sizes) + 1))
    exact = x.astype(np.float64)

    @jax.jit
    def transforms(x):
        half = [distributed.rfftn(x, norm) for norm in NORMS]
        back = [distributed.irfftn(y, sizes[-1], norm) for y, norm in zip(half, NORMS, strict=True)]
        return [distributed.fftn(x, norm) for norm in NORMS], [distributed.ifftn(x, norm) for norm in NORMS], half, back

    for norm, whole, inverse, half, back in zip(NORMS, *transforms(x), strict=True):
        close(whole, np.fft.fftn(exact, axes=axes, norm=norm))
        close(inverse, np.fft.ifftn(exact, axes=axes, norm=norm))
        close(half, np.fft.rfftn(exact, axes=axes, norm=norm))
        close(back, x)


def test_fields_have_two_or_three_axes_in_space():
    with pytest.raises(ConfigError, match=r"\[2, 8, 3\] is neither"):
        distributed.fftn(normal(0, 2, 8, 3))
