"""Measure-preserving EDMD: on the circle by both routes, exact on rotations, and honest through residuals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import unitary_group

from spectrax.core.errors import ConfigError
from spectrax.estimators.compression import compression
from spectrax.estimators.dictionaries.fourier import Fourier
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.mpedmd import ROUTES, MeasurePreservingEDMD, nearest_unitary, spectral_atoms
from spectrax.estimators.precision import double_precision
from spectrax.estimators.qr import factors
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs
from spectrax.estimators.unitary_eigen import hermitian_eigenpairs, schur_eigenpairs
from spectrax.solvers.dynamics.oscillators import Pendulum
from spectrax.solvers.dynamics.torus import CircleRotation


def pendulum_pairs(points=40, delays=20):
    """The grid of the released example: exp(iq) p exp(-p^2/2) at `delays` times 0.5 apart."""
    width = 2 * np.pi / points
    q = -np.pi + width * (np.arange(points) + 0.5)
    starts = np.stack(np.meshgrid(q, np.linspace(-5, 5, points), indexing="ij"), axis=-1).reshape(-1, 2)
    q, p = np.moveaxis(Pendulum().trajectories(starts, length=delays + 1, dt=0.5), -1, 0)
    observed = np.exp(1j * q) * p * np.exp(-(p**2) / 2)
    return Pairs(observed[:, :-1], observed[:, 1:], np.full(len(observed), width * 10 / (points - 1)))


def as_they_are(x):
    """The dictionary of the coordinates."""
    return x


@pytest.fixture(scope="module")
def pendulum():
    return pendulum_pairs()


@pytest.mark.parametrize("route", ROUTES)
def test_a_rotation_is_exact_and_on_the_circle(route):
    system = CircleRotation()
    nodes, weights = system.nodes((100,))
    run = system.trajectories(nodes, length=2, dt=1.0)
    pairs = Pairs(run[:, 0], run[:, 1], weights)
    found = MeasurePreservingEDMD(Fourier(10), route).fit(pairs).verified(pairs)
    assert abs(abs(found.eigenvalues) - 1).max() <= 2e-15
    assert abs(found.eigenvalues[:, None] - system.spectrum(10)).min(axis=0).max() < 1e-12
    assert found.residuals.max() < 1e-12
    with pytest.raises(ConfigError, match="verified"):
        _ = MeasurePreservingEDMD(Fourier(10), route).fit(pairs).eigenvalues


def test_the_pendulum_on_the_circle_and_inside_the_disc(pendulum):
    """Moduli of EDMD's eigenvalues as in the released example; mpEDMD's are all 1."""
    edmd = ResDMD(as_they_are, held_out=0).fit(pendulum)
    moduli = abs(edmd.eigenvalues)
    assert moduli.min() == pytest.approx(0.713, abs=5e-4) and moduli.max() == pytest.approx(0.992, abs=5e-4)
    assert (edmd.residuals >= 1 - moduli + 0.09).all()
    found = {route: MeasurePreservingEDMD(as_they_are, route).fit(pendulum).verified(pendulum) for route in ROUTES}
    for spectrum in found.values():
        assert abs(abs(spectrum.eigenvalues) - 1).max() <= 2e-15
        norms = pendulum.x @ spectrum.vectors
        gram = norms.conj().T @ (pendulum.quadrature[:, None] * norms)
        np.testing.assert_allclose(gram, np.eye(20), atol=1e-12)  # orthonormal eigenfunctions
        moved = spectrum.operator @ spectrum.vectors
        np.testing.assert_allclose(moved, spectrum.vectors * spectrum.eigenvalues, atol=1e-10)
        assert (spectrum.residuals > 0.05).all()  # being on the circle certifies nothing
    angles = {route: np.sort(np.angle(spectrum.eigenvalues)) for route, spectrum in found.items()}
    np.testing.assert_allclose(angles["schur"], angles["hermitian"], atol=1e-12)


def test_the_gram_form_agrees(pendulum):
    """G^-1/2 in place of the triangular factor: the same eigenvalues."""
    weights = pendulum.quadrature[:, None]
    g, a = pendulum.x.conj().T @ (weights * pendulum.x), pendulum.x.conj().T @ (weights * pendulum.y)
    values, vectors = np.linalg.eigh(g)
    half = vectors / np.sqrt(values) @ vectors.conj().T
    left, _, right = np.linalg.svd(half @ a @ half)
    expected = np.sort(np.angle(np.linalg.eigvals(left @ right)))
    found = MeasurePreservingEDMD(as_they_are).fit(pendulum).unverified().eigenvalues
    np.testing.assert_allclose(np.sort(np.angle(found)), expected, atol=1e-11)


def test_the_measure_of_a_function_has_the_mass_of_its_norm(pendulum):
    found = MeasurePreservingEDMD(as_they_are).fit(pendulum)
    coefficients = np.random.default_rng(1).normal(size=20)
    atoms = spectral_atoms(compression(factors(as_they_are, pendulum)), found.vectors, coefficients)
    mass = (pendulum.quadrature * abs(pendulum.x @ coefficients) ** 2).sum()
    assert atoms.min() >= 0 and atoms.sum() == pytest.approx(mass, rel=1e-12)


@pytest.mark.parametrize("case", ["random", "clustered", "degenerate", "colliding"])
def test_the_hermitian_route_diagonalises_unitary_matrices(case):
    rng = np.random.default_rng(2)
    basis = unitary_group.rvs(24, random_state=3)
    angles = rng.uniform(-np.pi, np.pi, 24)
    if case == "clustered":
        angles[:8] = 0.4 + 1e-9 * np.arange(8)
    elif case == "degenerate":
        angles[:8], angles[8:12] = 0.4, -2.0
    elif case == "colliding":  # t and 2 a - t have one eigenvalue of the first combination
        angles[12:] = 2 * 0.7316 - angles[:12]
    unitary = basis * np.exp(1j * angles) @ basis.conj().T
    with double_precision():
        values, vectors = (np.asarray(part) for part in jax.jit(hermitian_eigenpairs)(jnp.asarray(unitary)))
    assert abs(abs(values) - 1).max() <= 2e-15
    np.testing.assert_allclose(unitary @ vectors, vectors * values, atol=2e-9 if case == "clustered" else 1e-12)
    np.testing.assert_allclose(vectors.conj().T @ vectors, np.eye(24), atol=1e-12)
    expected, _ = schur_eigenpairs(unitary)
    np.testing.assert_allclose(np.sort(np.angle(values)), np.sort(np.angle(expected)), atol=1e-12)


def test_a_real_operator_has_conjugate_eigenvalues_and_the_route_is_differentiable():
    rotation = np.linalg.qr(np.random.default_rng(4).normal(size=(6, 6)))[0]
    with double_precision():
        values, _ = hermitian_eigenpairs(jnp.asarray(rotation))
        expected = np.linalg.eigvals(rotation)
        assert abs(np.asarray(values)[:, None] - expected).min(axis=0).max() < 1e-12
        assert abs(np.asarray(values)[:, None] - np.asarray(values).conj()).min(axis=0).max() < 1e-12

        def largest(step):
            return jnp.angle(hermitian_eigenpairs(nearest_unitary(jnp.asarray(rotation) + step))[0]).max()

        slope, h = jax.grad(largest)(0.01), 1e-6
        assert slope == pytest.approx(float(largest(0.01 + h) - largest(0.01 - h)) / (2 * h), rel=1e-4)


def test_dependent_functions_are_dropped_and_unknown_routes_refused():
    x = np.linspace(-1, 1, 50)[:, None]
    twice = lambda states: jnp.concatenate([states, 2 * states, states**2], axis=1)  # noqa: E731
    with pytest.warns(UserWarning, match="left out"):
        found = MeasurePreservingEDMD(twice).fit(Pairs(x, -x)).unverified()
    np.testing.assert_allclose(np.sort(found.eigenvalues.real), [-1, 1], atol=1e-12)
    np.testing.assert_allclose(found.predict([[0.3]], 2), [[[-0.3], [0.3]]], atol=1e-12)
    with pytest.raises(ConfigError, match="schur, hermitian"):
        MeasurePreservingEDMD(Monomials(1), route="lanczos")
    with pytest.raises(ConfigError, match="cannot tell"):
        MeasurePreservingEDMD(Monomials(30)).fit(Pairs(x[:20], x[:20]))
