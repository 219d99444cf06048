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
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch, Loader, Task
from spectrax.parallel.layout import Layout
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

    def __init__(self, graph: Any, task: Task, layout: Layout):

        def metrics(weights: Any, batch: Batch) -> Mapping[str, Any]:
            return task.metrics(trees.merge_module(graph, **layout.gathered(weights)), batch)

        def predict(weights: Any, inputs: Any) -> Any:
            return task.predict(trees.merge_module(graph, **layout.gathered(weights)), inputs)

        self.layout = layout
        self._task = task
        self._metrics = jax.jit(metrics, out_shardings=layout.whole)
        self._predict = jax.jit(predict, out_shardings=layout.whole)

    def evaluate(self, weights: Any, batches: Iterable[Batch]) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Scalar metrics of a whole split, and the sums they come from (float64, added batch by batch in order).

        Args:
            batches: this process's share of each batch, see `Layout.process_share`.
        """
        with jax.set_mesh(self.layout.mesh):
            sums = [self._metrics(weights, self.layout.put_share(batch)) for batch in batches]
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
        """Host outputs of `task.predict` for inputs that every process holds whole; padded to divide over devices."""
        size = jax.tree.leaves(inputs)[0].shape[0]
        padded = jax.tree.map(lambda leaf: _pad(leaf, -size % self.layout.batch_shards), inputs)
        with jax.set_mesh(self.layout.mesh):
            outputs = self._predict(weights, self.layout.put_batch(padded))
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
        layout: Layout,
        calls: int,
        donate: bool = True,
    ):
        super().__init__(rule.graph, rule.task, layout)
        self.graph, self._rule = rule.graph, rule
        self._loader, self._calls, self._donate = loader, calls, donate
        self._said = functools.cache(layout.said_by_each)
        create = functools.partial(
            create_state, make_model, rule.optimizer, rule.task, rule.average_decay is not None, rule.seed
        )
        self.abstract_state = layout.state(jax.eval_shape(create))
        # Initialisation runs once: on CPU, optimizing it takes three times as long as compiling it plainly.
        on_cpu = layout.mesh.devices.flat[0].platform == "cpu"
        self._plainly = dict(_PLAINLY_ON_CPU) if on_cpu else None
        shardings = jax.tree.map(lambda leaf: leaf.sharding, self.abstract_state)
        self._create = jax.jit(create, out_shardings=shardings, compiler_options=self._plainly)
        self._batch = jax.eval_shape(loader.fetch, loader.resident_shapes, loader.example_feed())
        self._batch_size = jax.tree.leaves(self._batch)[0].shape[0]
        self.leaf_names = finite.leaf_names(self._batch, self.abstract_state.parameters)
        self.parameters = trees.parameter_count(self.abstract_state.parameters)
        self.compile_seconds = 0.0
        self._lowered: Any = None
        self._train: Any = None

    def lower(self) -> jax.stages.Lowered:
        """Trace the training step for this layout; nothing is allocated."""
        layout = self.layout
        shardings = jax.tree.map(lambda leaf: leaf.sharding, self.abstract_state)
        step = jax.jit(
            functools.partial(train_steps, self._rule, self._loader),
            donate_argnums=0 if self._donate else (),
            out_shardings=(shardings, layout.whole),
        )
        resident = _shaped(self._loader.resident_shapes, layout.whole)
        feeds = _shaped(self._stacked(self._loader.example_feed()), layout.batch(axis=1))
        return step.lower(self.abstract_state, resident, feeds, np.int32(1), self._stop_shapes())

    @functools.cached_property
    def _resident(self) -> Any:
        """What the loader keeps on the devices, put there when it is first wanted."""
        return self.layout.put_whole(self._loader.resident)

    def trace(self) -> None:
        """Trace the training step, if that was not done yet."""
        self._lowered = self._lowered or self.lower()

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
        mask = jax.ShapeDtypeStruct((self._batch_size,), jnp.bool_)
        return self.metric_names(self.abstract_state.evaluated, {**self._batch, "mask": mask})

    def create(self) -> TrainState:
        """A fresh state, born with its shardings."""
        start = time.perf_counter()
        state = self._create()
        self.compile_seconds += time.perf_counter() - start
        return state

    def train(
        self, state: TrainState, feeds: list[Any], stop: bool = False
    ) -> tuple[TrainState, Mapping[str, jax.Array]]:
        """Take one step per feed (at most `calls`); `state` is donated.

        Args:
            feeds: this process's share of each, see `Layout.process_share`.
            stop: whether this process was asked to stop: all of them read it in the report of the call, so that they
                agree on a step.
        """
        padded = feeds + [feeds[-1]] * (self._calls - len(feeds))
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *padded)
        return self._train(state, self._resident, self._placed(stacked), np.int32(len(feeds)), self._stops(stop))

    def _placed(self, stacked: Any) -> Any:
        return self.layout.put_share(stacked, axis=1)

    def _stops(self, stop: bool) -> Any:
        """Of every device, whether its process was asked to stop; None when there is one process only."""
        return None if jax.process_count() == 1 else self._said(int(stop))

    def _stop_shapes(self, share: int = 1) -> Any:
        several = jax.process_count() > 1
        return _shaped(np.zeros(self.layout.mesh.size // share, np.int32), self.layout.apart) if several else None

    def close(self) -> None:
        """Nothing to end."""

    def memory_bytes(self) -> int | None:
        """Peak memory of a step per device as the compiler estimates it; None where it does not say."""
        return _memory_bytes(self._train)

    def _stacked(self, feed: Any) -> Any:
        """The shapes of a call's feeds."""
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((self._calls, *leaf.shape), leaf.dtype), feed)


