"""The compiled functions of a run: create, train, evaluate, predict, each with its shardings, each traced once."""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core import freed_memory, trees
from spectrax.core.protocols import Loader
from spectrax.parallel.layout import Layout
from spectrax.training import finite
from spectrax.training.inference import Inference
from spectrax.training.state import TrainState, create_state
from spectrax.training.step import StepRule, train_steps

_PLAINLY_ON_CPU = {"xla_backend_optimization_level": 0}


@dataclasses.dataclass(frozen=True)
class StepCost:
    """What one training step costs.

    Attributes:
        flops: floating-point operations over all devices, as lowered; None where XLA does not say.
        memory_bytes: peak per device, parameters, optimizer state and resident data included; None likewise.
        state_bytes: what a device holds of parameters and optimizer state between two steps.
    """

    flops: float | None
    memory_bytes: int | None
    state_bytes: int


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
        compiled = functools.partial(jax.jit, out_shardings=shardings, compiler_options=self._plainly)
        self._create = compiled(create)
        self._create_with = compiled(lambda weights: create(weights=weights))
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
        freed_memory.give_back()
        self.compile_seconds += time.perf_counter() - start

    def cost(self) -> StepCost:
        """What one training step costs, by the compiler's own count; a step that is not compiled yet is, quickly, and
        not for training."""
        self.trace()
        compiled = self._train or self._lowered.compile(self._plainly)
        flops = (self._lowered.cost_analysis() or {}).get("flops")
        return StepCost(flops, _memory_bytes(compiled), sum(map(_bytes_held, jax.tree.leaves(self.abstract_state))))

    def metrics(self) -> list[str]:
        """The names of what evaluation measures."""
        mask = jax.ShapeDtypeStruct((self._batch_size,), jnp.bool_)
        return self.metric_names(self.abstract_state.evaluated, {**self._batch, "mask": mask})

    def create(self, begin: Callable[[Any], Any] | None = None) -> TrainState:
        """A state at step 0, born with its shardings; see `Experiment.begin`."""
        start = time.perf_counter()
        state = self._create()
        if begin is not None:
            state = self._create_with(begin({"parameters": state.parameters, "statistics": state.statistics}))
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


def _shaped(tree: Any, sharding: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree)


def _bytes_held(leaf: jax.ShapeDtypeStruct) -> int:
    """Of an array, by one device."""
    return math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize


def _memory_bytes(compiled: Any) -> int | None:
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    held = analysis.argument_size_in_bytes + analysis.output_size_in_bytes - analysis.alias_size_in_bytes
    return held + analysis.temp_size_in_bytes
