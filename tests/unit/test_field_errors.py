"""Errors and spectra of fields against fields whose errors and spectra are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.diagnostics import field_errors, field_spectra
from spectrax.diagnostics.field_spectra import Shells


def box(*sizes, channels=1, seed=0, batch=3):
    return np.random.default_rng(seed).normal(size=(batch, *sizes, channels)).astype(np.float32)


def waves(size=32):
    """Points of a periodic unit square, and of its sides."""
    side = np.arange(size) / size
    return np.meshgrid(side, side, indexing="ij")


def test_relative_l2_is_over_space_and_channels_of_each_example():
    target, error = box(4, 5, channels=2), box(4, 5, channels=2, seed=1)
    expected = [np.linalg.norm(e) / np.linalg.norm(t) for e, t in zip(error, target, strict=True)]
    np.testing.assert_allclose(field_errors.relative_l2(target + error, target), expected, rtol=1e-5)
    by_channel = field_errors.relative_l2_of_channels(target + error, target)
    expected = np.linalg.norm(error, axis=(1, 2)) / np.linalg.norm(target, axis=(1, 2))
    np.testing.assert_allclose(by_channel, expected, rtol=1e-5)


def test_an_exact_prediction_has_no_error_and_no_wild_gradient():
    target = jnp.asarray(box(8, 8))
    for measure in (
        field_errors.relative_l2,
        field_errors.mean_squared,
        lambda p, t: field_errors.relative_h1(p, t, True),
        lambda p, t: field_errors.relative_h1(p, t, False),
    ):
        value, gradient = jax.value_and_grad(lambda p, measure=measure: jnp.sum(measure(p, target)))(target)
        assert value == 0 and np.all(np.asarray(gradient) == 0)
    assert np.isinf(field_errors.relative_l2(target, jnp.zeros_like(target))).all()


def test_h1_of_a_wave_weighs_it_by_its_wavenumber():
    """Of target sin(2 pi x) and error a sin(2 pi (3 x + 2 y)): a sqrt((1 + 4 pi^2 13) / (1 + 4 pi^2))."""
    x, y = waves()
    target, error = np.sin(2 * np.pi * x), 0.1 * np.sin(2 * np.pi * (3 * x + 2 * y))
    found = field_errors.relative_h1((target + error)[None, ..., None], target[None, ..., None], periodic=True)
    expected = 0.1 * np.sqrt((1 + 4 * np.pi**2 * 13) / (1 + 4 * np.pi**2))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_h1_by_differences_is_exact_for_straight_slopes():
    """Target 1 + 2 x + 3 y, error c (x - y): gradients (2, 3) and (c, -c)."""
    x, y = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 6), indexing="ij")
    target, error = 1 + 2 * x + 3 * y, 0.5 * (x - y)
    found = field_errors.relative_h1((target + error)[None, ..., None], target[None, ..., None], periodic=False)
    expected = np.sqrt((np.mean(error**2) + 0.5) / (np.mean(target**2) + 13))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


@pytest.mark.parametrize("sizes", [(16,), (15,), (8, 6), (9, 7), (4, 5, 6)])
@pytest.mark.parametrize("periodic", [True, False])
def test_energies_of_waves_add_up_to_the_mean_square(sizes, periodic):
    fields = box(*sizes, channels=2)
    mean_square = (fields**2).reshape(3, -1, 2).mean(1)
    np.testing.assert_allclose(field_spectra.radial_spectrum(fields, periodic).sum(1), mean_square, rtol=1e-5)


@pytest.mark.parametrize("periodic", [True, False])
def test_errors_of_bands_add_up_to_relative_l2(periodic):
    target, prediction = box(12, 9, channels=2), box(12, 9, channels=2, seed=1)
    bands = field_errors.errors_by_band(prediction, target, (1, 3), periodic)
    assert bands.shape == (3, 3)
    expected = field_errors.relative_l2(prediction, target)
    np.testing.assert_allclose(np.sqrt((np.asarray(bands) ** 2).sum(1)), expected, rtol=1e-5)


def test_a_wave_is_in_the_shell_and_the_band_of_its_wavenumber():
    x, y = waves()
    wave = (np.sin(2 * np.pi * (3 * x - 4 * y)))[None, ..., None].astype(np.float32)
    spectrum = np.asarray(field_spectra.radial_spectrum(wave, periodic=True))[0, :, 0]
    assert spectrum.argmax() == 5 and spectrum[5] == pytest.approx(0.5, rel=1e-5)
    bands = np.asarray(field_errors.errors_by_band(2 * wave, wave, (4, 5, 6), periodic=True))[0]
    np.testing.assert_allclose(bands, [0, 1, 0, 0], atol=1e-5)
    # A cosine that is not periodic: three half periods along the first side.
    half = np.cos(1.5 * 2 * np.pi * (np.arange(20) + 0.5) / 20)[None, :, None, None] * np.ones((1, 20, 10, 1))
    shells = Shells((20, 10), periodic=False)
    found = np.asarray(field_spectra.radial_spectrum(half, periodic=False))[0, :, 0]
    assert found.argmax() == 2 and found.max() == pytest.approx(0.5, rel=1e-5)
    assert len(found) == shells.count == 12  # 9.5 and 4.5 periods make 10.5


def test_nrmse_of_the_mean_is_one_and_counts_the_domain_alone():
    target = box(6, 5, channels=2) + np.array([3.0, -1.0], np.float32)
    mean = target.mean((1, 2), keepdims=True) * np.ones_like(target)
    np.testing.assert_allclose(field_errors.nrmse(mean, target), 1, rtol=1e-5)
    domain = np.zeros((3, 6, 5, 1), np.float32)
    domain[:, :, :3] = 1
    cut = field_errors.nrmse(mean[:, :, :3], target[:, :, :3])
    np.testing.assert_allclose(field_errors.nrmse(mean, target, domain), cut, rtol=1e-5)


def test_quantities_of_a_vortical_wave():
    """Vorticity sin(2 pi k x) has velocity of amplitude 1 / (2 pi k): energy 1 / (4 (2 pi k)^2), enstrophy 1 / 4."""
    x, _ = waves()
    found = field_spectra.vorticity_quantities(jnp.asarray(0.5 + np.sin(2 * np.pi * 3 * x))[None, ..., None])
    assert float(found["mean"][0, 0]) == pytest.approx(0.5, rel=1e-5)
    assert float(found["energy"][0, 0]) == pytest.approx(1 / (4 * (6 * np.pi) ** 2), rel=1e-4)
    assert float(found["enstrophy"][0, 0]) == pytest.approx(0.25 + 0.125, rel=1e-5)
    scalar = field_spectra.scalar_quantities(jnp.full((2, 4, 4, 1), 2.0))
    assert scalar["mean"].tolist() == [[2.0]] * 2 and scalar["energy"].tolist() == [[2.0]] * 2


def test_bfloat16_is_measured_in_float32():
    target = jnp.full((1, 64, 64, 1), 1.0, jnp.bfloat16)
    assert field_errors.relative_l2(1.5 * target, target).dtype == jnp.float32
    assert float(field_errors.relative_l2(1.5 * target, target)[0]) == pytest.approx(0.5)
