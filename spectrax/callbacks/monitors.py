"""Scalars of every step, measured inside of it and logged with the training metrics."""

from collections.abc import Mapping
from typing import Any

import jax
import optax

from spectrax.callbacks.callback import SilentCallback
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Update
from spectrax.core.trees import leaf_paths


class LearningRate(SilentCallback):
    """`learning_rate`: what the schedule says for the step."""

    def measure(self, update: Update) -> Mapping[str, Any]:
        """One scalar."""
        return {"learning_rate": update.learning_rate}


class GradientNorm(SilentCallback):
    """`gradient_norm`: the Euclidean norm of all gradients together, before clipping."""

    def measure(self, update: Update) -> Mapping[str, Any]:
        """One scalar."""
        return {"gradient_norm": optax.global_norm(update.gradients)}


class ModuleNorms(SilentCallback):
    """`parameter_norm/<module>` and `update_norm/<module>`: Euclidean norms of a module's parameters before the step,
    and of what the step adds to them. Their ratio should be near 1e-3 in most healthy runs.

    Args:
        depth: names from the root that make a module: 2 gives `stages/0`, `head/kernel`.
    """

    def __init__(self, depth: int = 2):
        super().__init__()
        if depth < 1:
            raise ConfigError(f"callback: depth={depth} of module norms must be at least 1.")
        self.depth = depth

    def measure(self, update: Update) -> Mapping[str, Any]:
        """Two scalars per module."""
        return {**self._norms("parameter_norm", update.before), **self._norms("update_norm", update.changes)}

    def _norms(self, title: str, tree: Any) -> dict[str, jax.Array]:
        groups: dict[str, list[jax.Array]] = {}
        for path, leaf in leaf_paths(tree):
            groups.setdefault("/".join(path.split("/")[: self.depth]), []).append(leaf)
        return {f"{title}/{name}": optax.global_norm(leaves) for name, leaves in groups.items()}
