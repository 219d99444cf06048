"""C-grids around airfoils: published ordinates, the released generator's figures, orientation, determinism."""

import time

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.solvers.airfoil_mesh import airfoil_displacements, airfoil_mesh, airfoil_outline, naca_0012

# the shape that the authors' notebook prints, and the axis limits of its plot of that airfoil
PRINTED = (
    0.0, 0.02204350887971676, 0.0016907194475881057, 0.04949437221222748,
    -0.004332363381010895, -0.020630895584506804, 0.015153439441098121, -0.03979916184044196,
)  # fmt: skip
PRINTED_LIMITS = (-0.05116549483421885, 0.08201122948147217)


def cell_areas(mesh):
    """Signed areas of the cells of (..., rows, columns, 2), positive where (first, second) is right-handed."""
    one, other = mesh[..., 1:, 1:, :] - mesh[..., :-1, :-1, :], mesh[..., :-1, 1:, :] - mesh[..., 1:, :-1, :]
    return 0.5 * (one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def test_ordinates_are_those_of_the_naca_tables():
    # NACA Report 460: per cent of the chord; its last coefficient, 0.1015, leaves the trailing edge open
    abscissae = np.array([0.0125, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    tabled = np.array([1.894, 3.555, 4.683, 5.737, 6.002, 5.803, 5.294, 4.563, 3.664, 2.623, 1.448])
    closing = -60 * (0.1036 - 0.1015) * abscissae**4
    np.testing.assert_allclose(100 * naca_0012(abscissae), tabled + closing, atol=1.1e-3)
    assert abs(naca_0012(np.array(1.0))) < 1e-15


def test_undeformed_mesh_lies_on_the_airfoil():
    mesh = airfoil_mesh(np.zeros((1, 8)))[0]
    assert mesh.shape == (221, 51, 2)
    airfoil = mesh[50:171, 0]
    np.testing.assert_array_equal(airfoil, airfoil_outline())
    np.testing.assert_allclose(airfoil[:61, 1], naca_0012(airfoil[:61, 0]), atol=1e-15)
    np.testing.assert_allclose(mesh[:, :, 1], -mesh[::-1, :, 1], atol=1e-13)  # symmetric about the chord
    np.testing.assert_allclose(np.linalg.norm(mesh[50:171, -1] - [1.0, 0.0], axis=-1), 40.0, rtol=1e-14)


def test_the_printed_shape_gives_the_printed_limits():
    ordinates = airfoil_mesh(np.array(PRINTED))[0, 50:171, 0, 1]
    margin = 0.05 * np.ptp(ordinates)  # matplotlib's
    np.testing.assert_allclose([ordinates.min() - margin, ordinates.max() + margin], PRINTED_LIMITS, rtol=0, atol=1e-16)


def test_cells_never_fold_and_the_wake_is_shared():
    displacements = np.stack([airfoil_displacements(0, index) for index in range(200)])
    mesh = airfoil_mesh(displacements)
    assert cell_areas(mesh).max() < 0  # left-handed everywhere
    np.testing.assert_allclose(mesh[:, :51, 0], mesh[:, :-52:-1, 0], rtol=0, atol=1e-15)
    steps = np.linalg.norm(np.diff(mesh[:, 110], axis=1), axis=-1)  # ahead of the nose
    assert np.all(np.diff(steps, axis=1) > 0)


def test_shapes_depend_on_seed_and_index_alone():
    again, other_seed = airfoil_displacements(3, 5), airfoil_displacements(4, 5)
    np.testing.assert_array_equal(airfoil_displacements(3, 5), again)
    assert np.all(again[1:] != other_seed[1:]) and np.all(again[1:] != airfoil_displacements(3, 6)[1:])
    assert again[0] == 0 and np.abs(again).max() <= 0.05
    both = airfoil_mesh(np.stack([again, other_seed]))
    np.testing.assert_array_equal(both[1], airfoil_mesh(other_seed)[0])


def test_another_size_and_wrong_arguments():
    mesh = airfoil_mesh(np.zeros((2, 8)), wake_cells=10, airfoil_cells=24, radial_cells=12)
    assert mesh.shape == (2, 45, 13, 2) and cell_areas(mesh).max() < 0
    with pytest.raises(ConfigError, match="8 control nodes"):
        airfoil_mesh(np.zeros((2, 7)))
    with pytest.raises(ConfigError, match="even"):
        airfoil_mesh(np.zeros(8), airfoil_cells=25)


def test_a_mesh_takes_milliseconds():
    displacements = np.zeros((50, 8))
    airfoil_mesh(displacements)
    began = time.process_time()
    airfoil_mesh(displacements)
    assert (time.process_time() - began) / 50 < 0.01
