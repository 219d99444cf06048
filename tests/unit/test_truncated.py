"""Truncated transforms: the same as the whole transform and a slice, and as the whole inverse of a padded spectrum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
from random_arrays import NORMS, close, complex_normal, normal

from spectrax.core.errors import ConfigError
from spectrax.ops import fourier, truncated


def corners(spectrum, modes):
    """FNO's slices of a whole spectrum: both ends of every axis but the last, and the start of that."""
    for axis, kept in enumerate(modes[:-1], 1):
        spectrum = np.concatenate([spectrum.take(range(kept), axis), spectrum.take(range(-kept, 0), axis)], axis)
    return spectrum.take(range(modes[-1]), len(modes))


def filled(kept, sizes):
    """The inverse of `corners`: zeros for every other frequency, for fields of `sizes`."""
    whole = np.zeros((kept.shape[0], *sizes[:-1], sizes[-1] // 2 + 1, kept.shape[-1]), complex)
    places = [
        np.r_[0 : held // 2, size - held // 2 : size] for held, size in zip(kept.shape[1:-2], sizes, strict=False)
    ]
    whole[np.ix_(range(len(kept)), *places, range(kept.shape[-2]), range(kept.shape[-1]))] = kept
    return whole


@pytest.mark.parametrize(
    "sizes, modes",
    [((16,), (9,)), ((12, 10), (3, 4)), ((9, 8), (4, 5)), ((8, 6, 10), (2, 3, 4))],
)
def test_values_are_those_of_the_whole_transform(sizes, modes):
    """Nyquist's frequency included, odd sizes too."""
    x, axes = normal(0, 2, *sizes, 3), tuple(range(1, len(sizes) + 1))
    kept = complex_normal(1, 2, *(2 * count for count in modes[:-1]), modes[-1], 3)
    grids = (sizes, tuple(size + 3 for size in sizes))

    @jax.jit
    def there_and_back(x, kept):
        analysed = {norm: truncated.rfftn(x, modes, norm=norm) for norm in NORMS}
        return analysed, {(norm, s): truncated.irfftn(kept, s, norm=norm) for norm in NORMS for s in grids}

    analysed, synthesised = there_and_back(x, kept)
    for norm, found in analysed.items():
        close(found, corners(np.fft.rfftn(x.astype(np.float64), axes=axes, norm=norm), modes))
    for (norm, s), found in synthesised.items():
        close(found, np.fft.irfftn(filled(kept, s), s=s, axes=axes, norm=norm))


def test_cosine_modes_are_those_of_scipy():
    x, kept = normal(0, 2, 12, 9, 3), normal(1, 2, 5, 4, 3)
    padded = np.pad(kept.astype(np.float64), ((0, 0), (0, 11), (0, 3), (0, 0)))

    @jax.jit
    def there_and_back(x, kept):
        return [(truncated.dctn(x, (5, 4), norm=norm), truncated.idctn(kept, (16, 7), norm=norm)) for norm in NORMS]

    for norm, (analysed, synthesised) in zip(NORMS, there_and_back(x, kept), strict=True):
        close(analysed, scipy.fft.dctn(x.astype(np.float64), axes=(1, 2), norm=norm)[:, :5, :4])
        close(synthesised, scipy.fft.idctn(padded, axes=(1, 2), norm=norm))


def test_band_limited_fields_come_back_on_any_grid():
    """A field of few modes, sampled at 16 x 12, is the same function at 20 x 9 samples."""

    def field(height, width):
        u, v = np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij")
        wave = np.cos(2 * np.pi * (2 * u - v)) + 0.5 * np.sin(2 * np.pi * (u + 3 * v)) + 0.25
        return wave[None, :, :, None].astype(np.float32)

    @jax.jit
    def resampled(x):
        return truncated.irfftn(truncated.rfftn(x, (3, 4), norm="forward"), (20, 9), norm="forward")

    close(resampled(field(16, 12)), field(20, 9))


def test_gradients_are_those_of_the_fft():
    """Of a spectral convolution, with respect to field and weights."""
    x = jnp.asarray(normal(0, 2, 12, 10, 3))
    weights = jnp.asarray(complex_normal(1, 6, 4, 3))

    def by_products(x, weights):
        return truncated.irfftn(truncated.rfftn(x, (3, 4)) * weights, (12, 10))

    def by_fft(x, weights):
        spectrum = fourier.rfft2(x)
        kept = jnp.concatenate([spectrum[:, :3, :4], spectrum[:, -3:, :4]], 1) * weights
        whole = jnp.zeros_like(spectrum).at[:, :3, :4].set(kept[:, :3]).at[:, -3:, :4].set(kept[:, 3:])
        return fourier.irfft2(whole, s=(12, 10))

    ours, theirs = (
        jax.jit(jax.value_and_grad(lambda x, w, f=f: jnp.sum(f(x, w) ** 3), (0, 1)))(x, weights)
        for f in (by_products, by_fft)
    )
    for found, expected in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.max(np.abs(expected)))


def test_precision():
    x = normal(0, 1, 16, 2)
    assert truncated.rfftn(jnp.asarray(x, jnp.bfloat16), (3,)).dtype == jnp.complex64
    with jax.enable_x64(True):
        y = truncated.rfftn(x.astype(np.float64), (3,))
        np.testing.assert_allclose(y, np.fft.rfft(x.astype(np.float64), axis=1)[:, :3], rtol=0, atol=1e-13)
        assert truncated.irfftn(y, (16,)).dtype == jnp.float64


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: truncated.rfftn(x, (5, 2)), "Keep 1 to 4"),
        (lambda x: truncated.rfftn(x, (2, 6)), "Keep 1 to 5"),
        (lambda x: truncated.rfftn(x, (2,)), "2 axes"),
        (lambda x: truncated.irfftn(x, (6, 16)), "Keep 1 to 3"),
        (lambda x: truncated.irfftn(x, (8, 13)), "Keep 1 to 7"),
        (lambda x: truncated.irfftn(x[:, :3], (8, 16)), "an even number"),
        (lambda x: truncated.rfftn(x, (2, 2), norm="unitary"), "'unitary' is none of"),
        (lambda x: truncated.dctn(x, (2, 9)), "Keep 1 to 8"),
        (lambda x: truncated.idctn(x, (7, 8)), "Keep 1 to 7"),
    ],
)
def test_what_cannot_be_kept_is_said(call, words):
    with pytest.raises(ConfigError, match=words):
        call(normal(0, 1, 8, 8, 1))
