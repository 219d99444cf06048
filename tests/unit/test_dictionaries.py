"""Dictionaries: sizes and names that agree with values, functions that are what they are called."""

import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.delays import Delays
from spectrax.estimators.dictionaries.dictionary import Stacked, fit_dictionary
from spectrax.estimators.dictionaries.encoded import Encoded
from spectrax.estimators.dictionaries.fourier import Exponentials, Fourier
from spectrax.estimators.dictionaries.hermite import Hermite, HermiteFunctions
from spectrax.estimators.dictionaries.index_sets import INDEX_SETS, index_set
from spectrax.estimators.dictionaries.kernel_functions import KernelFunctions
from spectrax.estimators.dictionaries.legendre import Legendre
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.dictionaries.products import Products
from spectrax.estimators.dictionaries.projected import Projected
from spectrax.estimators.dictionaries.random_features import RandomFeatures
from spectrax.estimators.dictionaries.rbf import RBF
from spectrax.estimators.dictionaries.squashed import Squashed
from spectrax.estimators.dictionaries.trigonometric import Trigonometric
from spectrax.estimators.kernels import KERNELS, Kernel
from spectrax.estimators.precision import double_precision
from spectrax.estimators.snapshots import gauss_legendre, midpoint, tensor_grid

STATES = np.random.default_rng(0).standard_normal((40, 4))
COMPLEX = STATES[:, :2] + 1j * STATES[:, 2:]  # the same in two coordinates


CROSS = sum(
    (abs(a) + 1) * (b + 1) * (abs(c) + 1) * (abs(d) + 1) <= 4
    for a, b, c, d in itertools.product(range(-2, 3), range(4), range(-1, 2), range(-1, 2))
)


def values(dictionary, x):
    with double_precision():
        return np.asarray(jax.jit(dictionary)(jnp.asarray(x)))


def encode(x):
    return jnp.tanh(x @ np.linspace(-1, 1, 12).reshape(4, 3))


@pytest.mark.parametrize(
    "dictionary, size",
    [
        (Monomials(3), 35),
        (Monomials(1, constant=False), 4),
        (Monomials(2, index="box"), 81),
        (Hermite(2), 15),
        (Hermite(2, functions=True), 15),
        (Legendre(2), 15),
        (Fourier(1), 81),
        (Fourier(2, index="hyperbolic"), 17),
        (RBF(10), 10),
        (RBF(10, "thin_plate", placing="subsample"), 10),
        (RandomFeatures(7), 7),
        (Delays(2), 5),
        (Delays(2, Hermite(2), constant=False), 10),
        (Encoded(encode, state=True), 8),
        (Stacked([Monomials(1), RBF(3, "laplacian")]), 8),
        (Projected(np.eye(4)[:, :2]), 2),
        (KernelFunctions(Kernel(scale=1.0), STATES[:6], np.ones((6, 2))), 2),
        (
            Products([Exponentials(), HermiteFunctions(), Exponentials(), Exponentials()], [2, 3, 1, 1], "hyperbolic"),
            CROSS,
        ),
    ],
)
def test_values_are_as_many_as_size_and_names_say(dictionary, size):
    fitted = fit_dictionary(dictionary, STATES, seed=3)
    found = values(fitted, STATES)
    assert found.shape == (40, size) and fitted.size == size == len(set(fitted.names()))
    assert found.dtype.itemsize // (1 + np.iscomplexobj(found)) == 8 and np.isfinite(found).all()
    again = values(fit_dictionary(dictionary, STATES, seed=3), STATES)
    np.testing.assert_array_equal(found, again)
    np.testing.assert_allclose(values(fitted, STATES[5:7]), found[5:7], rtol=0, atol=1e-14)


def test_monomials_are_what_their_names_say():
    dictionary = Monomials(3, 2)
    assert dictionary.names()[:6] == ("1", "x0", "x1", "x0^2", "x0 x1", "x1^2")
    a, b = STATES[:, 0], STATES[:, 1]
    np.testing.assert_allclose(values(dictionary, STATES[:, :2])[:, :6].T, [a**0, a, b, a**2, a * b, b**2], atol=1e-14)


def kept(chosen, orders, index):
    """Whether a product is in the index set, as its definition is written."""
    if index == "hyperbolic":
        return np.prod(np.abs(chosen) + 1) <= max(orders) + 1
    return index == "box" or sum(abs(k) / order for k, order in zip(chosen, orders, strict=True) if order) <= 1 + 1e-12


