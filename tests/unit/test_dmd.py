"""The dynamic mode decomposition: exact linear spectra, its ranks, and agreement of the ways to it."""

import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.estimators.dmd import DMD, dynamic_modes, reduced_operator
from spectrax.estimators.precision import double_precision
from spectrax.estimators.singular_values import chosen_rank, decomposed
from spectrax.estimators.snapshots import Pairs, delayed

WANTED = np.concatenate([r * np.exp([1j * t, -1j * t]) for r, t in ((0.99, 0.3), (0.95, 0.9), (0.9, 1.7))])


def system(dimension=6):
    """A real map of rank 6 on more coordinates."""
    blocks = np.zeros((6, 6))
    for place, value in enumerate(WANTED[::2]):
        blocks[2 * place : 2 * place + 2, 2 * place : 2 * place + 2] = [
            [value.real, -value.imag],
            [value.imag, value.real],
        ]
    basis = np.random.default_rng(0).standard_normal((dimension, 6))
    return basis @ blocks @ np.linalg.pinv(basis), basis


def linear_pairs(dimension=6, count=40):
    matrix, basis = system(dimension)
    x = np.random.default_rng(1).standard_normal((count, 6)) @ basis.T
    return Pairs(x, x @ matrix.T), matrix


def distance(found, wanted):
    return abs(np.asarray(found)[:, None] - wanted).min(0).max()


@pytest.mark.parametrize("svd", ["qr", "gram"])
@pytest.mark.parametrize("dimension, count", [(6, 40), (50, 20), (20, 20)])
def test_a_linear_system_has_its_eigenvalues(svd, dimension, count):
    pairs, matrix = linear_pairs(dimension, count)
    spectrum = DMD(rank=6, svd=svd).fit(pairs)
    assert distance(spectrum.unverified().eigenvalues, WANTED) < 1e-10
    assert spectrum.verified(pairs).residuals.max() < 1e-10
    found = spectrum.predict(pairs.x[:3], 4)[:, 3]
    np.testing.assert_allclose(found, pairs.x[:3] @ np.linalg.matrix_power(matrix.T, 4), atol=1e-9)


@pytest.mark.parametrize("variant", ["exact", "projected"])
def test_modes_are_eigenvectors_and_forecast(variant):
    pairs, matrix = linear_pairs(50)
    found = DMD(rank=6, variant=variant).decomposed(pairs)
    np.testing.assert_allclose(matrix @ found.modes, found.modes * found.eigenvalues, atol=1e-9)
    later = found.forecast(pairs.x[0], 5)
    np.testing.assert_allclose(later[4], pairs.x[0] @ np.linalg.matrix_power(matrix.T, 5), atol=1e-9)


def test_exact_modes_leave_the_span_of_the_snapshots_and_projected_ones_do_not():
    x, y = np.random.default_rng(0).standard_normal((2, 5, 12))
    for variant, kept in (("exact", False), ("projected", True)):
        found = DMD(variant=variant).decomposed(Pairs(x, y))
        outside = found.modes - found.basis @ (found.basis.T @ found.modes)
        assert (abs(outside).max() < 1e-12) == kept


def test_delays_find_a_wave_that_one_coordinate_hides():
    steps = np.arange(30)
    pairs = Pairs.of_trajectories(delayed(np.cos(0.7 * steps + np.array([[0.1], [1.0]]))[..., None], 2))
    found = DMD().fit(pairs).unverified().eigenvalues
    assert distance(found, np.exp([0.7j, -0.7j])) < 1e-12 and len(found) == 2


def test_weights_count_as_that_many_snapshots():
    x, y = np.random.default_rng(0).standard_normal((2, 20, 3))
    weights = np.where(np.arange(20) < 5, 4.0, 1.0)
    repeated = np.repeat(np.arange(20), weights.astype(int))
    weighted = DMD().fit(Pairs(x, y, weights)).unverified().eigenvalues
    equal = DMD().fit(Pairs(x[repeated], y[repeated])).unverified().eigenvalues
    assert distance(weighted, equal) < 1e-12


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (9, 9)])
@pytest.mark.parametrize("kind", [float, complex])
def test_both_routes_give_a_singular_value_decomposition(shape, kind):
    generator = np.random.default_rng(0)
    x = generator.standard_normal(shape).astype(kind)
    x = x + 1j * generator.standard_normal(shape) if kind is complex else x
    for route in ("qr", "gram"):
        left, values, right = decomposed(x, route)
        np.testing.assert_allclose(left * values @ right.conj().T, x, atol=1e-12)
        np.testing.assert_allclose(left.conj().T @ left, np.eye(min(shape)), atol=1e-11)
        np.testing.assert_allclose(values, np.linalg.svd(x, compute_uv=False), atol=1e-12)


def test_the_method_of_snapshots_sees_half_the_digits():
    left, right = (np.linalg.qr(np.random.default_rng(seed).standard_normal((20, 3)))[0] for seed in (0, 1))
    x = left * [1, 1e-5, 1e-11] @ right.T
    assert len(decomposed(x, "qr")[1]) == 3 and len(decomposed(x, "gram")[1]) == 2


def test_ranks():
    values = np.array([4.0, 3.0, 0.1, 0.05, 0.04])
    shape = (5, 5)
    assert chosen_rank(values, shape, None) == 5 and chosen_rank(values, shape, 2) == 2
    assert chosen_rank(values, shape, 16 / 25 - 0.01) == 1 and chosen_rank(values, shape, 0.9998) == 3
    assert chosen_rank(values, shape, "gavish_donoho") == 2  # 2.858 times the median 0.1
    for rank, told in ((6, "have 5 singular values"), (0, "positive integer"), (1.5, "fraction"), ("best", "gavish")):
        with pytest.raises(ConfigError, match=told):
            chosen_rank(values, shape, rank)


def test_gavish_and_donoho_find_the_rank_under_noise():
    generator = np.random.default_rng(0)
    signal = generator.standard_normal((100, 4)) @ generator.standard_normal((4, 60))
    noisy = signal + 0.1 * generator.standard_normal((100, 60))
    assert chosen_rank(np.linalg.svd(noisy, compute_uv=False), (100, 60), "gavish_donoho") == 4


def test_the_traceable_operator_is_that_of_the_decomposition():
    pairs, _ = linear_pairs(20)
    with double_precision():
        found = np.asarray(reduced_operator(jnp.asarray(pairs.x.T), jnp.asarray(pairs.y.T), 6))
    assert distance(np.linalg.eigvals(found), dynamic_modes(pairs.x.T, pairs.y.T, 6).eigenvalues) < 1e-11


def test_singular_values_of_noise_are_told():
    left, right = (np.linalg.qr(np.random.default_rng(seed).standard_normal((20, 3)))[0] for seed in (0, 1))
    x = (left * [1, 1e-5, 1e-11] @ right.T).T
    with pytest.warns(UserWarning, match="condition number 1.0e.11"):
        DMD().fit(Pairs(x, x / 2))


def test_snapshots_of_nothing_are_told():
    with pytest.raises(ConfigError, match="All snapshots are 0"):
        DMD().fit(Pairs(np.zeros((4, 2)), np.zeros((4, 2))))
    with pytest.raises(ConfigError, match="none of: exact, projected"):
        DMD(variant="optimised")
