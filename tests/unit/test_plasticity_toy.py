"""The toy of plastic forging: a level die's exact deformation, areas, contact, symmetry, determinism."""

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from spectrax.core.errors import ConfigError
from spectrax.solvers.plasticity_toy import HEIGHT, LENGTH, TRAVEL, die_heights, pressed_block, random_die


def die_through(*heights):
    return CubicHermiteSpline(np.linspace(0, LENGTH, len(heights)), heights, np.zeros(len(heights)))


def areas(positions):
    """Of the cells of (along, up, ..., 2)."""
    one, other = positions[1:, 1:] - positions[:-1, :-1], positions[:-1, 1:] - positions[1:, :-1]
    return 0.5 * (one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def test_a_level_die_presses_evenly():
    block = pressed_block(die_through(1.0, 1.0, 1.0), grid=(21, 7), times=3, travel=6.0)
    assert block.shape == (21, 7, 3, 4)
    for time, depth in enumerate((2.0, 4.0, 6.0)):
        left = (HEIGHT - depth) / HEIGHT
        x = LENGTH / 2 + (np.linspace(0, LENGTH, 21) - LENGTH / 2) / left
        np.testing.assert_allclose(block[:, :, time, 0], np.broadcast_to(x[:, None], (21, 7)), atol=1e-10)
        np.testing.assert_allclose(block[:, :, time, 1], np.broadcast_to(np.linspace(0, HEIGHT, 7) * left, (21, 7)))


def test_no_area_is_lost():
    whole, errors = LENGTH * HEIGHT, []
    for points in (26, 51, 101):
        grid = (points, 5)
        positions = pressed_block(random_die(0, 4), grid=grid, times=4)[..., :2]
        found = areas(positions)
        assert (found > 0).all()  # nothing folds
        errors.append(np.abs(found * (points - 1) * 4 / whole - 1).max())
    assert errors[-1] < 0.02 and errors[1] < 0.5 * errors[0] and errors[2] < 0.5 * errors[1]


def test_the_block_ends_at_the_die_where_it_touches_and_is_still_where_it_does_not():
    die = die_through(0.0, 5.0, 5.0)
    block = pressed_block(die, grid=(101, 4), times=5, travel=3.0)
    for time, depth in enumerate(np.arange(1, 6) * 0.6):
        top = block[:, -1, time, :2]
        under = HEIGHT - depth + die_heights(die, top[:, 0])
        np.testing.assert_allclose(top[:, 1], np.minimum(under, HEIGHT), atol=1e-9)
        assert (under < HEIGHT).any() and (under > HEIGHT).any()
    np.testing.assert_array_equal(block[:, 0, :, 1], 0.0)  # it stands on the ground
    np.testing.assert_allclose(block[50, :, :, 2], 0.0, atol=1e-9)
    still = block[80:, :, :, 2:]
    np.testing.assert_allclose(still, 0.0, atol=1e-3)
    assert block[0, :, -1, 2].max() < -0.5  # the die at the left pushes material out there


def test_a_symmetric_die_presses_symmetrically():
    block = pressed_block(die_through(4.0, 0.0, 1.0, 0.0, 4.0), grid=(31, 4), times=2)
    np.testing.assert_allclose(block[..., 2], -block[::-1, :, :, 2], atol=1e-6)
    np.testing.assert_allclose(block[..., 3], block[::-1, :, :, 3], atol=1e-6)


def test_displacements_are_what_positions_changed_by():
    block = pressed_block(random_die(1, 0), grid=(11, 6), times=3)
    x, y = np.meshgrid(np.linspace(0, LENGTH, 11), np.linspace(0, HEIGHT, 6), indexing="ij")
    np.testing.assert_allclose(
        block[..., :2] - block[..., 2:], np.stack([x, y], -1)[:, :, None] + np.zeros((1, 1, 3, 1))
    )
    assert (np.diff(np.abs(block[..., 3]).max((0, 1))) > 0).all() and -block[..., 3].min() == pytest.approx(
        TRAVEL, 0.05
    )


def test_dies_depend_on_seed_and_index_alone():
    x = np.linspace(0, LENGTH, 60)
    shape = die_heights(random_die(0, 5), x)
    np.testing.assert_array_equal(shape, die_heights(random_die(0, 5), x))
    assert np.abs(shape - die_heights(random_die(0, 6), x)).max() > 0.1
    assert np.abs(shape - die_heights(random_die(1, 5), x)).max() > 0.1
    heights = np.stack([die_heights(random_die(0, index), x) for index in range(40)])
    assert heights.min() >= -1e-3 and 3.0 < heights.max() < 7.0
    assert die_heights(random_die(0, 5), [-10.0, LENGTH + 3]) == pytest.approx(shape[[0, -1]])


@pytest.mark.parametrize("words", [{"grid": (1, 4)}, {"times": 0}, {"travel": HEIGHT}])
def test_what_makes_no_sense_is_told(words):
    with pytest.raises(ConfigError, match="A pressed block"):
        pressed_block(random_die(0, 0), **words)
