"""Finding the first value that is not finite, without a word from the host at each step.

A step returns two integers among its metrics: which leaf is the first bad one, in the order batch, parameters, loss,
gradients, new parameters (the order in which a fault travels), and at which step that was; -1 and -1 when all is well.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from spectrax.core.errors import NonFiniteLoss
from spectrax.core.trees import path_string
from spectrax.parallel import global_batch

BAD_LEAF = "bad_leaf"
BAD_STEP = "bad_step"
_TITLES = ("batch field", "parameter", "metric", "gradient of", "updated parameter")


def first_bad_leaf(
    step: jax.Array, batch: Any, parameters: Any, metrics: Mapping[str, Any], gradients: Any, updated: Any
) -> dict[str, jax.Array]:
    """The index of the first leaf that holds an infinity or a NaN, and the number of this step; traced."""
    leaves = jax.tree.leaves((batch, parameters, {"loss": metrics["loss"]}, gradients, updated))
    finite = global_batch.minimum(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]).astype(jnp.int32))
    well = jnp.all(finite)
    return {
        BAD_LEAF: jnp.where(well, -1, jnp.argmin(finite)).astype(jnp.int32),
        BAD_STEP: jnp.where(well, -1, step + 1).astype(jnp.int32),
    }


def leaf_names(batch: Any, parameters: Any) -> list[str]:
    """The names that the indices of `first_bad_leaf` stand for."""
    groups = (batch, parameters, {"loss": 0.0}, parameters, parameters)
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(groups)]
    return [f"{_TITLES[path[0].idx]} {path_string(path[1:])}" for path in paths]


def zeros(metrics: Mapping[str, Any]) -> dict[str, jax.Array]:
    """The running means of a call before its first step."""
    start = {BAD_LEAF: -1, BAD_STEP: -1}
    return {name: jnp.full(value.shape, start.get(name, 0), value.dtype) for name, value in metrics.items()}


def accumulate(running: Mapping[str, Any], metrics: Mapping[str, Any], count: jax.Array) -> dict[str, jax.Array]:
    """Add one step's share to the means of a call of `count` steps; the first fault found stays."""

    def combined(name: str) -> jax.Array:
        if name in (BAD_LEAF, BAD_STEP):
            return jnp.where(running[BAD_LEAF] >= 0, running[name], metrics[name])
        return running[name] + metrics[name] / count

    return {name: combined(name) for name in metrics}


def check(metrics: Mapping[str, Any] | None, names: list[str]) -> dict[str, float]:
    """The metrics of a call as host floats; {} of no call.

    Raises:
        NonFiniteLoss: naming the step and the first bad leaf.
    """
    if metrics is None:
        return {}
    values = {name: float(value) for name, value in jax.device_get(dict(metrics)).items()}
    leaf, step = int(values.pop(BAD_LEAF)), int(values.pop(BAD_STEP))
    if leaf >= 0:
        raise NonFiniteLoss(
            f"Training is no longer finite at step {step} (loss {values['loss']}); the first bad leaf is the "
            f"{names[leaf]}. The last good checkpoint is kept. Try a smaller schedule.peak or optimizer.clip_norm=1.0."
        )
    return values
