"""The compiled functions that use weights as they are: evaluation and prediction."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from spectrax.core import trees
from spectrax.core.protocols import Batch, Task
from spectrax.parallel.layout import Layout


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


def _pad(leaf: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([leaf, np.repeat(leaf[-1:], count, axis=0)]) if count else leaf
