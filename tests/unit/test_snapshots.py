"""Pairs of snapshots: which there are, at borders too; what is refused; and rules of quadrature."""

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.estimators import snapshots
from spectrax.estimators.snapshots import Pairs, Stream, delayed

TRAJECTORIES = np.arange(2 * 5 * 3.0).reshape(2, 5, 3)


@pytest.mark.parametrize("lag", [1, 3])
def test_pairs_never_cross_from_one_trajectory_into_the_next(lag):
    pairs = Pairs.of_trajectories(TRAJECTORIES, lag)
    assert len(pairs) == 2 * (5 - lag) and pairs.dimension == 3
    np.testing.assert_array_equal(pairs.y - pairs.x, 3.0 * lag)  # across the border it would be the same: the rows tell
    np.testing.assert_array_equal(pairs.x, TRAJECTORIES[:, :-lag].reshape(-1, 3))
    np.testing.assert_array_equal(pairs.quadrature, 1 / len(pairs))


def test_windows_of_delays_end_at_borders():
    windows = delayed(TRAJECTORIES, 3)
    assert windows.shape == (2, 3, 9)
    for trajectory, rows in zip(TRAJECTORIES, windows, strict=True):
        for start, row in enumerate(rows):
            np.testing.assert_array_equal(row, trajectory[start : start + 3].ravel())  # earliest first
    pairs = Pairs.of_trajectories(windows)
    assert len(pairs) == 4
    np.testing.assert_array_equal(pairs.x[:, 3:], pairs.y[:, :-3])


def test_one_trajectory_has_windows_without_an_axis_of_trajectories():
    np.testing.assert_array_equal(delayed(TRAJECTORIES[1], 2), delayed(TRAJECTORIES, 2)[1])
    np.testing.assert_array_equal(delayed(TRAJECTORIES[1].tolist(), 2), delayed(TRAJECTORIES, 2)[1])


@pytest.mark.parametrize("size", [100, 65_536])
def test_a_stream_leaves_out_no_trajectory_that_is_too_short(size):
    with pytest.raises(ConfigError, match="at least 201 states; the shortest has 150"):
        list(Stream([np.ones((400, 2)), np.ones((150, 2))], 200, size))


def test_trajectories_of_any_lengths():
    ragged = [TRAJECTORIES[0], TRAJECTORIES[1, :3]]
    assert len(Pairs.of_trajectories(ragged)) == 4 + 2
    assert [len(rows) for rows in delayed(ragged, 2)] == [4, 2]
    assert Pairs.of_trajectories(np.zeros((2, 4, 3, 2))).dimension == 6


def test_weights_of_trajectories_are_shared_by_their_pairs():
    pairs = Pairs.of_trajectories([TRAJECTORIES[0], TRAJECTORIES[1, :3]], weights=[2.0, 6.0])
    np.testing.assert_allclose(pairs.weights, [0.5] * 4 + [3.0] * 2)


@pytest.mark.parametrize("size", [3, 4, 100])
@pytest.mark.parametrize("lag", [1, 2])
def test_a_stream_has_the_pairs_of_its_trajectories(size, lag):
    trajectories = [TRAJECTORIES[0], TRAJECTORIES[1, :3], np.arange(36.0).reshape(12, 3)]
    stream, whole = Stream(trajectories, lag, size), Pairs.of_trajectories(trajectories, lag)
    batches = list(stream)
    assert len(stream) == len(whole) == sum(map(len, batches)) and max(map(len, batches)) <= max(size, lag)
    np.testing.assert_array_equal(np.concatenate([batch.x for batch in batches]), whole.x)
    np.testing.assert_array_equal(np.concatenate([batch.y for batch in batches]), whole.y)


