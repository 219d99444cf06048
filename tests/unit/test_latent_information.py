"""Entropy, contrast and Gaussian information of latent states against closed forms, and their gradients."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.diagnostics.latent_information import gaussian_information, water_filling
from spectrax.ops.latent_contrast import contrast_in_batch, contrast_in_window
from spectrax.ops.latent_entropy import entropy_of_variances, latent_entropy, latent_variances
from spectrax.ops.spectra import symmetric_eigenvalues


def states(covariance, count=64, seed=0):
    """(1, count, size) whose covariance is exactly this."""
    noise = np.random.default_rng(seed).standard_normal((count, len(covariance)))
    noise -= noise.mean(0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(noise.T @ noise / (count - 1))).T
    return jnp.asarray((white @ np.linalg.cholesky(covariance).T)[None], jnp.float32)


@pytest.mark.parametrize("floor", ["mixed", "clamped"])
def test_the_entropy_of_equal_variances_is_the_logarithm_of_their_number(floor):
    assert abs(float(latent_entropy(states(np.eye(8)), floor=floor)) - np.log(8)) < 1e-5


@pytest.mark.parametrize("floor", ["mixed", "clamped"])
def test_the_entropy_of_one_direction_is_zero(floor):
    z = jnp.arange(10.0)[None, :, None] * jnp.ones((1, 1, 6))
    assert abs(float(latent_entropy(z, floor=floor))) < 1e-4


def test_the_entropy_depends_on_shares_alone():
    z = states(np.diag([4.0, 2.0, 1.0, 1.0]))
    shares = np.array([0.5, 0.25, 0.125, 0.125])
    for scale in (1e-2, 1.0, 1e2):
        assert abs(float(latent_entropy(scale * z)) + np.sum(shares * np.log(shares))) < 2e-5


def test_few_states_give_the_same_variances_by_their_products():
    """More numbers than states: by the products of states; the same by the covariance."""
    z = jax.random.normal(jax.random.key(0), (2, 5, 16))
    covariance = np.cov(np.asarray(z, np.float64).reshape(10, 16).T)
    np.testing.assert_allclose(np.sort(latent_variances(z)), np.sort(np.linalg.eigvalsh(covariance)), atol=2e-6)


@pytest.mark.parametrize("covariance", [np.eye(4), np.diag([3.0, 3.0, 1.0, 1.0]), np.diag([4.0, 2.0, 1.0, 0.5])])
@pytest.mark.parametrize("floor", ["mixed", "clamped"])
def test_the_gradient_of_the_entropy_has_no_gaps(covariance, floor):
    """-(log rho + 1) through rho = C / tr C, known here in closed form; equal eigenvalues do it no harm."""
    z = states(covariance)
    found = jax.grad(lambda z: latent_entropy(z, floor=floor))(z)[0]
    rho = covariance / np.trace(covariance)
    entropy = -np.sum(np.diag(rho) * np.log(np.diag(rho)))
    of_covariance = -(np.diag(np.log(np.diag(rho))) + entropy * np.eye(4)) / np.trace(covariance)
    wanted = 2 / 63 * np.asarray(z[0], np.float64) @ of_covariance
    np.testing.assert_allclose(found, wanted, atol=3e-6)


def test_eigenvalues_have_the_gradient_of_the_trace_where_all_are_equal():
    gradient = jax.grad(lambda matrix: jnp.sum(symmetric_eigenvalues(matrix)))(jnp.eye(5))
    np.testing.assert_allclose(gradient, np.eye(5), atol=1e-6)


def test_a_direction_without_variance_is_pulled_at_unless_it_is_clamped():
    """dS/dv of its variance v is (-log rho - S) / tr where rho counts, and else that of the trace alone."""
    variance, z = 1e-10, states(np.diag([1.0, 1.0, 1e-10]))
    along = np.asarray(z[0, :, 2], np.float64) / (2 * variance)

    def slope(floor):
        return float(along @ np.asarray(jax.grad(lambda z: latent_entropy(z, floor=floor))(z)[0, :, 2]))

    np.testing.assert_allclose(slope("mixed"), (-np.log(1e-6 / 3 + variance / 2) - np.log(2)) / 2, rtol=1e-3)
    np.testing.assert_allclose(slope("clamped"), (1 - np.log(2)) / 2, rtol=1e-3)


@pytest.mark.parametrize("floor", ["mixed", "clamped"])
@pytest.mark.parametrize("apart", [0, 1e-30, 1e-20, 1e-10, 1e-9, 1e-6, 1e15, 1e20, 1e30])
def test_the_entropy_and_its_gradient_are_finite_at_every_scale(floor, apart):
    z = apart * jax.random.normal(jax.random.key(0), (4, 5, 3))
    for latent in (z, z[:1, :1], 2 + z[:1]):
        value, gradient = jax.value_and_grad(lambda z: latent_entropy(z, floor=floor))(latent)
        assert np.isfinite(value) and np.isfinite(np.linalg.norm(gradient))
    if apart >= 1e-6 and floor == "mixed":
        np.testing.assert_allclose(latent_entropy(z), latent_entropy(z / apart), rtol=1e-4)


def test_states_of_one_place_have_no_entropy():
    assert abs(float(latent_entropy(jnp.ones((2, 3, 4))))) < 1e-4 and not np.any(latent_variances(jnp.ones((1, 1, 4))))


def test_the_entropy_of_an_array_of_the_host_stays_there():
    variances = np.array([4.0, 2.0, 1.0, 1.0])
    found = entropy_of_variances(variances)
    assert isinstance(found, np.floating) and found.dtype == np.float64
    np.testing.assert_allclose(found, entropy_of_variances(jnp.asarray(variances)), rtol=1e-6)


def released_contrast(z, radius, temperature):
    """Anchor by anchor in NumPy."""
    unit = z / np.linalg.norm(z, axis=-1, keepdims=True)
    batch, frames, _ = z.shape
    losses = []
    for example in range(batch):
        for n in range(radius, frames - radius):
            scores = np.exp(unit[example] @ unit[example, n] / temperature)
            near = [m for m in range(frames) if 0 < abs(m - n) <= radius]
            far = [m for m in range(frames) if abs(m - n) > radius]
            losses.append(-np.log(scores[near].sum() / (scores[near].sum() + scores[far].sum())))
    return np.mean(losses)


def test_contrast_in_a_window():
    z = np.random.default_rng(0).standard_normal((3, 9, 5))
    found = contrast_in_window(jnp.asarray(z, jnp.float32), radius=2, temperature=0.5)
    assert abs(float(found) - released_contrast(z, 2, 0.5)) < 1e-5


def test_contrast_in_a_batch():
    z, radius, temperature = np.random.default_rng(1).standard_normal((2, 6, 3)), 1, 0.7
    losses = []
    for example in range(2):
        for n in range(1, 5):
            scores = z @ z[example, n] / temperature
            rest = np.delete(scores.ravel(), example * 6 + n)
            losses += [np.log(np.exp(rest).sum()) - scores[example, m] for m in (n - 1, n + 1)]
    found = contrast_in_batch(jnp.asarray(z, jnp.float32), radius=radius, temperature=temperature)
    assert abs(float(found) - np.mean(losses)) < 1e-5


@pytest.mark.parametrize("frames", [3, 6, 7])
def test_windows_too_short_for_others_have_no_contrast_in_them(frames):
    z = jax.random.normal(jax.random.key(0), (2, frames, 4))
    value, gradient = jax.value_and_grad(lambda z: contrast_in_window(z, radius=3, temperature=0.1))(z)
    assert float(value) == 0 and not np.any(gradient)


def test_a_state_of_zeros_has_a_finite_gradient():
    z = jax.random.normal(jax.random.key(0), (1, 8, 4)).at[0, 3].set(0)
    assert np.isfinite(jax.grad(lambda z: contrast_in_window(z, radius=1, temperature=0.1))(z)).all()


def test_gaussian_information_of_one_number():
    a, noise = 0.8, 0.3
    one = lambda covariance, steps: gaussian_information([[a]], [[noise]], [[covariance]], steps)  # noqa: E731
    assert abs(one(2.0, 1) - 0.5 * np.log(1 + a**2 * 2.0 / noise)) < 1e-7
    stationary = [one(noise / (1 - a**2), n) for n in range(1, 6)]
    np.testing.assert_allclose(stationary, [-0.5 * np.log(1 - a ** (2 * n)) for n in range(1, 6)], atol=1e-7)
    assert gaussian_information(np.zeros((2, 2)), np.eye(2), np.eye(2), 1) == 0


def test_gaussian_information_falls_with_time_and_follows_rows():
    """A shear, whose transpose would give another number."""
    operator = np.array([[0.9, 0.4], [0.0, 0.5]])
    found = [gaussian_information(operator, np.eye(2), np.diag([1.0, 5.0]), n) for n in range(1, 8)]
    assert all(later < earlier for earlier, later in itertools.pairwise(found))
    whitened = operator.T @ np.diag([1.0, 5.0]) @ operator
    assert abs(found[0] - 0.5 * np.log(np.linalg.det(np.eye(2) + whitened))) < 1e-7


def test_water_is_filled_where_gain_is_and_entropy_spreads_it():
    gains = np.array([10.0, 1.0, 0.1])
    np.testing.assert_allclose(water_filling(gains, 1.0), [0.95, 0.05, 0.0], atol=1e-12)
    np.testing.assert_allclose(water_filling(gains, 1.0, 0.1), [0.7975, 0.1975, 0.0050], atol=6e-5)
