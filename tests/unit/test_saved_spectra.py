"""Every estimator that a direct run can have: what it fits is saved with its dictionary, and comes back as it was."""

import numpy as np
import pytest

from spectrax.core import array_files
from spectrax.estimators.dictionaries.delays import Delays
from spectrax.estimators.dictionaries.dictionary import Stacked
from spectrax.estimators.dictionaries.fourier import Exponentials, Fourier
from spectrax.estimators.dictionaries.hermite import Hermite, HermiteFunctions
from spectrax.estimators.dictionaries.legendre import Legendre
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.dictionaries.products import Products
from spectrax.estimators.dictionaries.random_features import RandomFeatures
from spectrax.estimators.dictionaries.rbf import RBF
from spectrax.estimators.dictionaries.squashed import Squashed
from spectrax.estimators.dictionaries.trigonometric import Trigonometric
from spectrax.estimators.dmd import DMD
from spectrax.estimators.edmd import EDMD
from spectrax.estimators.kernel_edmd import KernelEDMD
from spectrax.estimators.mpedmd import MeasurePreservingEDMD
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs

DICTIONARIES = {
    "monomials": Monomials(degree=2),
    "hermite": Hermite(order=2),
    "fourier": Fourier(order=1),
    "legendre": Legendre(order=2),
    "rbf": RBF(count=5),
    "random features": RandomFeatures(count=6),
    "delays": Delays(delays=2, observables=Monomials(degree=2, constant=False)),
    "products": Products((Trigonometric(), HermiteFunctions(deviation=0.8)), (1, 2), "box"),
    "complex products": Products((Exponentials(), HermiteFunctions()), (1, 1), "box"),
    "stacked": Stacked((Monomials(degree=1), RBF(count=4), Squashed([0.2, -0.6], [[1, 1], [0, 1]]))),
}
ESTIMATORS = {
    "dmd": DMD(),
    "edmd": EDMD(Monomials(degree=2), solver="gram"),
    "kernel, all": KernelEDMD(ridge=1e-6),
    "kernel, leading": KernelEDMD(method="principal", rank=6),
    "kernel, centres": KernelEDMD(method="nystroem", rank=6),
    "kernel, waves": KernelEDMD(method="random_features", rank=6),
    "mpedmd": MeasurePreservingEDMD(Monomials(degree=2)),
    **{f"resdmd, {name}": ResDMD(dictionary, held_out=0.0) for name, dictionary in DICTIONARIES.items()},
}


@pytest.fixture(scope="module")
def pairs():
    x = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    return Pairs(x, x @ np.array([[0.8, 0.5], [-0.5, 0.7]]) + 0.1 * x**2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_fitted_comes_back(name, pairs):
    fitted = ESTIMATORS[name].fit(pairs, 0)
    back = array_files.from_bytes(array_files.to_bytes(fitted), ("spectrax",), "fitted.npz")
    np.testing.assert_array_equal(back.unverified().eigenvalues, fitted.unverified().eigenvalues)
    np.testing.assert_array_equal(back.eigenfunctions(pairs.x[:3]), fitted.eigenfunctions(pairs.x[:3]))
    if fitted.state is not None:
        np.testing.assert_array_equal(back.predict(pairs.x[:3], 2), fitted.predict(pairs.x[:3], 2))
    assert (back.residuals is None) == (fitted.residuals is None)
