"""Optimizers and schedules by yaml: which parameters decay, and values that make no sense."""

import functools

import jax
import numpy as np
import optax
import pytest

from spectrax.core.errors import ConfigError
from spectrax.training.optimizers import Optimizer
from spectrax.training.schedules import constant, in_float32, warmup_cosine, warmup_cosine_epochs


def test_weight_decay_spares_vectors_and_named_paths():
    parameters = {"block": {"kernel": np.ones((2, 2)), "bias": np.ones(2), "gate": np.ones((2, 2, 2))}}
    mask = Optimizer(optax.adamw, no_decay=["gate$"]).decay_mask(parameters)
    assert mask == {"block": {"kernel": True, "bias": False, "gate": False}}
    mask = Optimizer(optax.adamw, no_decay_vectors=False).decay_mask(parameters)
    assert all(jax.tree.leaves(mask))


@pytest.mark.parametrize(
    "method",
    [
        functools.partial(optax.adamw, weight_decay=0.5),
        functools.partial(optax.lars, weight_decay=0.5),
        functools.partial(optax.adafactor, weight_decay_rate=0.5),
        functools.partial(optax.lamb, weight_decay=0.5),
    ],
)
def test_every_method_with_a_mask_obeys_it(method):
    """With no gradient, only what decays moves."""
    parameters = {"kernel": np.ones((2, 2), np.float32), "bias": np.ones(2, np.float32)}
    rule = Optimizer(method).build(optax.constant_schedule(0.1))
    zero = jax.tree.map(np.zeros_like, parameters)
    updates, _ = rule.update(zero, rule.init(parameters), parameters)
    assert np.all(np.abs(updates["kernel"]) > 0) and np.all(updates["bias"] == 0)


def test_a_method_that_cannot_spare_what_should_be_spared_is_refused():
    method = functools.partial(optax.novograd, weight_decay=0.1)
    with pytest.raises(ConfigError, match=r"decays every parameter alike.*optimizer\.l2"):
        Optimizer(method)
    Optimizer(method, no_decay_vectors=False)
    Optimizer(functools.partial(optax.novograd, weight_decay=0.0))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"no_decay": ["["]}, r"optimizer\.no_decay: '\[' is not a regular expression"),
        ({"clip_norm": 0.0}, r"optimizer\.clip_norm"),
        ({"l2": -1.0}, r"optimizer\.l2"),
    ],
)
def test_values_that_make_no_sense_are_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        Optimizer(optax.adamw, **changes)


def test_a_schedule_may_be_zero_and_ends_where_it_says():
    still = warmup_cosine(peak=0.0, end=0.0, warmup_steps=0, total_steps=10, steps_per_epoch=5.0)
    assert float(still(3)) == 0.0
    schedule = warmup_cosine(peak=1.0, end=0.25, warmup_steps=0, total_steps=10, steps_per_epoch=5.0)
    np.testing.assert_allclose([schedule(0), schedule(10)], [1.0, 0.25], rtol=1e-6)


def test_a_learning_rate_may_be_written_as_a_whole_number():
    schedule = in_float32(constant(peak=3, total_steps=10, steps_per_epoch=1.0))
    rate = jax.jit(schedule)(np.int32(1))
    assert rate.dtype == np.float32 and rate == 3


PAPER = {"peak": 1e-3, "end": 1e-5, "start": 1e-6, "warmup_epochs": 5}


def timm(epoch):
    """The rate that the released scripts set by the number of an epoch."""
    if epoch < 5:
        return 1e-6 + epoch * (1e-3 - 1e-6) / 5
    return 1e-5 + 0.5 * (1e-3 - 1e-5) * (1 + np.cos(np.pi * epoch / 310))


@pytest.mark.parametrize("lag", [True, False])
def test_a_rate_for_each_epoch_may_lag_by_one(lag):
    """At ImageNet's own number of steps, which is no whole number in an epoch."""
    per_epoch = 1_281_167 / 1024
    total = int(np.ceil(310 * per_epoch))
    schedule = jax.jit(warmup_cosine_epochs(**PAPER, lag=lag, total_steps=total, steps_per_epoch=per_epoch))
    for epoch in (0, 1, 2, 5, 6, 154, 309):
        first, last = np.ceil(epoch * per_epoch), np.ceil((epoch + 1) * per_epoch) - 1
        expected = timm(max(0, epoch - 1) if lag else epoch)
        for step in (first, last):
            assert float(schedule(np.int32(step))) == pytest.approx(expected, rel=1e-5), (epoch, step)


def test_a_short_run_has_rates_too():
    for total, per_epoch in ((3, 1251.1), (7, 1.0), (1, 0.5)):
        schedule = warmup_cosine_epochs(**PAPER, total_steps=total, steps_per_epoch=per_epoch)
        assert all(0 < schedule(step) <= 1e-3 for step in range(total))
    with pytest.raises(ConfigError, match=r"schedule\.warmup_epochs=0\.5"):
        warmup_cosine_epochs(peak=1.0, warmup_epochs=0.5, total_steps=9, steps_per_epoch=2.0)
