"""Sizes of the mesh, and which axis of a parameter is split over what."""

import itertools
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh, AxisType, PartitionSpec

from spectrax.core.errors import ConfigError
from spectrax.parallel.layout import AXES, Layout, Rule, _arranged, check_batch, make_layout

RULES = (Rule("expand/(kernel|bias)$", ("model",)), Rule("contract/kernel$", ("model", None)))


def layout(data=1, fsdp=1, model=1, rules=RULES, minimum=64):
    """Of devices that need not be there."""
    mesh = AbstractMesh((data, fsdp, model), AXES, axis_types=(AxisType.Auto,) * 3)
    return Layout(mesh, rules, minimum)


@pytest.mark.parametrize(
    "sizes, path, shape, expected",
    [
        ({}, "layer/kernel", (64, 64), (None, None)),
        ({"fsdp": 4}, "layer/kernel", (64, 128), (None, "fsdp")),  # the largest
        ({"fsdp": 4}, "layer/kernel", (128, 30), ("fsdp", None)),  # that divides
        ({"fsdp": 4}, "layer/kernel", (33, 30), (None, None)),
        ({"fsdp": 4}, "layer/bias", (32,), (None,)),  # too small
        ({"model": 2}, "a/expand/kernel", (64, 128), (None, "model")),
        ({"model": 2}, "a/expand/bias", (128,), ("model",)),
        ({"model": 2, "fsdp": 4}, "a/expand/kernel", (64, 128), ("fsdp", "model")),
        ({"model": 2, "fsdp": 4}, "optimizer/0/mu/a/contract/kernel", (128, 64), ("model", "fsdp")),
        ({"model": 2}, "optimizer/count/expand/kernel", (), ()),  # a scalar kept for a parameter
        ({"model": 2}, "optimizer/0/v/a/expand/kernel", (1,), (None,)),  # a factored moment's place
    ],
)
def test_partitions(sizes, path, shape, expected):
    assert layout(**sizes).partition(path, shape) == PartitionSpec(*expected)


def test_a_rule_that_does_not_divide_is_named():
    with pytest.raises(ConfigError, match=r"mesh\.rules: 'expand.*axis 1 of a/expand/kernel .*over mesh\.model=2"):
        layout(model=2).partition("a/expand/kernel", (64, 129))


def test_the_first_rule_decides():
    rules = (Rule("special/expand/kernel$", (None, None)), *RULES)
    assert layout(model=2, rules=rules).partition("special/expand/kernel", (64, 128)) == PartitionSpec(None, None)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"data": 3}, "needs 3 devices, but there is 1 device here"),
        ({"data": -1, "fsdp": -1}, "one of them may be -1"),
        ({"data": 0}, "sizes are at least 1"),
        ({"fsdp": 2}, "needs a multiple of 2 devices"),
        ({"rules": [["(", ["model"]]]}, "no regular expression"),
        ({"rules": [["kernel", ["modle"]]]}, "'modle'. There are: data, fsdp, model"),
    ],
)
def test_mistakes_are_sentences(arguments, message):
    with pytest.raises(ConfigError, match=message):
        make_layout(**arguments)


def test_a_batch_that_does_not_divide_names_the_nearest():
    with pytest.raises(ConfigError, match=r"trainer\.batch_size=30 does not divide over 8 devices\. Nearest: .*=32"):
        check_batch(layout(data=4, fsdp=2), 30, "trainer.batch_size")


def test_alone_every_share_is_everything():
    alone = make_layout()
    assert alone.process_share == (0, 1)
    batch = {"x": np.arange(6.0).reshape(3, 2)}
    for put in (alone.put_share, alone.put_batch, alone.put_whole):
        np.testing.assert_array_equal(jax.device_get(put(batch))["x"], batch["x"])


def test_micro_batches_divide_over_devices_too():
    with pytest.raises(ConfigError, match=r"=100 .*over 8 devices in 4 micro-batches\. Nearest: .*=96"):
        check_batch(layout(data=8), 100, "trainer.batch_size", 4)
    check_batch(layout(data=8), 96, "trainer.batch_size", 3)


def chips(side, slices=1):
    """A square slice of chips as JAX tells of them, four to a host, two by two."""
    found = []
    for number in range(slices):
        for y in range(side):
            for x in range(side):
                host = number * (side // 2) ** 2 + (side // 2) * (y // 2) + x // 2
                kind = {"platform": "tpu", "device_kind": "TPU v5 lite", "core_on_chip": 0, "slice_index": number}
                place = {"coords": (x, y, 0), "process_index": host, "id": len(found)}
                found.append(SimpleNamespace(**kind, **place))
    return found


@pytest.mark.parametrize("side, slices", [(4, 1), (8, 1), (16, 1), (4, 2)])
@pytest.mark.parametrize("model", [1, 2])
def test_every_host_feeds_one_part_of_a_batch(side, slices, model):
    """JAX puts chips in the order of their links, in which those of a host need not be neighbours."""
    devices = chips(side, slices)
    arranged = _arranged((len(devices) // model, 1, model), devices, is_part=False)
    assert {device.id for device in arranged.flat} == set(range(len(devices)))
    hosts = [device.process_index for device in arranged[:, 0, 0]]
    changes = sum(one != other for one, other in itertools.pairwise(hosts))
    assert changes == len(set(hosts)) - 1


def test_slices_that_nothing_divides_over_are_a_sentence():
    with pytest.raises(ConfigError, match=r"neither mesh\.data=1 nor mesh\.fsdp=1 divides over 2 slices"):
        _arranged((1, 1, 32), chips(4, 2), is_part=False)
