"""Spectral measures against exact densities: the CMV operator, the shift, rotations."""

import jax
import numpy as np
import pytest
from sparing import sparing

from spectrax.core.errors import ConfigError
from spectrax.estimators.moments import (
    FILTERS,
    equal_angles,
    ergodic_moments,
    filtered_measure,
    operator_moments,
)
from spectrax.estimators.precision import double_precision
from spectrax.estimators.qr import factors
from spectrax.estimators.schur import schur_form
from spectrax.estimators.snapshots import Pairs
from spectrax.estimators.spectral_measure import (
    isometry_measure,
    kernel_coefficients,
    shifted_solutions,
    spectral_measure,
)
from spectrax.solvers.dynamics.cmv import Cmv

ANGLES = np.linspace(-np.pi, np.pi, 101)
FIRST = np.eye(300)[0]


@pytest.fixture(scope="module")
def cmv():
    """The infinite matrix cut off at 300 rows."""
    return Cmv(size=302).matrix[:300, :300]


@pytest.fixture(scope="module")
def cmv_schur(cmv):
    """Its Schur form."""
    return schur_form(cmv)


@pytest.mark.parametrize(
    "order, errors",  # at epsilon 0.2, 0.1, 0.05: Colbrook and Townsend's rate epsilon^order, up to logarithms
    [
        (1, (0.415, 0.262, 0.150)),
        (2, (0.166, 0.064, 0.021)),
        (4, (2.3e-2, 3.2e-3, 3.1e-4)),
        (6, (3.0e-3, 1.5e-4, 4.3e-6)),
    ],
)
def test_the_density_of_the_cmv_operator_is_found_to_the_order_of_the_kernel(cmv_schur, order, errors):
    exact = Cmv().density(ANGLES)
    for epsilon, error in zip((0.2, 0.1, 0.05), errors, strict=True):
        found = isometry_measure(cmv_schur, FIRST, ANGLES, order, epsilon)
        assert abs(found - exact).max() / exact.max() == pytest.approx(error, rel=0.03)


def test_the_bar_of_the_cmv_operator_is_held_from_snapshots_too(cmv):
    """Unit vectors as snapshots, coordinates as dictionary: order 6 and epsilon 0.05 within 1e-5."""
    exact = Cmv().density(ANGLES)
    made = factors(lambda x: x, Pairs(np.eye(300), cmv.T, np.ones(300)))
    # psi(x) c at x = e_k is c_k, and the image of e_k under the linear map is its row of coordinates.
    found = spectral_measure(made, FIRST, ANGLES)
    assert abs(found - exact).max() <= 1e-5


def test_the_measure_of_a_rotation_is_smoothed_atoms_of_the_right_mass():
    eigenvalues = np.exp(1j * np.array([0.3, 2.0, -1.5]))
    f = np.array([1.0, 0.5, 2.0])
    places = equal_angles(4000)
    found = isometry_measure(np.diag(eigenvalues), f, places, 2, 0.05)
    assert found.sum() * 2 * np.pi / 4000 == pytest.approx((f**2).sum(), rel=1e-3)
    assert abs(places[found.argmax()] + 1.5) < 0.01


def test_kernels_satisfy_their_moment_conditions_and_refuse_other_orders():
    for order in range(1, 7):
        poles, outer, inner = kernel_coefficients(order, 0.1)
        reflected = -poles.conj() / (1 + 0.1 * poles.conj())
        for power in range(order):
            assert (inner * poles**power).sum() == pytest.approx(float(power == 0), abs=1e-11)
            assert (outer * reflected**power).sum() == pytest.approx(float(power == 0), abs=1e-11)
    for order, epsilon in ((0, 0.1), (7, 0.1), (2, 0.0)):
        with pytest.raises(ConfigError):
            kernel_coefficients(order, epsilon)


def test_shifted_triangular_systems_are_solved_together():
    rng = np.random.default_rng(0)
    triangle = np.triu(rng.normal(size=(9, 9)) + 1j * rng.normal(size=(9, 9)))
    right, shifts = rng.normal(size=9), 5 * np.exp(1j * rng.uniform(0, 6, 4))
    with double_precision():
        found = np.asarray(jax.jit(shifted_solutions)(triangle, right + 0j, shifts))
    for column, shift in zip(found.T, shifts, strict=True):
        np.testing.assert_allclose((triangle - shift * np.eye(9)) @ column, right, atol=1e-12)