@pytest.mark.parametrize(
    "make, told",
    [
        (
            lambda: Pairs(np.ones((3, 2)), np.array([[1, 2], [np.nan, 0], [0, np.inf]])),
            "y holds NaN .* 2 of 3 rows.* row 1",
        ),
        (lambda: Pairs(np.ones((3, 2)), np.ones((3, 1))), r"y has shape \[3, 1\]"),
        (lambda: Pairs(np.ones(3), np.ones(3)), r"x has shape \[3\]"),
        (lambda: Pairs(np.ones((3, 2)), np.ones((3, 2)), np.array([1, -1, 1])), "not a positive"),
        (lambda: Pairs(np.ones((3, 2)), np.ones((3, 2)), np.ones(2)), "for 3 rows"),
        (lambda: Pairs.of_trajectories(np.ones((2, 3, 1)), lag=3), "at least 4 states"),
        (lambda: Pairs.of_trajectories(np.ones((4, 3))), "Add an axis"),
        (lambda: Pairs.of_trajectories([]), "no trajectory"),
        (lambda: Pairs.of_trajectories([np.ones((4, 3)), np.ones(4)]), r"shape \[4\]"),
        (lambda: Pairs.of_trajectories([np.eye(3), np.array([[1, 2, 3], [4, np.nan, 6]])]), "Trajectory 1 .* step 1"),
        (lambda: Pairs.of_trajectories([[["a"], ["b"]]]), "states are numbers"),
        (lambda: delayed(np.ones((2, 3, 1)), 4), "delays=4"),
        (lambda: delayed(np.ones((2, 3, 1)), 2.5), "delays=2.5: give a whole number"),
        (lambda: delayed(np.ones((2, 3, 1)), 0), "delays=0: give a whole number"),
        (lambda: Pairs.of_trajectories(TRAJECTORIES, 1.5), "lag=1.5"),
        (lambda: Pairs.of_trajectories(TRAJECTORIES, 0), "lag=0"),
        (lambda: Pairs.of_trajectories(np.zeros((1, 0, 2))), "the shortest has 0"),
        (lambda: Pairs.of_trajectories(np.zeros((1, 5, 0))), "x has shape"),
        (lambda: Stream(TRAJECTORIES, size=0), "size=0"),
        (lambda: Stream(TRAJECTORIES, lag=1.5), "lag=1.5"),
        (lambda: snapshots.midpoint(1.0, 0.0, 4), "lower < upper"),
        (lambda: snapshots.trapezoid(0.0, 1.0, 1), "2 or more"),
    ],
)
def test_what_makes_no_sense_is_told(make, told):
    with pytest.raises(ConfigError, match=told):
        make()


@pytest.mark.parametrize("rule, order", [(snapshots.midpoint, 2), (snapshots.trapezoid, 2)])
def test_rules_converge_at_their_order(rule, order):
    def error(points):
        nodes, weights = rule(-1.0, 2.0, points)
        return abs(weights @ np.exp(nodes) - (np.exp(2) - np.exp(-1)))

    assert np.log2(error(41) / error(81)) == pytest.approx(order, abs=0.1)


def test_gauss_legendre_is_exact_for_polynomials_and_periodic_rules_for_waves():
    nodes, weights = snapshots.gauss_legendre(-1.0, 0.0, 5)
    assert weights @ nodes**9 == pytest.approx(-1 / 10, abs=1e-15)
    for rule in (snapshots.midpoint, lambda *given: snapshots.trapezoid(*given, periodic=True)):
        nodes, weights = rule(0.0, 2 * np.pi, 16)
        assert weights @ np.cos(nodes) ** 8 == pytest.approx(2 * np.pi * 35 / 128, abs=1e-14)


def test_grids_are_products_of_rules():
    nodes, weights = snapshots.tensor_grid(snapshots.gauss_legendre(0.0, 1.0, 3), snapshots.midpoint(0.0, 2.0, 4))
    assert nodes.shape == (12, 2) and (nodes[0, 0] == nodes[1, 0]) and (nodes[0, 1] < nodes[1, 1])
    assert weights.sum() == pytest.approx(2.0) and weights @ nodes[:, 0] ** 2 == pytest.approx(2 / 3)
