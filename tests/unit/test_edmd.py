"""EDMD: exact spectra, agreement of its solvers, weights, and what is said where data do not bear it."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.fourier import Fourier
from spectrax.estimators.dictionaries.hermite import Hermite
from spectrax.estimators.dictionaries.legendre import Legendre
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.dictionaries.rbf import RBF
from spectrax.estimators.edmd import EDMD, SOLVERS, koopman_matrix
from spectrax.estimators.precision import double_precision
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs, Stream, gauss_legendre, trapezoid
from spectrax.parallel.layout import make_layout

LINEAR = np.array([[0.9, 0.2], [0.0, 0.6]])
GOLDEN = (np.sqrt(5) - 1) / 2


def linear_pairs(count=60):
    x = np.random.default_rng(0).standard_normal((count, 2))
    return Pairs(x, x @ LINEAR.T)


def distance(found, wanted):
    """The largest from a wanted eigenvalue to the nearest found."""
    return abs(np.asarray(found)[:, None] - np.asarray(wanted)).min(0).max()


@pytest.mark.parametrize("solver", ["qr", "gram"])
def test_a_linear_system_has_all_products_of_its_eigenvalues(solver):
    spectrum = EDMD(Monomials(3), solver).fit(linear_pairs()).unverified()
    wanted = [0.9**i * 0.6**j for i in range(4) for j in range(4 - i)]
    assert len(spectrum.eigenvalues) == 10 and distance(spectrum.eigenvalues, wanted) < 1e-10
    assert spectrum.eigenvalues[0] == pytest.approx(1, abs=1e-12)  # largest first


@pytest.mark.parametrize("solver", ["qr", "gram"])
def test_a_rotation_of_the_circle_has_powers_of_one_eigenvalue(solver):
    angles, weights = trapezoid(0.0, 2 * np.pi, 64, periodic=True)
    pairs = Pairs(angles[:, None], angles[:, None] + 2 * np.pi * GOLDEN, weights)
    spectrum = EDMD(Fourier(10), solver).fit(pairs).unverified()
    wanted = np.exp(2j * np.pi * GOLDEN * np.arange(-10, 11))
    assert len(spectrum.eigenvalues) == 21 and distance(spectrum.eigenvalues, wanted) < 1e-12
    verified = spectrum.verified(Pairs(pairs.x + 0.1, pairs.y + 0.1))
    assert verified.residuals.max() < 1e-12


def test_ornstein_uhlenbeck_has_its_rates_exactly_by_quadrature():
    """Over states and noise, both Gaussian: nothing is left to chance."""
    decay = np.exp(-0.2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    x, noise = (axis.ravel() for axis in np.meshgrid(nodes, nodes))
    pairs = Pairs(x[:, None], (decay * x + np.sqrt(1 - decay**2) * noise)[:, None], np.outer(weights, weights).ravel())
    spectrum = EDMD(Hermite(5, mean=0.0, deviation=1.0)).fit(pairs).unverified()
    np.testing.assert_allclose(spectrum.eigenvalues, decay ** np.arange(6), atol=1e-12)


def test_ornstein_uhlenbeck_decays_at_its_rates():
    generator, decay = np.random.default_rng(0), np.exp(-0.2)
    x, noise = generator.standard_normal((2, 200_000, 1))
    pairs = Pairs(x, decay * x + np.sqrt(1 - decay**2) * noise)
    spectrum = EDMD(Hermite(4, mean=0.0, deviation=1.0), "gram").fit(pairs).unverified()
    np.testing.assert_allclose(spectrum.eigenvalues[:4], decay ** np.arange(4), atol=0.02)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_fit_is_the_traceable_least_squares(solver):
    generator = np.random.default_rng(1)
    x, y, weights = generator.uniform(-1, 1, (50, 2)), generator.uniform(-1, 1, (50, 2)), generator.uniform(0.1, 1, 50)
    dictionary = Monomials(2, 2)
    fitted = EDMD(dictionary, solver, ridge=1e-3, chunk=13).fit(Pairs(x, y, weights))
    with double_precision():
        matrix = jax.jit(koopman_matrix, static_argnames="solver")
        found = matrix(dictionary(jnp.asarray(x)), dictionary(jnp.asarray(y)), weights, solver=solver, ridge=1e-3)
        roots = np.sqrt(weights)[:, None]
        px, py = (roots * np.asarray(dictionary(jnp.asarray(states))) for states in (x, y))
    np.testing.assert_allclose(fitted.operator, found, rtol=0, atol=1e-11)
    if solver != "ridge":
        np.testing.assert_allclose(fitted.operator, np.linalg.lstsq(px, py)[0], rtol=0, atol=1e-11)
    v, values = fitted.vectors, fitted.unverified().eigenvalues
    np.testing.assert_allclose(fitted.operator @ v, v * values, rtol=0, atol=1e-10)


def test_least_squares_have_a_gradient():
    with double_precision():
        px, py = np.random.default_rng(0).standard_normal((2, 20, 3))

        def trace(px, solver):
            return jnp.trace(koopman_matrix(px, py, solver=solver))

        for solver in ("qr", "ridge"):
            slope = jax.grad(trace)(px, solver)
            step = 1e-6 * np.random.default_rng(1).standard_normal(px.shape)
            change = trace(px + step, solver) - trace(px - step, solver)
            assert float((slope * step).sum()) == pytest.approx(float(change) / 2, rel=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_predictions_are_read_from_the_dictionary(solver):
    spectrum = EDMD(Monomials(2), solver, ridge=1e-14).fit(linear_pairs())
    start = np.array([[0.3, -1.0], [2.0, 0.1]])
    found = spectrum.predict(start, 3)
    for step in range(3):
        np.testing.assert_allclose(found[:, step], start @ np.linalg.matrix_power(LINEAR.T, step + 1), atol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_weight_counts_as_that_many_snapshots(solver):
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 30, 1))
    weights = np.where(np.arange(30) < 10, 3.0, 1.0)
    repeated = np.repeat(np.arange(30), weights.astype(int))
    weighted = EDMD(Monomials(3), solver).fit(Pairs(x, y, weights))
    equal = EDMD(Monomials(3), solver).fit(Pairs(x[repeated], y[repeated]))
    np.testing.assert_allclose(weighted.operator, equal.operator, rtol=0, atol=1e-11)
    unweighted = EDMD(Monomials(3), solver).fit(Pairs(x, y))
    assert abs(unweighted.operator - equal.operator).max() > 1e-3


@pytest.mark.parametrize("solver", SOLVERS)
def test_streams_give_what_pairs_in_memory_give(solver):
    trajectories = np.random.default_rng(0).uniform(-1, 1, (3, 40, 2))
    whole = EDMD(Monomials(2), solver).fit(Pairs.of_trajectories(trajectories))
    streamed = EDMD(Monomials(2), solver, chunk=7).fit(Stream(trajectories, size=25))
    np.testing.assert_allclose(streamed.operator, whole.operator, rtol=0, atol=1e-11)


def test_second_images_are_averaged():
    x, y, second = np.random.default_rng(0).uniform(-1, 1, (3, 40, 1))
    both = EDMD(Monomials(2)).fit(Pairs(x, y, second=second))
    doubled = EDMD(Monomials(2)).fit(Pairs(np.concatenate([x, x]), np.concatenate([y, second])))
    np.testing.assert_allclose(both.operator, doubled.operator, rtol=0, atol=1e-12)


def test_quadrature_makes_an_orthonormal_dictionary_well_conditioned():
    nodes, weights = gauss_legendre(-1.0, 0.0, 100)
    images = np.exp(-2 * nodes**2) - 1 - np.exp(-2)
    spectrum = EDMD(Legendre(39, lower=-1.0, upper=0.0)).fit(Pairs(nodes[:, None], images[:, None], weights))
    assert spectrum.condition == pytest.approx(1, abs=1e-10)
    assert distance(spectrum.unverified().eigenvalues, [1.0]) < 1e-10


def test_dependent_functions_are_left_out_with_a_warning():
    pairs = linear_pairs()
    doubled = Pairs(np.hstack([pairs.x, pairs.x]), np.hstack([pairs.y, pairs.y]))
    for solver in ("qr", "gram"):
        with pytest.warns(UserWarning, match="Of 5 functions 2 depend on the others at these pairs .condition number"):
            spectrum = EDMD(Monomials(1), solver).fit(doubled).unverified()
        assert len(spectrum.eigenvalues) == 3 and distance(spectrum.eigenvalues, [1, 0.9, 0.6]) < 1e-12


@pytest.mark.parametrize("count, difference", [(300, 1e-12), (30_000, 1e-12), (300, 1e-16), (30_000, 1e-16)])
def test_how_many_functions_are_kept_is_no_matter_of_how_many_pairs(count, difference):
    """Of three functions, two of which differ by more than rounding or by less."""
    x = np.random.default_rng(0).uniform(-1, 1, (count, 2))
    near = np.stack([x[:, 0], x[:, 1], x[:, 0] + difference * x[:, 1] ** 2], axis=1)
    with pytest.warns(UserWarning, match="ill-conditioned" if difference > 1e-15 else "left out"):
        found = EDMD(Monomials(1, constant=False)).fit(Pairs(near, near / 2))
    assert len(found.unverified().eigenvalues) == (3 if difference > 1e-15 else 2)


def test_states_in_float32_are_told_where_it_matters():
    x = np.random.default_rng(0).uniform(-1, 1, (200, 1)).astype(np.float32)
    pairs = Pairs(x, x / 2)
    assert pairs.take(slice(5)).precision == np.finfo(np.float32).eps
    with pytest.warns(UserWarning, match="less than float64 .* number is"):
        EDMD(Monomials(12)).fit(pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EDMD(Monomials(2)).fit(pairs)
        EDMD(Monomials(12)).fit(Pairs(x.astype(np.float64), x.astype(np.float64) / 2))


def test_truncation_takes_away_growing_eigenvalues():
    """Functions near linear dependence, as flat radial basis functions are."""
    x = np.random.default_rng(0).uniform(-1, 1, (400, 1))
    pairs = Pairs(x, np.sin(2 * x) * 0.9)
    with pytest.warns(UserWarning, match="condition number"):
        untruncated = EDMD(RBF(30, scale=1.0, placing="subsample"), "qr", rtol=0.0).fit(pairs).unverified()
    with pytest.warns(UserWarning, match="left out"):
        truncated = EDMD(RBF(30, scale=1.0, placing="subsample"), "gram").fit(pairs).unverified()
    assert abs(untruncated.eigenvalues[0]) > abs(truncated.eigenvalues[0])
    assert abs(truncated.eigenvalues[0]) < 1 + 1e-3


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: EDMD(Monomials(9)).fit(linear_pairs(20)), "20 pairs cannot tell 55 functions apart"),
        (lambda: EDMD(Monomials(9), "gram").fit(linear_pairs(20)), "20 pairs cannot tell 55 functions apart"),
        (lambda: EDMD(Monomials(1), "cholesky"), "none of: qr, gram, ridge"),
        (lambda: EDMD(Monomials(1), ridge=0.0), "chunk and ridge are positive"),
        (lambda: EDMD(Monomials(1)).fit(linear_pairs(), layout=make_layout(data=1)), "one CPU"),
        (lambda: EDMD(Monomials(1, constant=False)).fit(Pairs([[0.0]], [[0.0]])), "vanishes at all"),
        (lambda: EDMD(Monomials(3, 3)).fit(linear_pairs()), "3 coordinates"),
        (lambda: EDMD(Monomials(1)).fit(linear_pairs()).eigenvalues, "verified"),
        (lambda: koopman_matrix(np.ones((3, 1), np.float32), np.ones((3, 1), np.float32), solver="gram"), "float32"),
    ],
)
def test_what_makes_no_sense_is_told(make, told):
    with pytest.raises(ConfigError, match=told):
        make()


def test_chunks_smaller_than_the_dictionary_are_no_obstacle():
    pairs = linear_pairs()
    stream = Stream(np.stack([pairs.x, pairs.y], axis=1), size=7)
    np.testing.assert_allclose(
        EDMD(Monomials(4)).fit(stream).operator, EDMD(Monomials(4)).fit(pairs).operator, atol=1e-9
    )


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("estimator", [EDMD, ResDMD], ids=["edmd", "resdmd"])
def test_units_of_measurement_decide_nothing(estimator, scale):
    """Quadratic monomials of states in any unit are as independent as in another."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 2))
    matrix = np.array([[0.9, 0.2], [0.0, 0.5]])
    pairs = Pairs(scale * x, scale * x @ matrix.T)
    options = [{"solver": "qr"}, {"solver": "gram"}] if estimator is EDMD else [{"held_out": 0}]
    for option in options:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = estimator(Monomials(2), **option).fit(pairs).unverified().eigenvalues
        np.testing.assert_allclose(np.sort(found.real), [0.25, 0.45, 0.5, 0.81, 0.9, 1.0], atol=1e-7)
