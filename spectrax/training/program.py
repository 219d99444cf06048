"""The compiled functions of a run: create, train, evaluate, predict, each with its shardings, each traced once."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core import trees
from spectrax.core.protocols import Batch, Loader, Task
from spectrax.parallel.mesh import batch_sharding, replicated
from spectrax.training import finite
from spectrax.training.state import TrainState, create_state
from spectrax.training.step import StepRule, train_steps

_PLAINLY_ON_CPU = {"xla_backend_optimization_level": 0}


@dataclasses.dataclass(frozen=True)
class StepCost:
    """What one training step costs.

    Attributes:
        flops: floating-point operations over all devices, as lowered; None where XLA does not say.
        memory_bytes: peak per device, parameters, optimizer state and resident data included; None likewise.
    """

    flops: float | None
    memory_bytes: int | None


class Inference:
    """Evaluation and prediction with given weights."""

    def __init__(self, graph: Any, task: Task, mesh: jax.sharding.Mesh):
        whole, split = replicated(mesh), batch_sharding(mesh)

        def metrics(weights: Any, batch: Batch) -> Mapping[str, Any]:
            return task.metrics(trees.merge_module(graph, **weights), batch)

        def predict(weights: Any, inputs: Any) -> Any:
            return task.predict(trees.merge_module(graph, **weights), inputs)

        self._task = task
        self._split = split
        self._metrics = jax.jit(metrics, in_shardings=(whole, split), out_shardings=whole)
        self._predict = jax.jit(predict, in_shardings=(whole, split), out_shardings=whole)

    def evaluate(self, weights: Any, batches: Iterable[Batch]) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Scalar metrics of a whole split, and the sums they come from (float64, added batch by batch in order)."""
        sums = [self._metrics(weights, jax.device_put(batch, self._split)) for batch in batches]
        totals: dict[str, np.ndarray] = {}
        for part in jax.device_get(sums):
            for name, value in part.items():
                totals[name] = totals.get(name, 0.0) + np.asarray(value, np.float64)
        return self._task.reduce(totals), totals

    def metric_names(self, weights: Any, batch: Batch) -> list[str]:
        """What `evaluate` will measure, known from shapes alone."""
        sums = jax.eval_shape(self._metrics, weights, batch)
        return list(self._task.reduce({name: np.ones(value.shape) for name, value in sums.items()}))

    def predict(self, weights: Any, inputs: Any) -> Any:
        """Host outputs of `task.predict`; the batch is padded to divide over the devices."""
        devices = self._split.mesh.size
        size = jax.tree.leaves(inputs)[0].shape[0]
        padded = jax.tree.map(lambda leaf: _pad(leaf, -size % devices), inputs)
        outputs = self._predict(weights, jax.device_put(padded, self._split))
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:size], outputs)


class Program(Inference):
    """Everything `Inference` does, and training.

    Args:
        calls: the most steps in one call of `train`.
        donate: whether `train` may reuse the memory of the state that it is given.
    """

    def __init__(
        self,
        rule: StepRule,
        make_model: Callable[..., Any],
        loader: Loader,
        mesh: jax.sharding.Mesh,
        calls: int,
        donate: bool = True,
    ):
        super().__init__(rule.graph, rule.task, mesh)
        whole = replicated(mesh)
        self.graph, self._rule = rule.graph, rule
        self._stacked = batch_sharding(mesh, batch_axis=1)
        self._calls = calls
        self._loader, self._whole = loader, whole
        resident = jax.tree.map(lambda leaf: _shaped(leaf, whole), loader.resident_shapes)
        create = functools.partial(
            create_state, make_model, rule.optimizer, rule.task, rule.average_decay is not None, rule.seed
        )
        # Initialisation runs once: on CPU, optimizing it takes three times as long as compiling it plainly.
        on_cpu = mesh.devices.flat[0].platform == "cpu"
        self._plainly = dict(_PLAINLY_ON_CPU) if on_cpu else None
        self._create = jax.jit(create, out_shardings=whole, compiler_options=self._plainly)
        self.abstract_state = jax.tree.map(lambda leaf: _shaped(leaf, whole), jax.eval_shape(create))
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), loader.example_feed())
        self._batch = jax.eval_shape(loader.fetch, resident, shapes)
        self.leaf_names = finite.leaf_names(self._batch, self.abstract_state.parameters)
        self.parameters = trees.parameter_count(self.abstract_state.parameters)
        self._lower = functools.partial(
            jax.jit(
                functools.partial(train_steps, rule, loader),
                donate_argnums=0 if donate else (),
                in_shardings=(whole, whole, self._stacked, whole),
                out_shardings=whole,
            ).lower,
            self.abstract_state,
            resident,
            self._stack_shapes(shapes),
            jnp.int32(1),
        )
        self.compile_seconds = 0.0
        self._lowered: Any = None
        self._train: Any = None

    @functools.cached_property
    def _resident(self) -> Any:
        """What the loader keeps on the devices, put there when it is first wanted."""
        return jax.device_put(self._loader.resident, self._whole)

    def trace(self) -> None:
        """Trace the training step, if that was not done yet."""
        self._lowered = self._lowered or self._lower()

    def compile(self) -> None:
        """Compile the training step; needed once, before `train`."""
        start = time.perf_counter()
        self.trace()
        self._train = self._lowered.compile()
        self.compile_seconds += time.perf_counter() - start

    def cost(self) -> StepCost:
        """What one training step costs, by the compiler's own count; a step that is not compiled yet is, quickly, and
        not for training."""
        self.trace()
        compiled = self._train or self._lowered.compile(self._plainly)
        flops = (self._lowered.cost_analysis() or {}).get("flops")
        return StepCost(flops, _memory_bytes(compiled))

    def metrics(self) -> list[str]:
        """The names of what evaluation measures."""
        size = jax.tree.leaves(self._batch)[0].shape[0]
        mask = jax.ShapeDtypeStruct((size,), jnp.bool_)
        return self.metric_names(self.abstract_state.evaluated, {**self._batch, "mask": mask})

    def create(self) -> TrainState:
        """A fresh state, born with its shardings."""
        start = time.perf_counter()
        state = self._create()
        self.compile_seconds += time.perf_counter() - start
        return state

    def train(self, state: TrainState, feeds: list[Any]) -> tuple[TrainState, Mapping[str, jax.Array]]:
        """Take one step per feed (at most `calls`); `state` is donated."""
        padded = feeds + [feeds[-1]] * (self._calls - len(feeds))
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *padded)
        return self._train(state, self._resident, jax.device_put(stacked, self._stacked), np.int32(len(feeds)))

    def close(self) -> None:
        """Nothing to end."""

    def memory_bytes(self) -> int | None:
        """Peak memory of a step per device as the compiler estimates it; None where it does not say."""
        return _memory_bytes(self._train)

    def _stack_shapes(self, shapes: Any) -> Any:
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((self._calls, *leaf.shape), leaf.dtype), shapes)


def _shaped(leaf: Any, sharding: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _memory_bytes(compiled: Any) -> int | None:
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    held = analysis.argument_size_in_bytes + analysis.output_size_in_bytes - analysis.alias_size_in_bytes
    return held + analysis.temp_size_in_bytes


def _pad(leaf: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([leaf, np.repeat(leaf[-1:], count, axis=0)]) if count else leaf
