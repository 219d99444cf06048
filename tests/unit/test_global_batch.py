"""The whole batch on eight virtual devices, in one program over a mesh and once per device: what both must give."""

import batches_on_eight_devices as batches
import numpy as np
import pytest
from eight_devices import told_by


@pytest.fixture(scope="session")
def found(tmp_path_factory):
    return told_by(batches, tmp_path_factory)


def both(found, name):
    (one, one_state), (other, other_state) = found[f"jit {name}"], found[f"pmap {name}"]
    for key in one_state:
        np.testing.assert_allclose(other_state[key], one_state[key], rtol=1e-5)
    return np.array(one), np.array(other), one_state


def test_draws_are_the_same_and_no_two_devices_share_them(found):
    one, other, _ = both(found, "draw")
    np.testing.assert_array_equal(other, one)
    assert len(np.unique(one)) == one.size


def test_images_are_erased_alike_on_every_layout(found):
    one, other, _ = both(found, "erase")
    np.testing.assert_array_equal(other, one)
    changed = (one != np.array(found["x"])).any((1, 2))
    assert 0 < changed.sum() < batches.BATCH


def test_the_batch_is_reversed_over_devices(found):
    one, other, _ = both(found, "reverse")
    expected = np.array(found["x"], np.float32)[::-1]
    np.testing.assert_array_equal(one.astype(np.float32), expected)
    np.testing.assert_array_equal(other.astype(np.float32), expected)


def moments(x):
    return x.mean((0, 1)), x.var((0, 1))


def test_batch_norm_takes_moments_of_the_whole_batch(found):
    x = np.array(found["x"])
    one, other, state = both(found, "global")
    mean, variance = moments(x)
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(one, expected, atol=1e-5)
    np.testing.assert_allclose(other, expected, atol=1e-5)
    count = x.size / 4
    np.testing.assert_allclose(state["variance"], 0.9 + 0.1 * variance * count / (count - 1), rtol=1e-5)


def test_batch_norm_of_each_device_when_asked(found):
    parts = np.array(found["x"]).reshape(batches.DEVICES, -1, 3, 4)
    one, other, state = both(found, "device")
    expected = np.concatenate([(part - moments(part)[0]) / np.sqrt(moments(part)[1] + 1e-5) for part in parts])
    np.testing.assert_allclose(one, expected, atol=2e-5)
    np.testing.assert_allclose(other, expected, atol=2e-5)
    np.testing.assert_allclose(state["mean"], 0.1 * np.mean([moments(part)[0] for part in parts], 0), atol=1e-6)
    count = parts[0].size / 4
    mean_variance = np.mean([moments(part)[1] for part in parts], 0)
    np.testing.assert_allclose(state["variance"], 0.9 + 0.1 * mean_variance * count / (count - 1), rtol=1e-5)
