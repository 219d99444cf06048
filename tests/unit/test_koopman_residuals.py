"""Residuals of eigenpairs: streamed, on held-out pairs, of averaged operators; and what a person is told of them."""

import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.estimators.compression import compression
from spectrax.estimators.dictionaries.encoded import Encoded
from spectrax.estimators.dictionaries.fourier import Fourier
from spectrax.estimators.dictionaries.hermite import Hermite
from spectrax.estimators.dictionaries.legendre import Legendre
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.dictionaries.rbf import RBF
from spectrax.estimators.edmd import EDMD
from spectrax.estimators.evidence import Plan, evidence
from spectrax.estimators.invertibility import fibre_variance
from spectrax.estimators.precision import double_precision
from spectrax.estimators.qr import Factors, eigenpair_residuals, factors
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs, Stream
from spectrax.estimators.spectrum import KoopmanSpectrum
from spectrax.estimators.stochastic import averaged_residuals, sampling_errors
from spectrax.solvers.dynamics.adversarial import TwistedAnnulus
from spectrax.solvers.dynamics.diffusions import OrnsteinUhlenbeck
from spectrax.solvers.dynamics.interval_maps import Doubling, GaussMap, Tent
from spectrax.solvers.dynamics.lorenz import Lorenz63
from spectrax.solvers.dynamics.oscillators import Pendulum
from spectrax.solvers.dynamics.torus import CatMap, CircleRotation


def dictionary_values(dictionary, x):
    with double_precision():
        return np.asarray(dictionary(jnp.asarray(x)))


TURN = 2 * np.pi


def steps_of(system, states, seeds=None):
    """Pairs of states and where the system takes them."""
    run = system.trajectories(states, length=2, dt=1.0, seeds=seeds)
    return Pairs(run[:, 0], run[:, 1])


def gauss_map_pairs():
    system = GaussMap()
    nodes, weights = system.nodes((100,))
    run = system.trajectories(nodes, length=2, dt=1.0)
    return Pairs(run[:, 0], run[:, 1], weights)


LEGENDRE = Legendre(39, lower=-1.0, upper=0.0)


@pytest.fixture(scope="module")
def gauss_map():
    return ResDMD(LEGENDRE, threshold=0.01, held_out=0).fit(gauss_map_pairs())


def test_factors_carry_the_norms_of_dictionary_matrices_whatever_the_chunk():
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(70, 2)), rng.normal(size=(70, 2)), rng.random(70) + 0.1
    dictionary = RBF(6).fitted(x, 0)
    rows = np.sqrt(weights)[:, None]
    px, py = rows * dictionary_values(dictionary, x), rows * dictionary_values(dictionary, y)
    a, b = rng.normal(size=(2, 6, 3))
    for chunk in (16, 70, 4096):
        made = factors(dictionary, Pairs(x, y, weights), chunk)
        np.testing.assert_allclose(
            np.linalg.norm(made.y @ a - made.x @ b, axis=0), np.linalg.norm(py @ a - px @ b, axis=0), rtol=1e-13
        )
        assert made.condition == pytest.approx(np.linalg.cond(px / np.linalg.norm(px, axis=0)), rel=1e-10)
    states = dictionary_values(dictionary, x) @ made.orthonormal()
    np.testing.assert_allclose(states.conj().T @ (weights[:, None] * states), np.eye(6), atol=1e-12)


def test_residuals_are_those_of_the_data_and_can_be_traced():
    rng = np.random.default_rng(1)
    px, py = rng.normal(size=(2, 40, 5))
    values, vectors = np.linalg.eig(np.linalg.lstsq(px, py, rcond=None)[0])
    expected = np.linalg.norm(py @ vectors - px @ vectors * values, axis=0) / np.linalg.norm(px @ vectors, axis=0)
    with double_precision():
        found = jax.jit(eigenpair_residuals)(px, py, values, vectors)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    g, a, images = px.T @ px, px.T @ py, py.T @ py
    gram = Factors.of_gram(g, a, images, 40)
    with double_precision():
        np.testing.assert_allclose(eigenpair_residuals(gram.x, gram.y, values, vectors), expected, rtol=1e-7)


