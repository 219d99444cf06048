"""Spectral transforms over eight devices gather nothing, and compute what one device does.

`transforms_on_eight_devices.py` compiles each with its gradient and reads the collectives from the compiled program.
"""

import pytest
import transforms_on_eight_devices as transforms
from eight_devices import told_by


@pytest.fixture(scope="session")
def observed(tmp_path_factory):
    return told_by(transforms, tmp_path_factory)


@pytest.mark.parametrize(
    "group, name", [(group, name) for group in transforms.GROUPS for name in transforms.GROUPS[group]]
)
def test_nothing_is_gathered_and_numbers_are_those_of_one_device(observed, group, name):
    case, seen = transforms.GROUPS[group][name], observed[group][name]
    assert set(seen["moved"]) <= set(case.moves), seen
    assert seen["difference"] <= 2e-6


def test_what_is_summed_over_the_batch_does_not_grow_with_it(observed):
    """The gradients of weights, which every device holds: all that truncated transforms move."""
    (seen,) = [seen for seen in observed["summed"].values() if "moved_by_twice" in seen]
    assert seen["moved"] == seen["moved_by_twice"] and seen["moved"]["all-reduce"] > 0


def test_exchanges_of_a_distributed_transform_are_two_there_and_two_back(observed):
    """Each device exchanges its slab of the complex spectrum, (batch, x / 4, y, channels)."""
    batch, x, y, channels = transforms.FIELD[0]
    slab = 8 * (batch // 2) * (x // 4) * y * channels
    assert observed["exchanged"]["fftn"]["moved"] == {"all-to-all": 4 * slab}
    assert observed["exchanged"]["fftn"]["moved_by_twice"] == {"all-to-all": 8 * slab}


def test_plain_jax_gathers_the_batch(observed):
    """What all this is for; and that gathers are seen where they are."""
    (seen,) = observed["plain"].values()
    shape = transforms.image(transforms.CHANNELS)[0][0]
    assert seen["moved"]["all-gather"] >= 4 * shape[0] * shape[1] * shape[2] * shape[3]
    assert seen["moved_by_twice"]["all-gather"] == 2 * seen["moved"]["all-gather"]


@pytest.mark.parametrize(
    "name, words",
    [
        ("space", ["Axis 1 of an array [8, 8, 12, 4]", "'model'", "mesh.rules", "spectrax.ops.distributed"]),
        ("no batch", ["Axis 0 of an array [8, 12, 4]", "'data' and 'fsdp'", "If it is not the batch"]),
        ("unknown mesh axis", ["'modle'", "data, fsdp, model"]),
        ("too many entries", ["5 entries", "4 axes"]),
        ("slabs do not divide", ["Axis 1 of a field [8, 7, 12, 4]", "2 devices of model", "multiple of 2"]),
        ("wrong slabs", ["Axis 2", "model", "only the first"]),
    ],
)
def test_what_cannot_be_done_locally_is_refused(observed, name, words):
    for word in words:
        assert word in observed["refused"][name]
