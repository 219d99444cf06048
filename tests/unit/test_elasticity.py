"""The elastic unit cell: derivatives of the material, patch test, equilibrium, symmetry, refinement, determinism."""

import numpy as np
import pytest
from scipy.optimize import fsolve

from spectrax.core.errors import ConfigError
from spectrax.solvers import optional_packages
from spectrax.solvers.elasticity import deform, solve_unit_cell
from spectrax.solvers.elasticity_mesh import on_image, random_void, unit_cell_nodes, void_code, void_radius
from spectrax.solvers.rivlin_saunders import RivlinSaunders, von_mises

NEEDS_SCIKIT_FEM = "needs the extra `pde` (scikit-fem)"
ROUND = np.zeros((1, 2))  # a void of radius 0.3


@pytest.fixture(scope="module")
def skfem():
    return pytest.importorskip("skfem", reason=NEEDS_SCIKIT_FEM)


@pytest.fixture(scope="module")
def round_cell(skfem):
    return solve_unit_cell(ROUND, around=32, across=5, image_size=22)


def energy(material, gradient, pressure):
    """W(F, p) of the three-dimensional gradient diag(F, 1), from the definition."""
    full = np.eye(3)
    full[:2, :2] = gradient
    volume = np.linalg.det(full)
    left = full @ full.T / volume ** (2 / 3)
    first, second = np.trace(left), (np.trace(left) ** 2 - np.trace(left @ left)) / 2
    return material.first * (first - 3) + material.second * (second - 3) + pressure * (volume - 1)


def derivative(function, at, step=1e-5):
    """Central differences by each entry of a matrix (2, 2), on two last axes."""
    result = np.empty((*np.shape(function(at)), 2, 2))
    for i, a in np.ndindex(2, 2):
        change = np.zeros((2, 2))
        change[i, a] = step
        result[..., i, a] = (function(at + change) - function(at - change)) / (2 * step)
    return result


def test_stress_and_tangent_are_derivatives_of_the_energy():
    material = RivlinSaunders(first=1.0, second=0.6)
    gradient, pressure = np.array([[1.2, 0.3], [-0.2, 1.1]]), 0.7

    def nominal(at):
        return material.nominal_stress(at[..., None, None], np.array([[pressure]]))[..., 0, 0]

    np.testing.assert_allclose(
        nominal(gradient), derivative(lambda at: energy(material, at, pressure), gradient), atol=1e-8
    )
    tangent = material.tangent(gradient[..., None, None], np.array([[pressure]]))[..., 0, 0]
    np.testing.assert_allclose(tangent, derivative(nominal, gradient), atol=1e-8)
    cauchy = nominal(gradient) @ gradient.T / np.linalg.det(gradient)
    deviator = material.deviatoric_stress(gradient[..., None, None])[..., 0, 0]
    np.testing.assert_allclose(deviator[0, 1], cauchy[0, 1], atol=1e-12)
    np.testing.assert_allclose(deviator[0, 0] - deviator[1, 1], cauchy[0, 0] - cauchy[1, 1], atol=1e-12)


def test_von_mises_of_simple_stresses():
    tension = 3.0 * np.array([[2 / 3, 0.0], [0.0, -1 / 3]])
    shear = np.array([[0.0, 2.0], [2.0, 0.0]])
    assert von_mises(tension) == pytest.approx(3.0) and von_mises(shear) == pytest.approx(2.0 * np.sqrt(3))


def test_patch_without_a_void_is_uniform(skfem):
    material, traction = RivlinSaunders(), 200.0
    mesh = skfem.MeshQuad2.from_mesh(skfem.MeshQuad1.init_tensor(*[np.linspace(0, 1, 5)] * 2))
    positions = mesh.doflocs.copy()
    bubble = np.prod(np.sin(np.pi * positions), axis=0)
    positions += 0.1 * bubble * np.stack([np.sin(5 * positions[1]), np.cos(4 * positions[0])])  # skewed elements
    deformed = deform(skfem.MeshQuad2(positions, mesh.t), traction=traction, base="sliding")

    def forces(unknowns):
        gradient = np.diag(unknowns[:2])
        pressure = material.bulk * (np.prod(unknowns[:2]) - 1)
        stress = material.nominal_stress(gradient[..., None, None], np.array([[pressure]]))
        return [stress[0, 0, 0, 0], stress[1, 1, 0, 0] - traction]

    narrowing, stretch = fsolve(forces, [0.9, 1.1], xtol=1e-13)
    assert stretch > 1.1
    np.testing.assert_allclose(deformed.displacement[1], (stretch - 1) * positions[1], atol=1e-7)
    np.testing.assert_allclose(deformed.displacement[0], (narrowing - 1) * positions[0], atol=1e-7)
    exact = von_mises(material.deviatoric_stress(np.diag([narrowing, stretch])[..., None, None]))[0, 0]
    np.testing.assert_allclose(deformed.stress, exact, rtol=1e-6)


def test_small_tension_follows_hooke(skfem):
    mesh = skfem.MeshQuad2.from_mesh(skfem.MeshQuad1.init_tensor(*[np.linspace(0, 1, 3)] * 2))
    material = RivlinSaunders()
    deformed = deform(mesh, traction=0.01, base="sliding", material=material)
    shear_modulus = 2 * (material.first + material.second)  # plane strain, incompressible: strain = stress / (4 mu)
    assert deformed.displacement[1].max() == pytest.approx(0.01 / (4 * shear_modulus), rel=2e-3)
    np.testing.assert_allclose(deformed.stress, np.sqrt(3) / 2 * 0.01, rtol=1e-3)