def test_a_stream_gives_the_factors_of_all_its_pairs():
    runs = np.random.default_rng(2).normal(size=(3, 25, 2))
    dictionary = Monomials(2).fitted(runs[0], 0)
    whole = factors(dictionary, Pairs.of_trajectories(runs))
    streamed = factors(dictionary, Stream(runs, size=10), chunk=4)
    np.testing.assert_allclose(abs(streamed.x), abs(whole.x), atol=1e-13)  # rows of a factor have no sign
    np.testing.assert_allclose(streamed.y.T @ streamed.y, whole.y.T @ whole.y, atol=1e-13)
    assert streamed.pairs == 72


def test_factors_serve_for_residuals_of_some_of_the_functions_and_show_how_many_pairs_are_done(capsys):
    x = np.random.default_rng(0).standard_normal((500, 2))
    pairs, whole = Pairs(x, np.sin(x)), Monomials(2)
    made = factors(whole.fitted(x, 0), pairs, chunk=200, progress=True)
    assert capsys.readouterr().out == "Pairs: 500 of 500\n"
    found = ResDMD(Monomials(1), held_out=0).fit(pairs)
    again = found.verified(pairs, made=made.of_functions(slice(3)))  # 1, x1 and x2 come first
    np.testing.assert_allclose(again.residuals, found.residuals, rtol=1e-10, atol=1e-13)
    assert found.in_sample and found.residuals.max() > 1e-3
    ResDMD(Monomials(1), held_out=0, progress=True).fit(Stream([x, x], size=100))
    assert "Pairs: 998 of 998" in capsys.readouterr().out


def test_spectral_pollution_of_the_gauss_map_is_flagged(gauss_map):
    """Figures of the example in Colbrook and Townsend, with 40 Legendre polynomials and 100 nodes."""
    first = np.argsort(-abs(gauss_map.eigenvalues))[:9]
    values, residuals = gauss_map.eigenvalues[first], gauss_map.residuals[first]
    one = np.argmin(abs(values - 1))
    assert abs(values[one] - 1) < 1e-10 and residuals[one] < 1e-11
    other = np.argmin(abs(values - 1.000156))
    assert abs(values[other] - 1.000156) < 1e-6 and residuals[other] == pytest.approx(7e-5, rel=0.05)
    for value, residual in ((0.986 + 0.068j, 0.023), (0.950 + 0.210j, 0.061), (0.744 + 0.581j, 0.150)):
        near = np.argmin(abs(values - value))
        assert abs(values[near] - value) < 1e-3 and residuals[near] == pytest.approx(residual, abs=6e-4)
        assert np.isclose(gauss_map.eigenvalues, values[near].conj()).any()
    said = gauss_map.certificate(0.01)
    flagged = [e for e in said["eigenvalues"] if e["modulus"] > 0.9 and e["residual"] > 0.01]
    assert len(flagged) >= 4 and not any(e["certified"] for e in flagged)
    kept = ResDMD(LEGENDRE, threshold=0.01).kept(gauss_map)
    assert len(kept.eigenvalues) == said["certified"] < 40 and kept.residuals.max() <= 0.01
    np.testing.assert_allclose(
        kept.eigenfunctions([[-0.5]]), gauss_map.eigenfunctions([[-0.5]])[:, gauss_map.residuals <= 0.01], atol=1e-14
    )


def test_eigenvalues_are_kept_back_until_they_carry_residuals(gauss_map):
    fitted = KoopmanSpectrum([1.0], None, np.eye(1), np.eye(1), Monomials(0, dimension=1))
    for refused in (lambda: fitted.eigenvalues, lambda: fitted.certificate(0.1), lambda: fitted.kept(0.1)):
        with pytest.raises(ConfigError, match="verified"):
            refused()
    assert fitted.unverified().eigenvalues == 1
    with pytest.raises(ConfigError, match="shape"):
        KoopmanSpectrum([1.0, 2.0], None, np.eye(1), np.eye(1), None)
    moved = gauss_map.operator @ gauss_map.vectors
    np.testing.assert_allclose(moved, gauss_map.vectors * gauss_map.eigenvalues, atol=1e-12)
    again = KoopmanSpectrum(**gauss_map.arguments())
    assert np.array_equal(again.eigenvalues, gauss_map.eigenvalues) and again.fibre == gauss_map.fibre


