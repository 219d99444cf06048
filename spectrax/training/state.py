"""The train state: everything a checkpoint must hold to continue a run exactly, as plain trees of arrays."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from spectrax.core import randomness, trees
from spectrax.core.protocols import Task
from spectrax.parallel.layout import Layout


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """One moment of training.

    Attributes:
        step: optimizer steps taken, int32 scalar.
        parameters: float32 leaves, nested dicts with string keys.
        statistics: the model's other variables, such as BatchNorm's running moments.
        optimizer: optax state.
        average: exponential moving average of the parameters; {} when there is none.
        extra: the task's own state.
    """

    step: jax.Array
    parameters: trees.Tree
    statistics: trees.Tree
    optimizer: Any
    average: trees.Tree
    extra: Any

    @property
    def evaluated(self) -> trees.Tree:
        """The weights that evaluation, prediction and export use: the average where there is one."""
        return {"parameters": self.average or self.parameters, "statistics": self.statistics}


def model_graph(
    make_model: Callable[..., nnx.Module], change: Callable[[nnx.Module], nnx.Module] = lambda model: model
) -> Any:
    """The graph definition of the model after a `change`, found without allocating it."""
    return trees.split_module(change(trees.abstract_module(make_model)))[0]


def abstract_weights(make_model: Callable[..., nnx.Module], layout: Layout) -> tuple[Any, Any]:
    """The graph definition, and what `TrainState.evaluated` looks like as shapes with shardings, to restore into."""
    graph, parameters, statistics = trees.split_module(trees.abstract_module(make_model))
    weights = {"parameters": parameters, "statistics": statistics}
    return graph, layout.state(weights)


def create_state(
    make_model: Callable[..., nnx.Module],
    optimizer: optax.GradientTransformation,
    task: Task,
    averaging: bool,
    seed: int,
    weights: Mapping[str, trees.Tree] | None = None,
) -> TrainState:
    """A state at step 0, drawn from `seed`; traceable, so that it can be created under jit with its shardings.

    Args:
        averaging: whether it holds a moving average of the parameters.
        weights: parameters and statistics instead of drawn ones.
    """
    key = randomness.root_key(seed)
    model = make_model(rngs=randomness.parameter_keys(randomness.stream(key, "parameters")))
    graph, parameters, statistics = trees.split_module(model)
    if weights is not None:
        parameters, statistics = weights["parameters"], weights["statistics"]
        model = trees.merge_module(graph, parameters, statistics)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        parameters=parameters,
        statistics=statistics,
        optimizer=optimizer.init(parameters),
        average=jax.tree.map(jnp.copy, parameters) if averaging else {},
        extra=task.init(model, randomness.stream(key, "task")),
    )
