"""Flow through pipes: Poiseuille's solution, conservation, order of accuracy, symmetry, determinism."""

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.solvers import optional_packages
from spectrax.solvers.pipe import solve_pipe
from spectrax.solvers.pipe_mesh import centreline, pipe_mesh, pipe_shape

NEEDS_SCIKIT_FEM = "needs the extra `pde` (scikit-fem)"
SIMPSON = np.array([1.0, 4.0, 1.0]) / 6


@pytest.fixture(scope="module")
def skfem():
    return pytest.importorskip("skfem", reason=NEEDS_SCIKIT_FEM)


def element_fluxes(flow):
    """Horizontal flux averaged over each column of elements: what continuous linear pressures hold constant."""
    along, across = flow.velocity.shape[:2]
    weights = np.zeros(across)
    for first in range(0, across - 1, 2):
        weights[first : first + 3] += 2 * SIMPSON / (across - 1)
    through = flow.velocity[..., 0] @ weights
    return np.array([through[first : first + 3] @ SIMPSON for first in range(0, along - 1, 2)])


@pytest.mark.parametrize("size", [(9, 9), (12, 7), (10, 16)])
def test_straight_pipe_is_poiseuille(skfem, size):
    flow = solve_pipe(np.zeros(10), size=size, viscosity=0.02, inlet_velocity=1.5)
    assert flow.velocity.shape == (*size, 2) and flow.velocity.dtype == np.float64
    np.testing.assert_allclose(flow.velocity[..., 0], 1.5 * (1 - 4 * flow.points[..., 1] ** 2), atol=1e-11)
    np.testing.assert_allclose(flow.velocity[..., 1], 0, atol=1e-11)


def test_far_from_the_ends_of_an_inclined_pipe_flow_follows_its_axis(skfem):
    slope = 0.2
    shape = 2.5 * slope * np.array([0, 1, 1, 1, 2, 1, 3, 1, 4, 1])
    flow = solve_pipe(shape, size=(65, 17), viscosity=0.1)
    offset = np.linspace(-0.5, 0.5, 17)
    np.testing.assert_allclose(flow.points[32, :, 1], 5 * slope + offset, atol=1e-14)
    np.testing.assert_allclose(flow.velocity[32, :, 0], 1 - 4 * offset**2, atol=1e-4)
    np.testing.assert_allclose(flow.velocity[32, :, 1], slope * (1 - 4 * offset**2), atol=1e-4)


def test_flux_is_conserved_and_walls_hold(skfem):
    flow = solve_pipe(pipe_shape(0, 0, bound=0.7), size=(33, 33))
    np.testing.assert_allclose(element_fluxes(flow), 2 / 3, atol=1e-10)
    assert np.all(flow.velocity[:, [0, -1]] == 0)
    assert flow.changes[-1] < 1e-6
    assert flow.changes[-1] < 50 * flow.changes[-2] ** 2  # Newton's


def test_refinement(skfem):
    shape = np.array([0, 0, 0.3, 0.5, 0.2, -0.4, -0.3, 0.2, 0.1, 0])  # level at inlet and outlet: no singular corners
    flows = {size: solve_pipe(shape, size=(size, size), viscosity=0.02).velocity for size in (17, 33, 65)}
    coarse, fine = (np.linalg.norm(flows[2 * n - 1][::2, ::2] - flows[n]) / n for n in (17, 33))
    assert coarse / fine > 6.5  # of third order
    even = solve_pipe(shape, size=(32, 32), viscosity=0.02)  # on a grid twice as fine
    np.testing.assert_allclose(even.velocity[-1], solve_pipe(shape, size=(63, 63), viscosity=0.02).velocity[-1, ::2])


def test_a_mirrored_pipe_has_a_mirrored_flow(skfem):
    shape = pipe_shape(2, 0)
    one, other = (solve_pipe(sign * shape, size=(33, 33), viscosity=0.02).velocity for sign in (1, -1))
    assert np.abs(one[:, ::-1, 1] - one[:, :, 1]).max() > 0.1
    np.testing.assert_allclose(other[:, ::-1] * [1, -1], one, atol=1e-9)


def test_centreline_interpolates_values_and_slopes():
    shape = pipe_shape(0, 3)
    nodes, step = np.linspace(0, 10, 5), 1e-6
    np.testing.assert_allclose(centreline(shape, nodes), shape[::2], atol=1e-14)
    slopes = (centreline(shape, nodes[1:-1] + step) - centreline(shape, nodes[1:-1] - step)) / (2 * step)
    np.testing.assert_allclose(slopes * 2.5, shape[3:-1:2], atol=1e-5)
    meshes = pipe_mesh(np.stack([shape, pipe_shape(0, 4)]))
    assert meshes.shape == (2, 129, 129, 2)
    np.testing.assert_allclose(meshes[0, :, 0, 1], centreline(shape, meshes[0, :, 0, 0]) - 0.5, atol=1e-14)


def test_shapes_and_flows_depend_on_seed_and_index_alone(skfem):
    shape = pipe_shape(5, 6)
    np.testing.assert_array_equal(shape, pipe_shape(5, 6))
    assert shape[0] == 0 and np.all(shape[1:] != pipe_shape(5, 7)[1:]) and np.all(shape[1:] != pipe_shape(6, 6)[1:])
    settings = {"size": (17, 17), "viscosity": 0.05}
    np.testing.assert_array_equal(solve_pipe(shape, **settings).velocity, solve_pipe(shape, **settings).velocity)


def test_wrong_arguments_are_named(skfem):
    with pytest.raises(ConfigError, match="10 numbers"):
        solve_pipe(np.zeros(9))
    with pytest.raises(ConfigError, match="at least 3 points"):
        solve_pipe(np.zeros(10), size=(2, 9))
    with pytest.raises(ConfigError, match="did not converge"):
        solve_pipe(pipe_shape(7, 3), size=(9, 9), viscosity=1e-4)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(optional_packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"scikit-fem: python -m pip install 'spectrax\[pde\]'"):
        solve_pipe(np.zeros(10))
