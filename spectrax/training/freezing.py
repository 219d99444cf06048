"""Parameters that stay as they began, chosen by their paths: no gradient, no optimizer state, not a bit changed."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from spectrax.core.errors import ConfigError
from spectrax.core.module_calls import modules
from spectrax.core.trees import leaf_paths, outline, path_string


@dataclasses.dataclass(frozen=True)
class Freezing:
    """Which parameters are frozen.

    Attributes:
        patterns: regular expressions searched in parameter paths.
        statistics: also those norms below a path that a pattern fits which keep running moments: in training they
            normalise by these, and do not move them.
    """

    patterns: Sequence[str]
    statistics: bool

    def mask(self, parameters: Any) -> Any:
        """A tree of booleans: which are frozen.

        Raises:
            ConfigError: for a pattern that fits no parameter, and when nothing is left to train.
        """
        paths = [path for path, _ in leaf_paths(parameters)]
        for pattern in self.patterns:
            if not any(re.search(pattern, path) for path in paths):
                raise ConfigError(f"optimizer.freeze: {pattern!r} fits no parameter. There are: {outline(paths)}.")
        if all(map(self._fits, paths)):
            raise ConfigError("optimizer.freeze leaves no parameter to train. Name fewer of them.")
        return jax.tree_util.tree_map_with_path(lambda path, _: self._fits(path_string(path)), parameters)

    def held(self, parameters: Any) -> Any:
        """The same parameters, of which the frozen ones have the gradient zero, which costs nothing; traced."""
        if not self.patterns:
            return parameters
        hold = lambda frozen, leaf: jax.lax.stop_gradient(leaf) if frozen else leaf  # noqa: E731
        return jax.tree.map(hold, self.mask(parameters), parameters)

    def apart(self, rule: optax.GradientTransformation) -> optax.GradientTransformation:
        """The rule for what is trained, with neither state nor change for the rest."""
        if not self.patterns:
            return rule

        def labels(parameters: Any) -> Any:
            return jax.tree.map(lambda frozen: "frozen" if frozen else "trained", self.mask(parameters))

        return optax.partition({"trained": rule, "frozen": optax.stateless(_unmoved)}, labels)

    def still(self, model: Any) -> Any:
        """The model with its frozen norms told so, by the attribute that flax's norms have for it."""
        if self.statistics:
            for path, module in modules(model).items():
                if hasattr(module, "use_running_average") and self._fits(f"{path}/"):
                    module.use_running_average = True
        return model

    def _fits(self, path: str) -> bool:
        return any(re.search(pattern, path) for pattern in self.patterns)


def _unmoved(updates: Any, parameters: Any) -> Any:
    """Minus zero: added to a number it changes no bit, where zero would turn minus zero into zero."""
    return jax.tree.map(lambda leaf: jnp.full_like(leaf, -0.0), updates)
