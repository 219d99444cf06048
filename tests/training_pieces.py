"""A small real experiment for tests of the loop: a two-layer network with dropout and BatchNorm on separable clouds."""

import dataclasses
import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from spectrax.callbacks.monitors import GradientNorm, LearningRate
from spectrax.core.protocols import Experiment
from spectrax.nn.normalisation import BatchNorm
from spectrax.parallel import global_batch
from spectrax.parallel.layout import make_layout
from spectrax.tasks.classification import Classification
from spectrax.training.gradient import Gradient
from spectrax.training.optimizers import Optimizer
from spectrax.training.schedules import constant
from spectrax.writers.csv import CsvWriter


class Network(nnx.Module):
    """Flatten -> linear -> BatchNorm -> dropout -> linear."""

    def __init__(self, width=16, *, rngs):
        self.first = nnx.Linear(8, width, use_bias=False, rngs=rngs)  # BatchNorm would take a bias away
        self.norm = BatchNorm(width)
        self.layers = nnx.List([nnx.Linear(width, 3, rngs=rngs)])

    def __call__(self, inputs, *, train, key=None):
        hidden = self.first(inputs.reshape(inputs.shape[0], -1))
        hidden = jax.nn.relu(self.norm(hidden, train=train))
        if train:
            kept = global_batch.draw(lambda key, shape: jax.random.bernoulli(key, 0.9, shape), key, hidden.shape)
            hidden = hidden * kept / 0.9
        return self.layers[0](hidden)


class Undrawn(Classification):
    """Draws no figures, which take longer than everything else in a run of this size."""

    def figures(self, predict, batch, totals):
        return {}


class ArrayLoader:
    """A resident loader over arrays made from a seed."""

    def __init__(self, batch_size=16, evaluation_size=12, splits=("train", "validation", "test")):
        self.batch_size, self.evaluation_size = batch_size, evaluation_size
        self.splits = {name: clouds(seed, 40) for seed, name in enumerate(splits)}
        self.resident = self.splits["train"]

    @property
    def resident_shapes(self):
        return jax.eval_shape(lambda: self.resident)

    def examples(self, split):
        return len(self.splits[split]["label"]) if split in self.splits else 0

    def feeds(self, start_step, process=(0, 1)):
        step = start_step
        while True:
            feed = np.random.default_rng(step).integers(0, 40, self.batch_size).astype(np.int32)
            yield np.split(feed, process[1])[process[0]]
            step += 1

    def example_feed(self, process=(0, 1)):
        return np.zeros(self.batch_size, np.int32)

    def fetch(self, resident, feed):
        return {name: jnp.take(array, feed, axis=0) for name, array in resident.items()}

    def evaluation(self, split, process=(0, 1)):
        arrays = self.splits[split]
        count = self.evaluation_size // process[1]
        for start in range(process[0] * count, 40 + process[0] * count, self.evaluation_size):
            rows = np.arange(start, start + count)
            batch = {name: array[np.minimum(rows, 39)] for name, array in arrays.items()}
            yield {**batch, "mask": rows < 40}


def clouds(seed, count):
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 3, count).astype(np.int32)
    centres = np.random.default_rng(99).normal(size=(3, 2, 4, 1))
    image = (centres[label] + 0.5 * generator.normal(size=(count, 2, 4, 1))).astype(np.float32)
    return {"image": image, "label": label}


def trainer(**changes):
    fields = {
        "optimizer": Optimizer(functools.partial(optax.adamw, weight_decay=0.01)),
        "schedule": functools.partial(constant, peak=1e-2),
        "steps": 30,
        "batch_size": 16,
        "eval_batch_size": 12,
        "steps_per_call": 4,
        "log_every": 5,
        "evaluate_every_steps": 10,
    }
    return Gradient(**{**fields, **changes})


def experiment(run_dir, width=16, **changes):
    fields = {
        "name": "clouds",
        "run_dir": Path(run_dir),
        "seed": 0,
        "make_model": functools.partial(Network, width),
        "dataset": None,
        "loader": ArrayLoader(),
        "task": Undrawn(num_classes=3),
        "layout": make_layout(1),
        "writers": [CsvWriter()],
        "callbacks": {"learning_rate": LearningRate(), "gradient_norm": GradientNorm()},
    }
    Path(run_dir).mkdir(parents=True, exist_ok=True)
    return dataclasses.replace(Experiment(**fields), **changes)
