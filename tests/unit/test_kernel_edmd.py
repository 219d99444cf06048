"""Kernel EDMD: its methods against formulas, each other and EDMD; and the front for all estimators."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.base import clone

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.legendre import Legendre
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.dictionaries.rbf import RBF
from spectrax.estimators.dmd import DMD
from spectrax.estimators.edmd import EDMD
from spectrax.estimators.facade import Koopman
from spectrax.estimators.kernel_edmd import KernelEDMD
from spectrax.estimators.kernels import Kernel
from spectrax.estimators.mpedmd import MeasurePreservingEDMD
from spectrax.estimators.precision import double_precision
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs, delayed, gauss_legendre

MATRIX = np.array([[0.9, 0.2], [0.0, 0.6]])
GENERATOR = np.random.default_rng(0)
X = GENERATOR.uniform(-1, 1, (60, 2))
PAIRS = Pairs(X, np.sin(X @ MATRIX.T))


def leading(spectrum, count=5):
    return spectrum.unverified().eigenvalues[:count]


@pytest.mark.parametrize("kind", ["gaussian", "laplacian", "lorentzian", "polynomial"])
def test_tikhonov_is_its_formula(kind):
    with double_precision():
        kernel, x, y = Kernel(kind, 1.3), jnp.asarray(PAIRS.x), jnp.asarray(PAIRS.y)
        gram, crossed = np.asarray(kernel(x, x)), np.asarray(kernel(y, x))
    operator = np.linalg.solve(gram + 60 * 1e-4 * np.eye(60), crossed)
    found = KernelEDMD(kind, 1.3, ridge=1e-4).fit(PAIRS)
    np.testing.assert_allclose(found.operator, operator, rtol=0, atol=1e-9)
    wanted = np.linalg.eigvals(operator)
    wanted = wanted[np.argsort(-abs(wanted))][:5]
    np.testing.assert_allclose(leading(found), wanted, rtol=0, atol=1e-9)


def test_weights_count_as_that_many_snapshots():
    weights = np.where(np.arange(60) < 10, 3.0, 1.0)
    repeated = np.repeat(np.arange(60), weights.astype(int))
    weighted = KernelEDMD(scale=1.0, ridge=1e-3).fit(Pairs(PAIRS.x, PAIRS.y, weights / weights.sum()))
    equal = KernelEDMD(scale=1.0, ridge=1e-3).fit(Pairs(PAIRS.x[repeated], PAIRS.y[repeated]))
    np.testing.assert_allclose(leading(weighted), leading(equal), rtol=0, atol=1e-10)


def test_all_states_for_centres_are_tikhonov():
    whole = KernelEDMD(scale=1.0, ridge=1e-4).fit(PAIRS)
    centred = KernelEDMD(scale=1.0, ridge=1e-4, method="nystroem", rank=60, chunk=17).fit(PAIRS)
    np.testing.assert_allclose(leading(centred), leading(whole), rtol=0, atol=1e-7)


def test_some_states_for_centres_come_near_the_whole():
    whole = KernelEDMD(scale=1.5, ridge=1e-3).fit(PAIRS)
    found = KernelEDMD(scale=1.5, ridge=1e-3, method="nystroem", rank=25).fit(PAIRS)
    np.testing.assert_allclose(leading(found, 3), leading(whole, 3), rtol=0, atol=1e-3)


def test_random_features_are_ridge_regression_on_them():
    found = KernelEDMD(scale=1.5, ridge=1e-3, method="random_features", rank=50).fit(PAIRS, seed=4)
    with double_precision():
        px, py = (np.asarray(found.dictionary(jnp.asarray(states))) for states in (PAIRS.x, PAIRS.y))
        gram = np.asarray(Kernel(scale=1.5)(jnp.asarray(PAIRS.x), jnp.asarray(PAIRS.x)))
    wanted = np.linalg.solve(px.T @ px / 60 + 1e-3 * np.eye(50), px.T @ py / 60)
    np.testing.assert_allclose(found.operator, wanted, rtol=0, atol=1e-11)
    assert abs(px @ px.T - gram).mean() < 0.2  # 50 plane waves for the kernel


def test_principal_functions_are_orthonormal_and_can_be_verified():
    found = KernelEDMD(scale=1.0, method="principal", rank=10).fit(PAIRS)
    with double_precision():
        values = np.asarray(found.dictionary(jnp.asarray(PAIRS.x)))
    np.testing.assert_allclose(values.T @ values / 60, np.eye(10), atol=1e-8)
    fresh = GENERATOR.uniform(-1, 1, (200, 2))
    verified = found.verified(Pairs(fresh, np.sin(fresh @ MATRIX.T)))
    assert verified.residuals[0] < 0.05 and len(verified.residuals) == 10


def test_a_polynomial_kernel_is_edmd_on_its_monomials():
    pairs = Pairs(X, X @ MATRIX.T)
    found = KernelEDMD("polynomial", 1.0, method="principal", rank=6).fit(pairs)
    wanted = EDMD(Monomials(2)).fit(pairs).unverified().eigenvalues
    assert abs(leading(found, 6)[:, None] - wanted).min(0).max() < 1e-9


def test_predictions_are_read_from_kernels():
    found = KernelEDMD(scale=1.5, ridge=1e-10).fit(PAIRS)
    start = GENERATOR.uniform(-0.8, 0.8, (5, 2))
    np.testing.assert_allclose(found.predict(start, 1)[:, 0], np.sin(start @ MATRIX.T), atol=2e-3)


METHODS = [
    {},
    {"method": "principal", "rank": 8},
    {"method": "nystroem", "rank": 30},
    {"method": "random_features", "rank": 20},
]


@pytest.mark.parametrize("method", METHODS[:3])
@pytest.mark.parametrize("kind", ["gaussian", "laplacian", "lorentzian"])
def test_complex_states_are_their_real_and_imaginary_parts(kind, method):
    x = X[:, :1] + 1j * X[:, 1:]
    y = 0.9 * np.exp(0.5j) * x
    split = Pairs(X, np.hstack([y.real, y.imag]))
    estimator = KernelEDMD(kind, ridge=1e-6, **method)
    found, wanted = estimator.fit(Pairs(x, y)), estimator.fit(split)
    np.testing.assert_allclose(leading(found), leading(wanted), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.predict(x, 1)[:, 0], wanted.predict(X, 1)[:, 0] @ [[1], [1j]], atol=1e-6)


@pytest.mark.parametrize("method", METHODS[:3])
def test_a_polynomial_kernel_of_complex_states_has_powers_of_the_eigenvalue(method):
    x, factor = X[:, :1] + 1j * X[:, 1:], 0.9 * np.exp(0.5j)
    if "rank" in method:
        method = method | {"rank": 3}
    found = leading(KernelEDMD("polynomial", 1.0, ridge=1e-12, **method).fit(Pairs(x, factor * x)), 3)
    np.testing.assert_allclose(found, factor ** np.arange(3), rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_warns_of_coarse_states(method):
    coarse = Pairs(PAIRS.x.astype(np.float32), PAIRS.y.astype(np.float32))
    with pytest.warns(UserWarning, match="less than float64"):
        KernelEDMD(scale=4.0, ridge=1e-14, **method).fit(coarse)


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: KernelEDMD("thin_plate"), "none of: gaussian"),
        (lambda: KernelEDMD(method="nystroem"), "rank=None"),
        (lambda: KernelEDMD(rank=3), "rank=3"),
        (lambda: KernelEDMD(method="nystroem", rank=61).fit(PAIRS), "from 60 pairs"),
        (lambda: KernelEDMD("polynomial", 1.0, method="principal", rank=7).fit(PAIRS), "6 eigenvalues above rounding"),
        (lambda: KernelEDMD(method="nystroem", rank=2.5), "rank=2.5"),
        (lambda: KernelEDMD(chunk=0), "chunk=0"),
        (lambda: KernelEDMD(ridge=-1.0), "ridge=-1.0"),
        (lambda: KernelEDMD("lorentzian", method="random_features", rank=9).fit(PAIRS), "none of: gaussian, laplacian"),
        (lambda: Koopman().predict([[1.0]]), "not fitted"),
        (lambda: Koopman(DMD(), held_out=0).fit(PAIRS).eigenvalues_, "verified"),
        (lambda: Koopman(DMD(), held_out=1.0).fit(PAIRS), "no fraction"),
        (lambda: Koopman().fit(np.ones((9, 2)), sample_weight=np.ones(8)), "as y"),
        (lambda: Koopman().fit(X, PAIRS.y, np.ones(60)), "quadrature rule.*held_out=0"),
        (lambda: Koopman(ResDMD(Monomials(1))).fit(X, PAIRS.y, np.ones(60)), "quadrature rule.*held_out=0"),
        (lambda: Koopman().fit([]), "no trajectory"),
        (lambda: Koopman().fit(None), "X=None is no trajectory"),
        (lambda: Koopman().fit(np.ones(9)), r"shape \[9\]"),
        (lambda: Koopman().fit([["a", "b"]] * 9), "states are numbers"),
        (lambda: Koopman().fit(X.T), "1 pair cannot tell 61 functions apart"),
        (lambda: Koopman().fit(np.zeros((2, 4000))), "1 pair cannot tell 4001 functions apart"),  # and not in hours
        (lambda: Koopman("edmd").fit(X), "estimator='edmd' is no estimator"),
        (lambda: Koopman(EDMD).fit(X), "is no estimator"),
        (lambda: Koopman(EDMD("rbf")).fit(X), "dictionary='rbf' is no dictionary"),
        (lambda: Koopman(MeasurePreservingEDMD(Monomials)).fit(X), "is no dictionary"),
        (lambda: Koopman().fit(PAIRS).predict(X, steps=0), "steps=0"),
        (lambda: Koopman().fit(PAIRS).predict(X, steps=1.5), "steps=1.5: give a whole number"),
        (lambda: Koopman().fit(PAIRS).predict([[np.nan, 0.0]]), "X holds NaN or infinity in 1 of 1 rows"),
        (lambda: Koopman().fit(PAIRS).transform([[0.0, np.inf]]), "X holds NaN or infinity"),
        (lambda: Koopman().fit(PAIRS).predict(X[:, :1]), r"states \(batch, 2\) are needed"),
        (lambda: Koopman().fit(PAIRS).certificate(-0.1), "threshold=-0.1"),
        (lambda: Koopman().fit(PAIRS).certificate("0.1"), "threshold='0.1' is no residual"),
        (lambda: Koopman(delays=0).fit(X), "delays=0: give a whole number of 1 or more"),
        (lambda: Koopman(delays=-1).fit(X), "delays=-1: give a whole number"),
        (lambda: Koopman(delays=2.5).fit(X), "delays=2.5: give a whole number"),
        (lambda: Koopman(lag=1.5).fit(X), "lag=1.5: give a whole number"),
        (lambda: Koopman(held_out="0.2").fit(X), "held_out='0.2' is no fraction"),
        (lambda: Koopman().fit(np.zeros((0, 2))), "the shortest has 0"),
        (lambda: Koopman(EDMD(Monomials(2)), delays=2).fit(X).predict(X[:1]), r"delayed\(trajectory, 2\)"),
        (lambda: Koopman(EDMD(Monomials(2)), delays=2).fit(X).score(X, X), "delays=2"),
        (lambda: Koopman(EDMD(Monomials(2)), delays=2).fit(X).predict(X[:, :1]), r"delays=2.*Give \(batch, 4\)"),
    ],
)
def test_what_makes_no_sense_is_told(make, told):
    with pytest.raises(ConfigError, match=told):
        make()


@pytest.mark.parametrize("estimator", [None, DMD(), EDMD(Monomials(2))])
def test_the_front_fits_trajectories_and_knows_residuals(estimator):
    trajectories = np.stack([X @ np.linalg.matrix_power(MATRIX.T, step) for step in range(6)], axis=1)
    model = clone(Koopman(estimator, held_out=0.25)).fit(trajectories)
    assert model.spectrum_.held_out == 75 and model.residuals_.max() < 1e-10 and model.n_features_in_ == 2
    assert abs(model.eigenvalues_[:, None] - [0.9, 0.6]).min(0).max() < 1e-10
    np.testing.assert_allclose(model.predict(X, 3), trajectories[:, 3], atol=1e-10)
    np.testing.assert_allclose(model.transform(X) @ model.modes_, X, atol=1e-10)
    assert model.score(trajectories) == pytest.approx(1) and model.score(X, X) < 0.99
    assert model.certificate(0.01)["certified"] == len(model.eigenvalues_)


def test_the_front_verifies_kernels_with_fewer_pairs_than_functions():
    model = Koopman(KernelEDMD()).fit(PAIRS)  # a function for each of 48 pairs, and 12 held out
    assert model.spectrum_.held_out == 12 and model.residuals_.shape == (48,) and model.residuals_[0] < 0.05
    assert model.score(PAIRS) > 0.99


@pytest.mark.parametrize("own, held_out", [(0.0, 12), (0.5, 30)])
def test_the_front_tells_residuals_of_pairs_that_no_estimator_saw(own, held_out):
    """Those of ResDMD's own where it holds some out; never those of the fit."""
    spectrum = Koopman(ResDMD(Monomials(2), held_out=own), held_out=0.2).fit(PAIRS).spectrum_
    assert spectrum.held_out == held_out and not spectrum.in_sample
    assert repr(spectrum) == f"KoopmanSpectrum(6 eigenvalues on 6 functions, residuals on {held_out} pairs)"