def test_linear_dynamics_are_found_and_forecast_and_held_out_residuals_vanish():
    matrix = np.array([[0.9, 0.3], [-0.2, 0.7]])
    x = np.random.default_rng(3).uniform(-1, 1, (200, 2))
    found = ResDMD(Monomials(2), held_out=0.5).fit(Pairs(x, x @ matrix), seed=4)
    a, b = np.linalg.eigvals(matrix)
    exact = np.array([1, a, b, a * a, a * b, b * b])
    assert abs(found.eigenvalues[:, None] - exact).min(axis=0).max() < 1e-10
    assert found.residuals.max() < 1e-10 and found.held_out == 100
    forecast = found.predict(x[:3], 4)
    np.testing.assert_allclose(forecast[:, 3], x[:3] @ np.linalg.matrix_power(matrix, 4), atol=1e-10)
    image = found.eigenfunctions(x[:5] @ matrix)
    np.testing.assert_allclose(image, found.eigenfunctions(x[:5]) * found.eigenvalues, atol=1e-10)


def test_two_systems_that_agree_on_a_sample_get_the_same_answer():
    """A twist between the circles of the sample changes the spectrum and no snapshot: no algorithm can tell."""
    answers = []
    for twist in (0.0, 1.0):
        system = TwistedAnnulus(twist=twist)
        nodes, weights = system.nodes((8, 16))
        run = system.trajectories(nodes, length=2, dt=1.0)
        dictionary = Fourier(3, period=(2.0, 2 * np.pi), index="total")
        found = ResDMD(dictionary, held_out=0).fit(Pairs(run[:, 0], run[:, 1], weights))
        answers.append((found, found.certificate(0.1, isometry=True)))
    (rotation, said), (twisted, other) = answers
    assert np.array_equal(rotation.eigenvalues, twisted.eigenvalues)
    assert json.dumps(said) == json.dumps(other) and said["certified"] > 0
    assert len(TwistedAnnulus(twist=0.0).eigenvalues(3)) == 7 and len(TwistedAnnulus(twist=1.0).eigenvalues(3)) == 1
    assert any("another system, which agrees" in sentence for sentence in said["not_claimed"])
    rng = np.random.default_rng(5)  # between the circles they differ, and residuals there say so
    between = np.stack([rng.uniform(1, 2, 400), rng.uniform(0, 2 * np.pi, 400)], axis=1)
    fresh = [
        s.verified(steps_of(TwistedAnnulus(twist=twist), between)).residuals.max()
        for s, twist in ((rotation, 0.0), (twisted, 1.0))
    ]
    assert fresh[1] > 10 * fresh[0]


@pytest.mark.parametrize("system", [Doubling(), Tent()])
def test_isometries_that_are_not_unitary_are_flagged(system):
    pairs = steps_of(system, np.random.default_rng(6).random((4000, 1)))
    assert fibre_variance(pairs).many_to_one and fibre_variance(pairs).defect > 0.5
    found = ResDMD(Fourier(4, period=2.0 if isinstance(system, Tent) else 1.0)).fit(pairs)
    said = found.certificate(0.1, isometry=True)
    assert said["many_to_one"] and any("operator is unitary" in sentence for sentence in said["not_claimed"])
    assert any("That the operator is unitary" in sentence for sentence in said["not_claimed"])
    assert said["eigenvalues"][0]["modulus"] == pytest.approx(1, abs=1e-10)  # the constant


def test_wide_states_have_the_same_neighbours():
    """Turned into a space of many dimensions, states are as far apart as before."""
    pairs = steps_of(Doubling(), np.random.default_rng(6).random((1500, 1)))
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 1)))[0].T
    narrow, wide = fibre_variance(pairs), fibre_variance(Pairs(pairs.x @ turned, pairs.y @ turned))
    assert wide.defect == pytest.approx(narrow.defect, rel=1e-6) and wide.many_to_one


@pytest.mark.parametrize(
    "pairs",
    [
        lambda: far(CatMap(), 2000, 1.0, 3),  # its inverse tears neighbours apart, here as far as the torus is wide
        lambda: far(CatMap(), 2000, 1.0, 6),
        lambda: far(Pendulum(), 2000, 0.5, 1, coordinates=[0]),  # the angle alone decides no image
        lambda: far(Pendulum(), 500, 30.0, 1),
        lambda: far(Lorenz63(), 2000, 0.05, 20, skipped=400),
    ],
)
def test_maps_that_tear_neighbours_apart_and_states_seen_in_part_are_not_called_many_to_one(pairs):
    found = fibre_variance(pairs())
    assert found.defect > 0.05 and not found.many_to_one


