"""Pseudospectra and SpecGrid: against dense singular values, exact distances, and the statements on known systems."""

import jax
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.estimators.certified_spectrum import certified_spectrum, local_minimisers
from spectrax.estimators.dictionaries.fourier import Fourier
from spectrax.estimators.dictionaries.rbf import RBF
from spectrax.estimators.precision import double_precision
from spectrax.estimators.pseudospectrum import (
    complex_grid,
    pseudoeigenfunctions,
    pseudospectrum,
    smallest_singular_values,
)
from spectrax.estimators.qr import Factors, eigenpair_residuals, factors
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs
from spectrax.solvers.dynamics.oscillators import Duffing
from spectrax.solvers.dynamics.torus import CircleRotation


def of_matrices(px, py):
    """Factors of dictionary matrices themselves."""
    triangle = np.linalg.qr(np.hstack([px, py]), mode="r")
    return Factors(triangle[:, : px.shape[1]], triangle[:, px.shape[1] :], None, len(px))


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_tau_is_the_least_residual_of_all_functions(kind):
    rng = np.random.default_rng(0)
    px, py = rng.normal(size=(2, 40, 6))
    if kind == "complex":
        px, py = px + 1j * rng.normal(size=(40, 6)), py + 1j * rng.normal(size=(40, 6))
    made = of_matrices(px, py)
    z = complex_grid(points=5)
    tau = pseudospectrum(made, z)
    q, r = np.linalg.qr(px)
    c = py @ np.linalg.inv(r)
    expected = np.array([np.linalg.svd(c - point * q, compute_uv=False)[-1] for point in z.ravel()]).reshape(z.shape)
    np.testing.assert_allclose(tau, expected, rtol=1e-12)
    assert np.allclose(tau, tau[::-1]) == (kind == "real")  # rows run from -1.5i to 1.5i
    taus, coefficients = pseudoeigenfunctions(made, z.ravel()[:4])
    np.testing.assert_allclose(taus, tau.ravel()[:4], rtol=1e-12)
    with double_precision():
        attained = eigenpair_residuals(px, py, z.ravel()[:4], coefficients)
    np.testing.assert_allclose(attained, taus, rtol=1e-11)
    assert pseudospectrum(made, np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ConfigError, match="not finite"):
        pseudospectrum(made, [np.nan])


def test_tau_is_resolved_far_below_the_root_of_rounding():
    """Gram matrices, the squares, cannot see below 1e-8."""
    x = np.random.default_rng(1).normal(size=(50, 1))
    px = np.hstack([x, x**2])
    made = of_matrices(px, px * [0.5, 0.9])
    shift = 3e-11
    assert pseudospectrum(made, 0.5 + shift) == pytest.approx(shift, rel=1e-3)
    squared = Factors.of_gram(px.T @ px, px.T @ (px * [0.5, 0.9]), (px * [0.5, 0.9]).T @ (px * [0.5, 0.9]), 50)
    assert pseudospectrum(squared, 0.5 + shift) > 1e-10
    assert pseudospectrum(squared, 0.7) == pytest.approx(float(pseudospectrum(made, 0.7)), rel=1e-6)


def test_the_pencil_is_traceable_and_its_chunks_do_not_matter():
    rng = np.random.default_rng(2)
    made = of_matrices(*rng.normal(size=(2, 30, 4)))
    q, c, _ = made.pencil()
    z = rng.normal(size=7) + 1j * rng.normal(size=7)
    with double_precision():
        one, many = (jax.jit(lambda z, b=b: smallest_singular_values(q, c, z, b))(z) for b in (3, 100))
        slope = jax.grad(lambda x: smallest_singular_values(q, c, jax.numpy.array([x + 0.3j]))[0])(0.2)
    np.testing.assert_allclose(one, many, rtol=1e-13)
    h = 1e-6
    ends = pseudospectrum(made, [0.2 - h + 0.3j, 0.2 + h + 0.3j])
    assert slope == pytest.approx((ends[1] - ends[0]) / (2 * h), rel=1e-5)