def shift_moments(count):
    """Of the indicator of |t| < 1 under the shift on the circle, whose density is 1 / (2 pi) there."""
    n = np.arange(count + 1)
    return np.sinc(n / np.pi) / (2 * np.pi**2)


def test_filters_reach_their_orders_on_the_shift():
    """Absolute errors at angle 0; the bump's is that of the released example."""
    error = {
        (name, count): abs(filtered_measure(shift_moments(count), [0.0], name)[0] - 1 / (2 * np.pi))
        for name in FILTERS
        for count in (100, 200)
    }
    assert error["bump", 100] == pytest.approx(1.3e-9, rel=0.02) and error["bump", 200] < 1e-11
    for name, order in (("fejer", 1), ("cosine", 2), ("vandeven", 4), ("sharpened_cosine", 8)):
        assert error[name, 100] / error[name, 200] > 0.9 * 2**order, name
    outside = filtered_measure(shift_moments(200), [2.5, -2.0], "sharpened_cosine")
    assert abs(outside).max() < 1e-9


def test_filters_begin_at_one_and_end_at_zero():
    with double_precision():
        ends = {name: np.asarray(each(np.array([0.0, 0.5, 1.0]))) for name, each in FILTERS.items()}
    for name, values in ends.items():
        assert values == pytest.approx([1, 0.5, 0], abs=1e-12), name


@pytest.mark.parametrize("count", sparing([300, 401], 300))
def test_one_fourier_transform_gives_all_angles(count):
    rng = np.random.default_rng(1)
    moments = rng.normal(size=81) + 1j * rng.normal(size=81)
    moments[0] = 1
    np.testing.assert_allclose(
        filtered_measure(moments, count), filtered_measure(moments, equal_angles(count)), atol=1e-12
    )
    few = filtered_measure(moments, 10)
    np.testing.assert_allclose(few, filtered_measure(moments, equal_angles(10)))


def test_moments_of_a_trajectory_are_autocorrelations():
    rng = np.random.default_rng(2)
    values = rng.normal(size=37) + 1j * rng.normal(size=37)
    found = ergodic_moments(values, 5)
    for n in range(6):
        assert found[n] == pytest.approx((values[: 37 - n] * values[n:].conj()).mean() / (2 * np.pi))
    atom = np.exp(1j * 0.7 * np.arange(5000))  # f(x_n) of an eigenfunction
    density = filtered_measure(ergodic_moments(atom, 200), 2000)
    assert abs(equal_angles(2000)[density.argmax()] - 0.7) < 0.01
    assert density.sum() * 2 * np.pi / 2000 == pytest.approx(1)


def test_moments_of_an_operator_place_atoms_where_resolvents_do(cmv):
    density = filtered_measure(operator_moments(cmv, FIRST, 100), ANGLES)
    assert abs(density - Cmv().density(ANGLES)).max() < 1e-6
    rotation = np.array([[np.exp(1.1j)]])
    assert abs(equal_angles(1000)[filtered_measure(operator_moments(rotation, [1.0], 50), 1000).argmax()] - 1.1) < 0.01


def test_what_makes_no_measure_is_told():
    made = factors(lambda x: x, Pairs(np.eye(3), np.eye(3)))
    for coefficients in ([1.0, 0.0], np.eye(3)):
        with pytest.raises(ConfigError, match=r"coefficients of shape .* on 3 functions"):
            spectral_measure(made, coefficients, ANGLES)
    with pytest.raises(ConfigError, match=r"observable of shape \[2\] on 3 functions"):
        isometry_measure(np.eye(3), [1.0, 0.0], ANGLES)
    for values, count in ((np.zeros(5), 5), (np.zeros((3, 2)), 1), (np.array([1.0, np.nan, 2.0]), 1)):
        with pytest.raises(ConfigError):
            ergodic_moments(values, count)
    with pytest.raises(ConfigError, match="bump"):
        filtered_measure([1.0, 0.5], 8, "boxcar")
    with pytest.raises(ConfigError, match="Moments of shape"):
        filtered_measure([1.0], 8)