def far(system, count, dt, lag, coordinates=(...,), skipped=0):
    """Pairs of states that are `lag` frames apart, as far as they are observed."""
    rng = np.random.default_rng(7)
    states = np.stack([system.initial(rng) for _ in range(count)])
    run = system.trajectories(states, length=lag + 1, dt=dt, skipped=skipped)
    seen = slice(None) if coordinates == (...,) else coordinates
    return Pairs(run[:, 0][:, seen], run[:, lag][:, seen])


@pytest.mark.parametrize("system", [CircleRotation(), CatMap()])
def test_invertible_maps_are_not_flagged(system):
    rng = np.random.default_rng(7)
    pairs = steps_of(system, np.stack([system.initial(rng) for _ in range(4000)]))
    assert not fibre_variance(pairs).many_to_one
    assert not fibre_variance(pairs.take(slice(0, 5))).many_to_one  # too few to tell


def test_residuals_of_a_diffusion_vanish_with_products_of_two_images_and_not_with_squares_of_one():
    """Hermite polynomials are eigenfunctions of the Ornstein-Uhlenbeck process."""
    system, count, dt = OrnsteinUhlenbeck(), 60_000, 0.2
    rng = np.random.default_rng(8)
    x = system.deviation * rng.standard_normal((count, 1))
    images = []
    for number in range(2):
        seeds = np.stack([np.arange(count), np.full(count, number)], axis=1).astype(np.uint32)
        images.append(system.trajectories(x, length=2, dt=dt, seeds=seeds)[:, 1])
    pairs = Pairs(x, images[0], second=images[1])
    dictionary = Hermite(3, dimension=1, mean=0.0, deviation=system.deviation)
    made = factors(dictionary, pairs)
    exact = system.spectrum(dt, 4)
    with double_precision():
        squared, variance = averaged_residuals(made.x, made.y, made.second, exact, np.eye(4))
    assert abs(np.asarray(squared)).max() < 0.03  # sampling error, of order count^-1/2 times fourth moments
    # The variance of He_k(x') given x, averaged over x: 1 - exp(-2 k theta dt) for normalised polynomials.
    np.testing.assert_allclose(variance, 1 - exact**2, atol=0.05)
    found = ResDMD(dictionary, held_out=0.5).fit(pairs)
    assert abs(np.sort(found.eigenvalues.real)[::-1] - exact).max() < 0.03 and found.stochastic
    assert found.residuals.max() < 0.2 and found.variances.max() > 0.5
    said = found.certificate(0.2)
    assert said["form"] == "averaged over noise" and "noise_variance" in said["eigenvalues"][0]
    single = ResDMD(dictionary, held_out=0.5).fit(Pairs(x, images[0]))
    assert single.residuals.max() > 0.7  # sqrt(1 - exp(-6 theta dt)): the variance, not the operator


def ornstein_uhlenbeck_pairs(rng, count, kept, weights=None):
    x = rng.standard_normal((count, 1))
    first, second = (kept * x + np.sqrt(1 - kept**2) * rng.standard_normal((count, 1)) for _ in range(2))
    return Pairs(x, first, weights, second)


def test_sampling_errors_are_the_deviations_of_squared_residuals_over_samples():
    rng, values, vectors = np.random.default_rng(0), np.array([0.6, 0.2, 0.3 + 0.1j]), np.eye(5, 3) + 0.2
    dictionary = Fourier(2, period=6.0, dimension=1)
    for weighted in (False, True):
        weights = rng.random(400) + 0.01 if weighted else None
        found, told = [], []
        for _ in range(200):
            pairs = ornstein_uhlenbeck_pairs(rng, 400, 0.6, weights)
            made = factors(dictionary, pairs)
            with double_precision():
                found.append(averaged_residuals(made.x, made.y, made.second, values, vectors)[0])
            told.append(sampling_errors(dictionary, pairs, values, vectors, chunk=150))  # in two chunks
        np.testing.assert_allclose(np.std(found, axis=0), np.sqrt(np.mean(np.square(told), axis=0)), rtol=0.18)


