"""`trainer.debug` and the limits: slower or smaller, with the same numbers, and more to see."""

import csv
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from training_pieces import ArrayLoader, Network, experiment, trainer

from spectrax.core.errors import ConfigError, NonFiniteLoss
from spectrax.training.limits import Limited
from spectrax.training.optimizers import Optimizer


def values(run_dir):
    with open(run_dir / "metrics.csv", newline="") as file:
        return {(row["step"], row["split"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}


# Plain descent: Adam would blow the rounding of gradients that are zero up to whole steps.
PLAIN = {"optimizer": Optimizer(optax.sgd)}
FEW = {"steps": 4, "steps_per_call": 1, "log_every": 1, "evaluate_every_steps": 4}


@pytest.mark.parametrize("mode", [pytest.param("eager", marks=pytest.mark.thorough), "nans"])
def test_every_mode_computes_the_same(mode, tmp_path):
    two = {**FEW, **PLAIN, "steps": 2, "evaluate_every_steps": 2}
    for name in (None, mode):
        trainer(**two, debug=name).run(experiment(tmp_path / str(name)))
    usual, other = values(tmp_path / "None"), values(tmp_path / mode)
    assert usual.keys() == other.keys()
    for key, value in usual.items():
        assert other[key] == pytest.approx(value, rel=1e-4, abs=1e-6), key
    assert not jax.config.jax_disable_jit and not jax.config.jax_debug_nans  # nothing is left switched on


class Logarithm(nnx.Module):
    """Takes the logarithm of what may be negative."""

    def __call__(self, x):
        return jnp.log(x)


class Fragile(Network):
    """A network with a layer that gives NaN as soon as it sees a negative number."""

    def __init__(self, *, rngs):
        super().__init__(rngs=rngs)
        self.logarithm = Logarithm()

    def __call__(self, inputs, *, train, key=None):
        hidden = self.first(inputs.reshape(inputs.shape[0], -1))
        return super().__call__(inputs, train=train, key=key) + 0 * jnp.sum(self.logarithm(hidden))


def test_nan_names_leaf_layer_and_operation(tmp_path):
    with pytest.raises(NonFiniteLoss) as caught:
        trainer(**FEW, debug="nans").run(experiment(tmp_path, make_model=Fragile))
    said = str(caught.value)
    assert "no longer finite at step 1" in said and "metric loss" in said
    assert "The first layer whose output is not finite is logarithm (Logarithm); its inputs are finite." in said
    assert "JAX: invalid value (nan) encountered in log" in said


def test_nan_says_when_no_layer_is_to_blame(tmp_path):
    from spectrax.training.schedules import constant

    with pytest.raises(NonFiniteLoss, match="outputs of all layers are finite"):
        trainer(**FEW, debug="nans", schedule=functools.partial(constant, peak=1e39)).run(experiment(tmp_path))


def test_a_profile_names_steps_and_modules_even_of_a_short_run(tmp_path):
    trainer(**FEW, debug="profile").run(experiment(tmp_path))
    traces = list((tmp_path / "profile").rglob("*.xplane.pb"))
    assert len(traces) == 1
    recorded = traces[0].read_bytes()
    assert b"first.Linear" in recorded and b"train" in recorded
    assert list((tmp_path / "profile").rglob("perfetto_trace.json.gz"))


def test_limited_data():
    loader = ArrayLoader()
    limited = Limited(loader, train=2, evaluation=1)
    feeds = limited.feeds(3)
    usual = loader.feeds(0)
    first, second = next(usual), next(usual)
    for expected in (second, first, second):
        np.testing.assert_array_equal(next(feeds), expected)
    assert len(list(limited.evaluation("test"))) == 1 and limited.examples("train") == 40
    assert len(list(Limited(loader, None, None).evaluation("test"))) == 4


def test_one_batch_is_learnt_by_heart(tmp_path):
    summary = trainer(steps=150, limit_train_batches=1, limit_eval_batches=1).run(experiment(tmp_path))
    assert values(tmp_path)["150", "train", "loss"] < 0.2
    assert json.loads((tmp_path / "summary.json").read_text())["step"] == summary.step == 150


def test_modes_that_take_single_steps_say_so():
    with pytest.raises(ConfigError, match=r"trainer\.steps_per_call=1"):
        trainer(debug="nans", steps_per_call=2)
    with pytest.raises(ConfigError, match="limit_eval_batches=0"):
        trainer(limit_eval_batches=0)