def test_the_front_takes_delays_and_single_trajectories():
    wave = np.cos(0.7 * np.arange(40))[:, None]
    model = Koopman(DMD(), delays=2).fit(wave)
    assert abs(model.eigenvalues_[:, None] - np.exp([0.7j, -0.7j])).min(0).max() < 1e-10 and model.n_features_in_ == 1
    np.testing.assert_allclose(model.forecast(wave[:2].T, 3)[0, :, 1], wave[2:5, 0], atol=1e-10)


def test_the_example_of_the_front_runs():
    trajectory = np.stack([np.cos(0.3 * np.arange(200)), np.sin(0.3 * np.arange(200))], axis=1)
    model = Koopman(EDMD(RBF(30, scale=4.0)), delays=2).fit(trajectory[:150])
    found = model.predict(trajectory[:2], steps=10)
    assert found.shape == (1, 2) and model.eigenvalues_.shape == model.residuals_.shape
    np.testing.assert_allclose(found, trajectory[11:12], atol=1e-3)  # the last of the two, ten steps on
    windows = delayed(trajectory[150:], 2)
    np.testing.assert_allclose(model.predict(trajectory[150:], 3), model.predict(windows, 3)[:, 2:], atol=1e-12)
    np.testing.assert_allclose(model.forecast(trajectory[150:], 2)[:, 1], model.predict(trajectory[150:], 2))
    np.testing.assert_allclose(model.transform(trajectory[150:]), model.transform(windows))
    assert model.score(trajectory[150:]) > 0.999