def test_what_noise_hides_is_not_certified():
    """Squared residuals of the averaged operator are estimates, which come out below 0 half of the time where they are
    small: that certifies nothing."""
    rng, kept = np.random.default_rng(1), np.exp(-0.5)
    spectrum = EDMD(RBF(20, scale=0.6), solver="gram").fit(ornstein_uhlenbeck_pairs(rng, 2000, kept))
    few = spectrum.verified(ornstein_uhlenbeck_pairs(rng, 1000, kept))
    many = spectrum.verified(ornstein_uhlenbeck_pairs(rng, 30_000, kept))
    assert (few.residuals == 0).sum() >= 3 and many.residuals[few.residuals == 0].max() > 0.05
    assert (few.floors > 0.9 * many.residuals).all()
    said = few.certificate(0.05)
    certified = [entry["index"] for entry in said["eigenvalues"] if entry["certified"]]
    assert all(many.residuals[certified] < 0.05) and len(certified) == 1  # that of the constant
    assert any("two standard errors" in sentence for sentence in said["not_claimed"])


def test_what_is_wrong_with_data_is_told():
    x = np.random.default_rng(9).normal(size=(30, 1))
    pairs = Pairs(x, 0.9 * x)
    with pytest.raises(ConfigError, match="5 pairs cannot tell 7 functions apart"):
        factors(Monomials(6, dimension=1), pairs.take(slice(0, 5)))
    with pytest.raises(ConfigError, match="held_out"):
        ResDMD(Monomials(1), held_out=1.0)
    with pytest.raises(ConfigError, match="threshold"):
        ResDMD(Monomials(1), threshold=0.0)
    with pytest.raises(ConfigError, match="not finite"):
        factors(lambda states: 1 / (states - x[3]), pairs)
    twice = lambda states: jnp.concatenate([states, states, states**2], axis=1)  # noqa: E731
    with pytest.warns(UserWarning, match="Of 3 functions 1 depend on the others.*condition number"):
        compressed = compression(factors(twice, pairs))
    values = np.linalg.eigvals(compressed.matrix)
    assert abs(np.sort(values) - [0.81, 0.9]).max() < 1e-12
    near = lambda states: jnp.concatenate([states, states + 1e-11 * states**2], axis=1)  # noqa: E731
    with pytest.warns(UserWarning, match="ill-conditioned.*condition number"):
        factors(near, pairs).warn()
    with pytest.warns(UserWarning, match="not in float64"):
        single = factors(lambda states: states.astype(jnp.float32), pairs)
    assert single.precision == pytest.approx(1.2e-7, rel=0.01)


def test_rounding_of_single_precision_bounds_what_is_certified():
    x = np.random.default_rng(10).normal(size=(50, 1))
    single = lambda states: states.astype(jnp.float32)  # noqa: E731
    with pytest.warns(UserWarning, match="not in float64"):
        found = ResDMD(single).fit(Pairs(x, 0.5 * x))
    assert found.floors[0] > 1e-7 and found.certificate(1e-8)["certified"] == 0
    with pytest.warns(UserWarning, match="not in float64"):
        judged = evidence(found, Pairs(x, 0.5 * x), Plan(threshold=1e-8, points=0))
    assert judged.metrics()["certified"] == 0 and not judged.certified_eigenvalues.any()  # as the certificate says
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exact = ResDMD(Monomials(1)).fit(Pairs(x, 0.5 * x))
    assert exact.certificate(1e-8)["certified"] == 2


def test_states_that_were_rounded_to_single_precision_are_told_of():
    x = np.random.default_rng(12).normal(size=(50, 2))
    pairs = Pairs(x.astype(np.float32), (0.9 * x).astype(np.float32))
    with pytest.warns(UserWarning, match="rounded to float32"):
        found = ResDMD(Monomials(1)).fit(pairs)
    assert found.residuals.max() < 1e-6 and found.certificate(1e-8)["certified"] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        factors(Monomials(1, dimension=2), Pairs(x.round(1), np.floor(4 * x) / 4))  # exact numbers are not rounded
    encoder = Encoded(lambda states: jnp.tanh(states.astype(jnp.float32))).fitted(x, 0)
    assert encoder.precision > 1e-7 and factors(encoder, Pairs(x, 0.9 * x)).precision == encoder.precision