def test_tau_of_a_unitary_operator_is_the_distance_to_its_eigenvalues():
    system = CircleRotation()
    nodes, weights = system.nodes((50,))
    run = system.trajectories(nodes, length=2, dt=1.0)
    made = factors(Fourier(4, dimension=1), Pairs(run[:, 0], run[:, 1], weights))
    z = complex_grid((-1.4, 1.2), (-1.3, 1.3), 14)
    exact = abs(z.ravel()[:, None] - system.spectrum(4)).min(axis=1).reshape(z.shape)
    np.testing.assert_allclose(pseudospectrum(made, z), exact, atol=1e-12)
    found = certified_spectrum(made, z, isometry=True, radius=1.0)
    nearest = abs(found.points[:, None] - system.spectrum(4)).min(axis=1)
    assert (nearest <= found.distances + 1e-12).all() and found.error_bound == found.distances.max()
    assert abs(found.spacing - 0.2) < 1e-12 and "if the operator is unitary" in found.meaning


def test_local_minimisers_are_those_of_the_released_loop():
    rng = np.random.default_rng(4)
    z = complex_grid(points=9).ravel()
    distances = rng.uniform(0, 1.3, len(z))
    distances[7] = 0.0
    for radius in (0.5, 1.0, 5.0):
        expected = set()
        for point, distance in zip(z, distances, strict=True):
            if 0 < distance < 1:
                near = np.flatnonzero(abs(point - z) < radius * distance)
                expected.add(near[np.argmin(distances[near])])
        expected.add(7)
        assert local_minimisers(z, distances, radius).tolist() == sorted(expected)
    with pytest.raises(ConfigError, match="fewer than two"):
        certified_spectrum(of_matrices(*rng.normal(size=(2, 9, 2))), [1.0])


@pytest.fixture(scope="module")
def duffing():
    """1200 pairs of the undamped oscillator, 0.25 apart, and 30 radial basis functions, as in the released example."""
    system = Duffing()
    rng = np.random.default_rng(5)
    starts = np.stack([system.initial(rng) for _ in range(100)])
    return Pairs.of_trajectories(system.trajectories(starts, length=13, dt=0.25))


def test_the_undamped_oscillator_is_not_certified_by_thirty_functions(duffing):
    found = ResDMD(RBF(30, "laplacian"), held_out=0.25).fit(duffing, 6)
    residuals, moduli = found.residuals, abs(found.eigenvalues)
    assert residuals.min() < 0.05 and residuals.max() > 0.8
    assert (residuals > 0.1).sum() > 15  # most of the 30
    inside = moduli < 1
    assert (residuals[inside] >= 1 - moduli[inside] - 0.05).all()
    said = found.certificate(0.1, isometry=True)
    for entry in said["eigenvalues"]:
        assert entry["level"] >= abs(1 - entry["modulus"])


def test_points_of_spec_grid_carry_their_distances(duffing):
    made = factors(RBF(30, "laplacian").fitted(duffing.x, 0), duffing)
    axis = np.arange(-1.5, 1.51, 0.1)
    z = axis + 1j * axis[:, None]
    kept = {radius: certified_spectrum(made, z, True, radius) for radius in (5.0, 1.0)}
    coarse, fine = kept[5.0], kept[1.0]
    assert len(coarse.points) <= 2 and abs(coarse.points - 1).min() < 0.15 and coarse.error_bound < 0.1
    assert len(fine.points) > 20 and fine.error_bound > coarse.error_bound
    for found in kept.values():
        assert (found.distances >= abs(1 - abs(found.points)) - 1e-15).all()
        assert (found.distances >= pseudospectrum(made, found.points) - 1e-12).all()
    plain = certified_spectrum(made, z, False, 1.0)
    assert "pseudospectrum" in plain.meaning