def test_pairs_of_delayed_states_are_taken_as_they_are():
    pairs = Pairs.of_trajectories(delayed(X[None], 2))
    model = Koopman(DMD(), delays=2).fit(pairs)
    assert model.n_features_in_ == 4 and model.predict(pairs.x).shape == pairs.x.shape


class Table:
    """As much of a pandas DataFrame as matters: rows are not to be had by index."""

    def __init__(self, rows):
        self._rows, self.shape = rows, rows.shape

    def __len__(self):
        return len(self._rows)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._rows, dtype)

    def __getitem__(self, name):
        raise KeyError(name)


def test_the_front_takes_tables():
    run = np.stack([0.9 ** np.arange(20), 0.5 ** np.arange(20)], axis=1)
    for given in ((Table(run),), (Table(run[:-1]), Table(run[1:]))):
        found = Koopman().fit(*given)
        np.testing.assert_allclose(found.predict(Table(run[:3])), run[1:4], atol=1e-9)
        assert found.score(*given) == pytest.approx(1)


def test_the_front_keeps_a_quadrature_rule_whole():
    """The Gauss map on 40 Legendre polynomials, orthonormal by 100 nodes and by no part of them."""
    nodes, weights = gauss_legendre(-1.0, 0.0, 100)
    images = np.exp(-2 * nodes**2) - 1 - np.exp(-2)
    found = Koopman(EDMD(Legendre(39, lower=-1.0, upper=0.0)), held_out=0).fit(nodes[:, None], images[:, None], weights)
    spectrum = found.spectrum_.unverified()
    assert abs(spectrum.eigenvalues).max() < 1.001 and spectrum.condition < 1 + 1e-10