def test_a_certificate_says_what_may_not_be_claimed(gauss_map):
    said = gauss_map.certificate(0.01)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert said["pairs"] == 100 and not said["held_out"] and said["condition"] == pytest.approx(1, abs=1e-9)
    levels = [entry["level"] for entry in said["eigenvalues"]]
    assert levels == sorted(levels) and said["certified"] == sum(entry["certified"] for entry in said["eigenvalues"])
    text = " ".join(said["not_claimed"])
    for word in ("number of pairs first", "noise", "measure", "fitted to", "no spectrum is missing"):
        assert word in text, word
    isometry = gauss_map.certificate(0.01, isometry=True)  # a false declaration is found out, and counts for nothing
    assert gauss_map.isometry_defect > 0.9 and "as was declared" in " ".join(isometry["not_claimed"])
    assert isometry["isometry_declared"] and not isometry["isometry"]
    assert isometry["eigenvalues"] == said["eigenvalues"] and "unit circle" not in " ".join(isometry["claims"])


def test_levels_of_an_isometry_count_the_distance_from_the_circle_and_few_pairs_refute_nothing():
    rng = np.random.default_rng(0)
    pairs = steps_of(CircleRotation(), TURN * rng.random((300, 1)))
    dictionary = RBF(12)  # not invariant, so that not all is certified
    fitted = ResDMD(dictionary, held_out=0).fit(pairs)
    found = fitted.verified(steps_of(CircleRotation(), TURN * rng.random((60, 1))))
    assert 0.1 < found.isometry_defect < found.isometry_sampling
    said = found.certificate(0.05, isometry=True)
    assert said["isometry"] and any("as they may with 60 pairs" in sentence for sentence in said["not_claimed"])
    for entry in said["eigenvalues"]:
        assert entry["level"] == max(entry["residual"], abs(1 - entry["modulus"]))
    assert any(entry["level"] > entry["residual"] for entry in said["eigenvalues"])
    shrunk = fitted.verified(Pairs(pairs.x, 0.2 * pairs.y))
    with pytest.warns(UserWarning, match="more than 300 pairs explain.*judged as one that does not"):
        judged = evidence(fitted, Pairs(pairs.x, 0.2 * pairs.y), Plan(isometry=True, points=2))
    assert shrunk.isometry_defect > shrunk.isometry_sampling and not judged.isometry and not len(judged.circle)


def test_fewer_held_out_pairs_than_functions_give_residuals_and_no_pseudospectrum():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 2))
    spectrum = EDMD(RBF(100)).fit(Pairs(x, np.sin(x)))
    few = Pairs(rng.standard_normal((30, 2)), rng.standard_normal((30, 2)), rng.random(30) + 0.1)
    found = spectrum.verified(few)
    values, vectors = found.eigenvalues, spectrum.vectors
    px, py = (dictionary_values(spectrum.dictionary, states) for states in (few.x, few.y))
    squares = [few.weights @ abs(values) ** 2 for values in (py @ vectors - px @ vectors * values, px @ vectors)]
    expected = np.sqrt(squares[0] / squares[1])
    np.testing.assert_allclose(found.residuals, expected, rtol=1e-8)
    assert np.isnan(found.isometry_defect) and found.held_out == 30
    with pytest.warns(UserWarning, match="30 pairs cannot tell 100 functions apart, so there is no pseudospectrum"):
        judged = evidence(spectrum, few, Plan(points=4))
    assert not len(judged.axis) and judged.certificate()["pairs"] == 30


def test_forecasts_do_not_amplify_the_rounding_of_a_dictionary_near_dependence():
    """Of a rotation with noise of measurement: the operator's powers on the dictionary grow by its condition number."""
    angles = 0.3 * np.arange(1500)
    rng = np.random.default_rng(0)
    states = np.stack([np.cos(angles), np.sin(angles)], 1)
    with pytest.warns(UserWarning, match="condition"):
        spectrum = EDMD(RBF(120)).fit(Pairs.of_trajectories((states + 0.01 * rng.standard_normal(states.shape))[None]))
    found = spectrum.predict(states[:50], 60)[:, -1]
    assert np.abs(found - states[60:110]).max() < 0.1
    grown = np.linalg.matrix_power(spectrum.operator, 60) @ spectrum.state
    assert np.abs(spectrum._features(states[:50]) @ grown).max() > 10


def test_a_learned_dictionary_is_told():
    class Learned(Monomials):
        learned = True

    x = np.random.default_rng(11).normal(size=(40, 1))
    said = ResDMD(Learned(1)).fit(Pairs(x, 0.5 * x)).certificate(0.1)
    assert said["dictionary"]["learned"] and any("it was learned" in sentence for sentence in said["not_claimed"])