def test_forces_balance(skfem):
    mesh = skfem.MeshQuad2.from_mesh(skfem.MeshQuad1.init_tensor(np.linspace(0, 2, 7), np.linspace(0, 1, 4)))
    deformed = deform(mesh, traction=80.0)
    assert deformed.imbalance < 1e-8
    np.testing.assert_allclose(deformed.reaction, [0.0, -160.0], atol=1e-5)


def test_a_round_void_is_stressed_symmetrically(round_cell):
    assert round_cell.points.shape == (160, 2) and round_cell.stress.shape == (160,)
    mirrored = round_cell.points * [-1, 1] + [1, 0]
    partner = np.argmin(np.linalg.norm(mirrored[:, None] - round_cell.points, axis=-1), axis=1)
    np.testing.assert_allclose(round_cell.points[partner], mirrored, atol=1e-12)
    np.testing.assert_allclose(round_cell.stress[partner], round_cell.stress, rtol=1e-6)
    np.testing.assert_allclose(round_cell.displacement[partner], round_cell.displacement * [-1, 1], atol=1e-8)
    np.testing.assert_allclose(round_cell.image_stress[::-1], round_cell.image_stress, atol=1e-4)
    assert np.linalg.norm(round_cell.points[np.argmax(round_cell.stress)] - 0.5) < 0.31  # most at the void


def test_clamp_traction_and_finite_deformation(round_cell):
    low, high = round_cell.points[:, 1] < 1e-9, round_cell.points[:, 1] > 1 - 1e-9
    assert low.sum() == high.sum() == 9
    assert np.all(round_cell.displacement[low] == 0)
    assert np.all(round_cell.displacement[high, 1] > 0.05)  # visible to the eye


def test_refinement(skfem, round_cell):
    fine = solve_unit_cell(ROUND, around=64, across=9)
    finer = solve_unit_cell(ROUND, around=128, across=17)
    top = [cell.displacement[:, 1].max() for cell in (round_cell, fine, finer)]
    assert abs(top[1] - top[2]) < 0.5 * abs(top[0] - top[1]) < 1e-3 * top[2]
    inside = np.arange(5, 37), np.arange(5, 37)  # away from the clamped corners, which are singular
    difference = np.abs(finer.image_stress - fine.image_stress)[np.ix_(*inside)]
    assert difference.mean() < 0.01 * finer.image_stress.mean()


def test_voids_and_their_code():
    radii = np.stack([void_code(random_void(0, index)) for index in range(2000)])
    assert radii.shape == (2000, 42) and radii.min() > 0.2 and radii.max() < 0.4
    exponent = np.log(0.2 / (radii - 0.2) - 1)
    waves = np.arange(1, 9)
    for lag in (0, 5, 21):
        expected = (8 / 9 + np.sum(16 / (waves**2 + 9) * np.cos(2 * np.pi * waves * lag / 42))) / np.pi
        assert np.mean(exponent * np.roll(exponent, lag, -1)) == pytest.approx(expected, abs=0.1)


def test_nodes_lie_on_void_and_sides():
    void = random_void(3, 1)
    nodes = unit_cell_nodes(void)
    assert nodes.shape == (108, 9, 2)
    offset = nodes[:, 0] - 0.5
    np.testing.assert_allclose(
        np.hypot(*offset.T), void_radius(void, np.arctan2(offset[:, 1], offset[:, 0])), atol=1e-14
    )
    np.testing.assert_allclose(np.abs(nodes[:, -1] - 0.5).max(-1), 0.5, atol=1e-14)
    one, other = np.roll(nodes, -1, 0)[:, 1:] - nodes[:, :-1], np.roll(nodes, -1, 0)[:, :-1] - nodes[:, 1:]
    assert np.all(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0] > 0)  # no element is folded
    with pytest.raises(ConfigError, match="multiple of 4"):
        unit_cell_nodes(void, around=10)


def test_image_is_the_field_outside_the_void():
    void = random_void(3, 2)
    nodes = unit_cell_nodes(void, 432, 33)
    mask, image = on_image(void, np.sin(3 * nodes[..., 0]) + nodes[..., 1] ** 2)
    x, y = np.meshgrid(np.linspace(0, 1, 41), np.linspace(0, 1, 41), indexing="ij")
    outside = np.hypot(x - 0.5, y - 0.5) >= void_radius(void, np.arctan2(y - 0.5, x - 0.5).ravel()).reshape(41, 41)
    np.testing.assert_array_equal(mask, outside)
    np.testing.assert_allclose(image, outside * (np.sin(3 * x) + y**2), atol=2e-3)


def test_cells_depend_on_seed_and_index_alone(skfem):
    void = random_void(5, 6)
    np.testing.assert_array_equal(void, random_void(5, 6))
    assert np.all(void != random_void(5, 7)) and np.all(void != random_void(6, 6))
    one, other = (solve_unit_cell(void, around=32, across=4) for _ in range(2))
    np.testing.assert_array_equal(one.stress, other.stress)
    np.testing.assert_array_equal(one.points, unit_cell_nodes(void, 32, 4).reshape(-1, 2))
    np.testing.assert_array_equal(one.code, void_code(void))


def test_wrong_arguments_are_named(skfem, monkeypatch):
    with pytest.raises(ConfigError, match="smaller traction"):
        solve_unit_cell(ROUND, around=16, across=3, traction=-1e5)
    monkeypatch.setattr(optional_packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"scikit-fem: python -m pip install 'spectrax\[pde\]'"):
        solve_unit_cell(ROUND)
