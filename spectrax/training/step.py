"""One training step, and several of them inside one jitted call."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from spectrax.core import randomness, trees
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch, Callback, Loader, Task, Update
from spectrax.parallel import global_batch
from spectrax.training import finite
from spectrax.training.state import TrainState

STOP = "stop"  # in the report of a call, when there are several processes: whether one of them was asked to stop


@dataclasses.dataclass(frozen=True)
class StepRule:
    """All that is static in a step.

    Attributes:
        graph: the model's graph definition.
        accumulate: micro-batches per step; gradients are averaged over them before the update.
        average_decay: decay of the exponential moving average of the parameters per step; None for no average.
        callbacks: what measures each step.
        watching: a context manager for the model while it is called, see `module_calls`.
        checked: whether a step looks for values that are not finite, see `finite`.
        gathered: parameters as a step computes with them, see `Layout.gathered`.
        held: parameters as gradients are taken of them, see `Freezing.held`.
    """

    graph: Any
    task: Task
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule
    seed: int
    accumulate: int = 1
    average_decay: float | None = None
    callbacks: Sequence[Callback] = ()
    watching: Callable[[Any], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    checked: bool = True
    gathered: Callable[[trees.Tree], trees.Tree] = lambda parameters: parameters
    held: Callable[[trees.Tree], trees.Tree] = lambda parameters: parameters


def train_step(rule: StepRule, state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
    """Gradient, update, average: the next state and the step's scalar metrics.

    The batch is the whole one, or in a region that runs once per device its part of it, see `global_batch`.
    """
    gradients, statistics, extra, metrics = global_batch.mean(_gradients(rule, state, batch))
    changes, optimizer_state = rule.optimizer.update(gradients, state.optimizer, state.parameters)
    parameters = optax.apply_updates(state.parameters, changes)
    update = Update(state.step, rule.schedule(state.step), state.parameters, gradients, changes, parameters)
    measured = {**metrics, **_measured(rule, update, taken={"loss", *metrics})}
    if rule.checked:
        measured |= finite.first_bad_leaf(state.step, batch, state.parameters, metrics, gradients, parameters)
    return (
        TrainState(
            step=state.step + 1,
            parameters=parameters,
            statistics=statistics,
            optimizer=optimizer_state,
            average=_averaged(rule, state, parameters),
            extra=extra,
        ),
        measured,
    )


def _measured(rule: StepRule, update: Update, taken: set[str]) -> dict[str, jax.Array]:
    """What the callbacks measure. Raises `ConfigError` for a name that is taken, or a value that is no scalar."""
    measured: dict[str, jax.Array] = {}
    for callback in rule.callbacks:
        for name, value in callback.measure(update).items():
            kind = type(callback).__name__
            if name in taken or name in measured:
                raise ConfigError(f"callback: {kind} measures {name!r}, which is the name of another metric.")
            if jnp.shape(value) != ():
                raise ConfigError(f"callback: {kind} measures {name!r} with shape {jnp.shape(value)}; give a scalar.")
            measured[name] = _scalar(value)
    return measured


def _scalar(value: Any) -> jax.Array:
    """A metric as a float: what is told of several steps or devices is a mean."""
    return jnp.asarray(value, jnp.promote_types(jnp.result_type(value), jnp.float32))


def train_steps(
    rule: StepRule, loader: Loader, state: TrainState, resident: Any, feeds: Any, count: jax.Array, stops: Any = None
) -> tuple[TrainState, Mapping[str, jax.Array]]:
    """`count` steps over the first `count` of the stacked feeds, with metrics averaged over them.

    `count` is traced, so one compiled program serves every call length up to the length of the stack: a call is cut
    short where a save, an evaluation or the end of the run falls. `stops`, if given, are the processes' wishes to stop:
    the report says whether there is one.
    """
    state, report = _train_steps(rule, loader, state, resident, feeds, count)
    return state, report if stops is None else {**report, STOP: global_batch.maximum(jnp.max(stops))}


def _train_steps(
    rule: StepRule, loader: Loader, state: TrainState, resident: Any, feeds: Any, count: jax.Array
) -> tuple[TrainState, Mapping[str, jax.Array]]:

    def fetch(index: int | jax.Array) -> Batch:
        return loader.fetch(resident, jax.tree.map(lambda leaf: leaf[index], feeds))

    length = jax.tree.leaves(feeds)[0].shape[0]
    if length == 1:
        return train_step(rule, state, fetch(0))

    # Traced once: for the metrics' shapes, and known again in the loop.
    step = jax.jit(functools.partial(train_step, rule))

    def body(index: jax.Array, carry: tuple[TrainState, Any]) -> tuple[TrainState, Any]:
        state, running = carry
        state, metrics = step(state, fetch(index))
        return state, finite.accumulate(running, metrics, count)

    _, shapes = jax.eval_shape(lambda: step(state, fetch(0)))
    return jax.lax.fori_loop(0, count, body, (state, finite.zeros(shapes)))


def _gradients(rule: StepRule, state: TrainState, batch: Batch) -> tuple[Any, trees.Tree, Any, dict[str, jax.Array]]:
    """Gradients averaged over micro-batches, with the statistics and task state after the last of them."""
    key = randomness.step_key(rule.seed, state.step)

    def loss(parameters: trees.Tree, statistics: trees.Tree, extra: Any, part: Batch, key: jax.Array) -> Any:
        model = trees.merge_module(rule.graph, rule.gathered(rule.held(parameters)), statistics)
        with rule.watching(model):
            value, (extra, metrics) = rule.task.loss("main", model, part, extra, key)
        told = {name: _scalar(one) for name, one in {"loss": value, **metrics}.items()}
        return value, (trees.module_state(model), extra, told)

    gradient: Callable[..., Any] = jax.value_and_grad(loss, has_aux=True)
    if rule.accumulate == 1:
        (_, (statistics, extra, metrics)), gradients = gradient(
            state.parameters, state.statistics, state.extra, batch, key
        )
        return gradients, statistics, extra, metrics

    def micro_step(carry: Any, indexed: tuple[jax.Array, Batch]) -> tuple[Any, dict[str, jax.Array]]:
        total, statistics, extra = carry
        index, part = indexed
        (_, (statistics, extra, metrics)), gradients = gradient(
            state.parameters, statistics, extra, part, jax.random.fold_in(key, index)
        )
        return (jax.tree.map(jnp.add, total, gradients), statistics, extra), metrics

    # Example i goes to micro-batch i mod k: the batch axis, which is sharded, keeps its place in the reshape.
    k = rule.accumulate
    parts = jax.tree.map(lambda leaf: jnp.moveaxis(leaf.reshape(-1, k, *leaf.shape[1:]), 1, 0), batch)
    start = (jax.tree.map(jnp.zeros_like, state.parameters), state.statistics, state.extra)
    (total, statistics, extra), metrics = jax.lax.scan(micro_step, start, (jnp.arange(k), parts))
    mean = {name: jnp.mean(values) for name, values in metrics.items()}
    return jax.tree.map(lambda leaf: leaf / k, total), statistics, extra, mean


def _averaged(rule: StepRule, state: TrainState, parameters: trees.Tree) -> trees.Tree:
    """The moving average after this step, warmed up as (1 + t) / (10 + t) so that early weights are forgotten."""
    if rule.average_decay is None:
        return state.average
    decay = jnp.minimum(rule.average_decay, (1.0 + state.step) / (10.0 + state.step))
    # In this form what does not move stays to the bit.
    return jax.tree.map(lambda old, new: old + (1 - decay) * (new - old), state.average, parameters)