@pytest.mark.parametrize("index", INDEX_SETS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("orders", [(4,), (2, 3, 5), (3, 0, 1), (2, 2, 2, 2), (0, 0)])
def test_index_sets_are_as_defined_the_lowest_first(orders, signed, index):
    numbers = [range(-order if signed else 0, order + 1) for order in orders]
    wanted = [chosen for chosen in itertools.product(*numbers) if kept(chosen, orders, index)]
    wanted.sort(key=lambda chosen: (sum(map(abs, chosen)), [(-abs(k), -k) for k in chosen]))
    found = np.zeros((len(wanted), len(orders)), int)
    for row, factors in zip(found, index_set(numbers, orders, index), strict=True):
        for axis, k in factors:
            row[axis] = k
    np.testing.assert_array_equal(found, wanted)


def test_dictionaries_of_many_coordinates_are_made_at_once():
    begin = time.perf_counter()
    dictionary = Monomials(1, dimension=4000)
    assert dictionary.size == 4001 and Monomials(2, dimension=300).size == 45_451
    assert dictionary.names()[::2000] == ("1", "x1999", "x3999")
    with double_precision():
        shape = jax.eval_shape(dictionary, jax.ShapeDtypeStruct((5, 4000), np.float64)).shape
    assert shape == (5, 4001) and time.perf_counter() - begin < 10  # about 1 s; by coordinates it was hours


@pytest.mark.parametrize("dictionary", [Monomials(2), Monomials(2, constant=False), Fourier(1, index="total")])
def test_products_of_many_coordinates_leave_out_ones(dictionary):
    x = np.random.default_rng(1).standard_normal((7, 20))
    dictionary = fit_dictionary(dictionary, x, 0)
    found = values(dictionary, x)
    by_coordinates = jax.jit(dictionary._products._by_coordinates)
    with double_precision():
        wanted = np.asarray(by_coordinates(jnp.asarray(x)))[:, -dictionary.size :]
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    if isinstance(dictionary, Monomials):
        np.testing.assert_allclose(found[:, dictionary.names().index("x3 x17")], x[:, 3] * x[:, 17], rtol=1e-14)


@pytest.mark.parametrize(
    "dictionary, rules",
    [
        (Legendre(7, 2, -1.0, 0.5, index="box"), [gauss_legendre(-1.0, 0.5, 10)] * 2),
        (Fourier(3, 2, (1.0, 2 * np.pi)), [midpoint(0.0, 1.0, 10), midpoint(0.0, 2 * np.pi, 10)]),
        (Hermite(6, 1, functions=True, mean=0.5, deviation=1.0), [midpoint(-12.0, 13.0, 100)]),
    ],
)
def test_orthonormal_functions_have_the_identity_for_a_gram_matrix(dictionary, rules):
    nodes, weights = tensor_grid(*rules)
    found = values(dictionary, nodes)
    scale = weights.sum() if isinstance(dictionary, Fourier) else 1.0
    np.testing.assert_allclose(found.conj().T @ (weights[:, None] * found) / scale, np.eye(dictionary.size), atol=2e-13)


def test_hermite_polynomials_are_orthonormal_under_their_gaussian():
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    found = values(Hermite(8, 1, mean=2.0, deviation=0.5), 2.0 + 0.5 * nodes[:, None])
    weights = weights / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(found.T @ (weights[:, None] * found), np.eye(9), atol=1e-12)


@pytest.mark.parametrize("kind", KERNELS)
def test_kernels_are_what_is_written(kind):
    x, y, scale = STATES[:3], STATES[3:7], 1.7
    r = np.linalg.norm(x[:, None] - y[None], axis=-1) / scale
    with np.errstate(all="ignore"):
        wanted = {
            "gaussian": np.exp(-(r**2)),
            "laplacian": np.exp(-r),
            "lorentzian": 1 / (1 + r**2),
            "multiquadric": np.sqrt(1 + r**2),
            "thin_plate": r**2 * np.log(r),
            "polynomial": (1 + x @ y.T / scale**2) ** 2,
        }[kind]
    with double_precision():
        np.testing.assert_allclose(Kernel(kind, scale)(jnp.asarray(x), jnp.asarray(y)), wanted, rtol=1e-12, atol=1e-14)


def test_distances_of_many_coordinates_do_not_cancel():
    x = 1e3 + np.random.default_rng(1).standard_normal((5, 40))
    with double_precision():
        found = np.asarray(Kernel("gaussian", 5.0)(jnp.asarray(x), jnp.asarray(x)))
    wanted = np.exp(-((x[:, None] - x[None]) ** 2).sum(-1) / 25)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("copies", [1, 10])  # distances are summed by coordinates, and by a product of matrices
@pytest.mark.parametrize("kind", KERNELS[:-1])
def test_kernels_of_complex_states_are_those_of_their_real_and_imaginary_parts(kind, copies):
    kernel, split = Kernel(kind), np.tile(STATES, copies)
    whole = np.tile(COMPLEX, copies)
    assert kernel.fitted(whole).scale == pytest.approx(kernel.fitted(split).scale)
    kernel = kernel.fitted(whole)
    with double_precision():
        found = np.asarray(jax.jit(kernel)(jnp.asarray(whole[7:]), whole[:7]))  # none at distance 0, which rounds
        wanted = np.asarray(kernel(jnp.asarray(split[7:]), split[:7]))
        mixed = np.asarray(kernel(jnp.asarray(whole.real), whole[:7]))
        np.testing.assert_allclose(mixed, kernel(jnp.asarray(whole.real + 0j), whole[:7]))
    assert not np.iscomplexobj(found)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_the_polynomial_kernel_of_complex_states_is_hermitian_and_positive():
    found = values(KernelFunctions(Kernel("polynomial").fitted(COMPLEX), COMPLEX), COMPLEX)
    np.testing.assert_allclose(found, found.conj().T, atol=1e-13)
    assert np.linalg.eigvalsh(found)[0] > -1e-12 and abs(found.imag).max() > 0.1


@pytest.mark.parametrize("placing", ["kmeans", "subsample"])
def test_centres_among_complex_states_are_those_among_their_parts(placing):
    found = RBF(6, placing=placing).fitted(COMPLEX, 0)
    wanted = RBF(6, placing=placing).fitted(STATES, 0)
    np.testing.assert_allclose(np.hstack([found.centres.real, found.centres.imag]), wanted.centres, atol=1e-12)
    np.testing.assert_allclose(values(found, COMPLEX), values(wanted, STATES), rtol=1e-12)


@pytest.mark.parametrize(
    "dictionary",
    [
        Hermite(2),
        Hermite(2, functions=True),
        Hermite(2, 2, mean=0.0, deviation=1.0),
        Legendre(2),
        Legendre(2, 2, -1.0, 1.0),
        Fourier(1),
        RandomFeatures(5),
        RandomFeatures(5, "gaussian", 1.0, np.ones((5, 2)), np.ones(5)),
        Products((Trigonometric(),) * 2, 1),
        Squashed([1.0], [[1, 1]]),
        Stacked([Monomials(1), Delays(2, Fourier(1))]),
    ],
)
def test_what_needs_real_states_says_so_of_complex_ones(dictionary):
    with pytest.raises(ConfigError, match="Give real and imaginary parts as coordinates"):
        values(fit_dictionary(dictionary, COMPLEX, 0), COMPLEX)


@pytest.mark.parametrize("kind", ["gaussian", "laplacian"])
def test_products_of_random_features_are_near_the_kernel(kind):
    x = STATES[:10, :2]
    found = values(fit_dictionary(RandomFeatures(40_000, kind, 1.5), x, 0), x)
    with double_precision():
        wanted = np.asarray(Kernel(kind, 1.5)(jnp.asarray(x), jnp.asarray(x)))
    assert abs(found @ found.T - wanted).max() < 5 / np.sqrt(40_000)


def test_delays_take_the_constant_once():
    names = fit_dictionary(Delays(2, Monomials(2)), STATES, 0).names()
    assert names.count("1") == 1 and names[1:3] == ("x0 at +0", "x1 at +0") and "x0 x1 at +1" in names


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: Monomials(2).size, "seen no data"),
        (lambda: RBF(), "positive number"),
        (lambda: RBF(50).fitted(STATES, 0), "among 40 snapshots"),
        (lambda: Monomials(2.5), "degree=2.5: give a whole number of 0 or more"),
        (lambda: Hermite(-1), "order=-1"),
        (lambda: Legendre((1, 0.5)), "order=\\(1, 0.5\\)"),
        (lambda: Fourier("2"), "order='2'"),
        (lambda: Products((Trigonometric(),), 1.5), "orders=1.5"),
        (lambda: Delays(2.5), "delays=2.5"),
        (lambda: RBF(2.5), "count=2.5"),
        (lambda: RandomFeatures(2.5), "count=2.5"),
        (lambda: RBF(3, kernel="cubic"), "none of: gaussian"),
        (lambda: Hermite(2).fitted(np.ones((5, 1)), 0).size, "does not vary"),
        (lambda: Legendre(2, 1, 1.0, 0.0).size, "no box"),
        (lambda: Fourier(60, 4).size, "more than 200,000"),
        (lambda: values(Monomials(2, 3), STATES), r"3 coordinates got states of shape \[40, 4\]"),
        (lambda: values(Delays(3), STATES), "3 delays"),
        (lambda: Kernel(scale=-1.0), "scale=-1.0"),
        (lambda: Encoded(lambda x: x.sum()).fitted(STATES, 0), "needs \\(rows, features\\)"),
    ],
)
def test_what_makes_no_sense_is_told(make, told):
    with pytest.raises(ConfigError, match=told):
        make()


@pytest.mark.parametrize(
    "dictionary",
    [
        Monomials(2),
        Hermite(2),
        Legendre(2),
        Fourier(1),
        RBF(3),
        RandomFeatures(3),
        Delays(2),
        Encoded(encode),
        Stacked([Monomials(1), RBF(3)]),
    ],
)
def test_what_is_fitted_stays_the_same_object(dictionary):
    """So that what was compiled for it serves again."""
    fitted = fit_dictionary(dictionary, STATES, 0)
    assert fit_dictionary(fitted, STATES + 1, 1) is fitted