class Pmapped(Program):
    """The same step once per device, with explicit sums over devices where the batch as a whole is meant.

    Every device holds the whole state. What `jax.pmap` compiles is called directly, with arrays that know where they
    are: so a state can be saved, restored and evaluated like any other.

    Raises:
        ConfigError: when the layout splits parameters.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        split = [name for name in ("fsdp", "model") if self.layout.mesh.shape[name] > 1]
        if split:
            raise ConfigError(
                f"trainer.parallel=pmap keeps the whole state on every device, and mesh.{split[0]}="
                f"{self.layout.mesh.shape[split[0]]} would split it. Use mesh.{split[0]}=1, or trainer.parallel=jit."
            )

    def lower(self) -> jax.stages.Lowered:
        """Trace the training step for one device."""
        mesh = jax.sharding.Mesh(self.layout.mesh.devices.reshape(-1), ("data",))
        step = jax.pmap(
            functools.partial(train_steps, self._rule, self._loader),
            axis_name="data",
            in_axes=(None, None, 1, None, 0),
            out_axes=None,
            devices=list(mesh.devices),
            donate_argnums=0 if self._donate else (),
        )
        share = self.layout.process_share[1]
        feeds = jax.tree.map(self._apart, self._stacked(self._loader.example_feed((0, share))))
        arguments = (self.abstract_state, self._loader.resident_shapes, feeds, np.int32(1), self._stop_shapes(share))
        if jax.process_count() > 1:
            # `pmap` itself takes one process's part of everything, and asks it where it is.
            arguments = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), arguments)
        # The mesh in force would have to be the one that `pmap` makes for itself.
        with jax.set_mesh(mesh):
            return step.lower(*arguments)

    def _placed(self, stacked: Any) -> Any:
        return super()._placed(jax.tree.map(self._apart, stacked))

    def _apart(self, leaf: Any) -> Any:
        """(calls, examples, ...) -> (calls, devices, examples of each, ...)."""
        calls, count, *rest = leaf.shape
        each = self._batch_size // self.layout.batch_shards
        shape = (calls, count // each, each, *rest)
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(shape, leaf.dtype)
        return leaf.reshape(shape)


def _shaped(tree: Any, sharding: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree)


def _memory_bytes(compiled: Any) -> int | None:
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    held = analysis.argument_size_in_bytes + analysis.output_size_in_bytes - analysis.alias_size_in_bytes
    return held + analysis.temp_size_in_bytes


def _pad(leaf: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([leaf, np.repeat(leaf[-1:], count, axis=0)]) if count else leaf
