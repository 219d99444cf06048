"""Our estimators against PyDMD, deeptime and kooplearn on the same snapshots (the extra `peers`)."""

import importlib
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.dictionaries.rbf import RBF
from spectrax.estimators.dmd import DMD
from spectrax.estimators.edmd import EDMD
from spectrax.estimators.kernel_edmd import KernelEDMD
from spectrax.estimators.precision import double_precision
from spectrax.estimators.snapshots import Pairs, delayed

RIDGES = (1e-3, 1e-5)


def peer(name):
    """A peer's module, or a skip that says why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{name} cannot be imported ({error}): install the extra `peers`")


def lorenz(length):
    """A trajectory (length, 3) of Lorenz-63, scaled to about 1, by Runge-Kutta steps of 0.01 every 0.05."""

    def slope(x):
        return np.array([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])

    x, found = np.array([1.0, 2.0, 20.0]), []
    for step in range(5 * (length + 40)):
        a = slope(x)
        b = slope(x + 0.005 * a)
        c = slope(x + 0.005 * b)
        d = slope(x + 0.01 * c)
        x = x + 0.01 / 6 * (a + 2 * b + 2 * c + d)
        if step % 5 == 4:
            found.append(x)
    return np.array(found[40:]) / 20 - [0, 0, 1.2]


TRAJECTORY = lorenz(500)
PAIRS = Pairs.of_trajectories(TRAJECTORY[None])


def assert_same(found, wanted, tolerance):
    """The same eigenvalues as sets, by optimal assignment."""
    from scipy.optimize import linear_sum_assignment

    assert len(found) == len(wanted)
    distances = abs(np.asarray(found)[:, None] - np.asarray(wanted)[None])
    assert distances[linear_sum_assignment(distances)].max() <= tolerance


@pytest.mark.parametrize("rank, theirs", [(None, -1), (7, 7), ("gavish_donoho", 0), (0.999, 0.999)])
@pytest.mark.parametrize("variant", ["exact", "projected"])
def test_pydmd(rank, theirs, variant):
    pydmd = peer("pydmd")
    windows = delayed(TRAJECTORY[None], 5)[0]
    wanted = pydmd.DMD(svd_rank=theirs, exact=variant == "exact").fit(windows[:-1].T, windows[1:].T)
    for svd in ("qr", "gram")[
        : 1 if rank is None else 2
    ]:  # the smallest singular values are 1e-5: "gram" sees few digits
        found = DMD(rank, variant, svd).decomposed(Pairs(windows[:-1], windows[1:]))
        assert_same(found.eigenvalues, wanted.eigs, 1e-10)
        for value, mode in zip(wanted.eigs, wanted.modes.T, strict=True):
            ours = found.modes[:, abs(found.eigenvalues - value).argmin()]
            cosine = abs(np.vdot(ours, mode)) / np.linalg.norm(ours) / np.linalg.norm(mode)
            assert cosine == pytest.approx(1, abs=1e-8)


def test_deeptime_dmd():
    decomposition = peer("deeptime.decomposition")
    wanted = decomposition.DMD(mode="exact", rank=6).fit((PAIRS.x @ _wide(), PAIRS.y @ _wide())).fetch_model()
    found = DMD(rank=3).decomposed(Pairs(PAIRS.x @ _wide(), PAIRS.y @ _wide()))
    kept = wanted.eigenvalues[np.argsort(-abs(wanted.eigenvalues))][:3]
    assert_same(found.eigenvalues, kept, 1e-10)


def _wide():
    return np.random.default_rng(0).standard_normal((3, 3))


@pytest.mark.parametrize("solver", ["qr", "gram"])
@pytest.mark.parametrize("dictionary", [Monomials(3, 3), RBF(12, scale=0.8, placing="subsample")])
def test_edmd(solver, dictionary):
    fitted = EDMD(dictionary, solver).fit(PAIRS).dictionary
    found = EDMD(fitted, solver).fit(PAIRS).unverified().eigenvalues
    assert_same(found, _deeptime_edmd(fitted), 1e-8)
    if fitted.size == 12:  # its ridge acts on the scale of features, of which those of Monomials are far apart
        assert_same(found, _kooplearn_edmd(fitted), 1e-8)


@pytest.mark.parametrize("solver", ["qr", "gram"])
def test_edmd_where_peers_lose_digits(solver):
    """Of degree 4 deeptime is 2e-8 from least squares, by its pseudo-inverse of a Gram matrix of condition 6e8."""
    dictionary = Monomials(4, 3)
    px, py = (_features(dictionary)(states) for states in (PAIRS.x, PAIRS.y))
    found = EDMD(dictionary, solver).fit(PAIRS).unverified().eigenvalues
    assert_same(found, np.linalg.eigvals(np.linalg.lstsq(px, py)[0]), 1e-8)


def _features(dictionary):
    def evaluated(x):
        with double_precision():
            return np.asarray(dictionary(jnp.asarray(x)))

    return evaluated


def _deeptime_edmd(dictionary):
    decomposition = peer("deeptime.decomposition")
    return decomposition.EDMD(_features(dictionary)).fit((PAIRS.x, PAIRS.y)).fetch_model().eigenvalues


def _kooplearn_edmd(dictionary):
    linear_model = peer("kooplearn.linear_model")
    model = linear_model.Ridge(alpha=1e-14, reduced_rank=False, eigen_solver="dense")
    return model.fit(_features(dictionary)(TRAJECTORY)).eig()


@pytest.mark.parametrize("ridge", RIDGES)
def test_ridge_against_kooplearn(ridge):
    linear_model = peer("kooplearn.linear_model")
    dictionary = RBF(12, scale=0.8, placing="subsample").fitted(PAIRS.x, 0)
    values = _features(dictionary)(TRAJECTORY)
    wanted = linear_model.Ridge(alpha=ridge, reduced_rank=False, eigen_solver="dense").fit(values).eig()
    relative = ridge / np.mean(values[:-1] ** 2)  # theirs is absolute, ours relative to the mean of G's diagonal
    assert_same(EDMD(dictionary, "ridge", ridge=relative).fit(PAIRS).unverified().eigenvalues, wanted, 1e-8)


@pytest.mark.parametrize("ridge", RIDGES)
def test_kernel_edmd(ridge):
    found = KernelEDMD(scale=np.sqrt(2) * 0.7, ridge=ridge).fit(PAIRS).unverified().eigenvalues[:40]
    kernel = peer("kooplearn.kernel")
    model = kernel.KernelRidge(
        kernel="rbf", gamma=1 / (2 * 0.7**2), alpha=ridge, reduced_rank=False, eigen_solver="dense"
    )
    for wanted in (model.fit(TRAJECTORY).eig(), _deeptime_kernel(ridge)):
        assert_same(found, wanted[np.lexsort((-wanted.imag, -abs(wanted).round(9)))][:40], 1e-6)


def _deeptime_kernel(ridge):
    decomposition, kernels = peer("deeptime.decomposition"), peer("deeptime.kernels")
    estimator = decomposition.KernelEDMD(kernels.GaussianKernel(0.7), epsilon=len(PAIRS) * ridge)
    return estimator.fit((PAIRS.x, PAIRS.y)).fetch_model().eigenvalues
