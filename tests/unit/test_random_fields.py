"""Gaussian random fields: the covariance they should have, and noise that knows nothing of batches."""

import math

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.solvers import random_fields

SIZE = 16


def test_noise_is_a_function_of_the_seed_and_the_sample():
    first = random_fields.noise(3, 5, (4, 4))
    random_fields.noise(3, 6, (4, 4))
    assert (first == random_fields.noise(3, 5, (4, 4))).all()
    assert not (first == random_fields.noise(3, 6, (4, 4))).any()
    assert not (first == random_fields.noise(4, 5, (4, 4))).any()
    with pytest.raises(ConfigError, match="zero or more"):
        random_fields.noise(0, -1, (2, 2))


def test_complex_noise_has_parts_of_half_the_variance():
    noise = random_fields.complex_noise(0, 0, (200, 200))
    for part in (noise.real, noise.imag):
        assert abs(part.var() - 0.5) < 0.5 * 5 * math.sqrt(2 / part.size)
    assert abs((noise.real * noise.imag).mean()) < 0.5 * 5 / 200


@pytest.mark.parametrize("kind", ["neumann", "periodic"])
def test_a_field_is_linear_in_the_noise_and_the_same_in_any_batch(kind):
    draw = random_fields.noise if kind == "neumann" else random_fields.complex_noise
    make = random_fields.neumann_field if kind == "neumann" else random_fields.periodic_field
    noise = np.stack([draw(0, index, (SIZE, SIZE)) for index in range(3)])
    fields = make(noise)
    np.testing.assert_allclose(fields[1], make(noise[1]), rtol=0, atol=1e-14)
    np.testing.assert_allclose(make(2 * noise[0] - noise[2]), 2 * fields[0] - fields[2], rtol=0, atol=1e-13)
    assert abs(fields.mean((1, 2))).max() < 1e-14


def test_every_mode_of_darcys_field_has_the_eigenvalue_of_its_covariance():
    """tau^(2 alpha - 2) (-Laplacian + tau^2)^(-alpha) with cosines, orthonormal on the square, summed without FFTs."""
    tau, alpha = 3.0, 2.0
    centres = (np.arange(SIZE) + 0.5) / SIZE
    for mode in ((1, 0), (2, 3), (SIZE - 1, 5)):
        impulse = np.zeros((SIZE, SIZE))
        impulse[mode] = 1
        waves = [np.cos(np.pi * k * centres) * (math.sqrt(2) if k else 1) for k in mode]
        eigenvalue = tau ** (2 * alpha - 2) * (np.pi**2 * (mode[0] ** 2 + mode[1] ** 2) + tau**2) ** -alpha
        expected = math.sqrt(eigenvalue) * np.outer(*waves)
        np.testing.assert_allclose(random_fields.neumann_field(impulse), expected, rtol=0, atol=1e-14)


def test_the_periodic_field_has_its_covariance():
    """By the law of large numbers, between two points some way apart, along both axes."""
    samples = 4000
    noise = np.stack([random_fields.complex_noise(1, index, (SIZE, SIZE)) for index in range(samples)])
    fields = random_fields.periodic_field(noise)
    frequencies = np.fft.fftfreq(SIZE, 1 / SIZE)
    eigenvalues = 7.0**3 * (4 * np.pi**2 * (frequencies[:, None] ** 2 + frequencies**2) + 49) ** -2.5
    eigenvalues[0, 0] = 0
    for lag in ((0, 0), (2, 0), (1, 3)):
        phase = 2 * np.pi * (frequencies[:, None] * lag[0] + frequencies * lag[1]) / SIZE
        expected = (eigenvalues * np.cos(phase)).sum()
        found = (fields * np.roll(fields, lag, (1, 2))).mean()
        assert abs(found - expected) < 0.02 * eigenvalues.sum()
    assert abs(math.sqrt(eigenvalues.sum()) - 0.185) < 0.001  # the specification's figure, of a finer grid


def test_sigma_tells_the_released_generator_from_the_paper():
    noise = random_fields.complex_noise(0, 0, (SIZE, SIZE))
    released = random_fields.periodic_field(noise)
    np.testing.assert_allclose(random_fields.periodic_field(noise, sigma=7**1.5), released, rtol=1e-14)
    np.testing.assert_allclose(random_fields.periodic_field(noise, sigma=7**0.75), released / 7**0.75, rtol=1e-12)


@pytest.mark.parametrize("wrong", [{"tau": 0.0}, {"alpha": -1.0}])
def test_wrong_arguments_are_told(wrong):
    with pytest.raises(ConfigError, match="positive"):
        random_fields.neumann_field(np.ones((4, 4)), **wrong)
    with pytest.raises(ConfigError, match=r"\(\.\.\., size, size\)"):
        random_fields.periodic_field(np.ones((4, 5)))
