"""Adam for networks whose complex weights are kept as pairs of reals: both parts of a pair share one second moment.

Plain Adam on the pairs scales real and imaginary part each by its own gradients, which is another method: the phase of
an update is then not that of the gradient.
"""

import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from spectrax.core.errors import ConfigError
from spectrax.core.trees import leaf_paths, outline, path_string


def paired_adam(
    learning_rate: optax.ScalarOrSchedule,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    pairs: Sequence[str] = (),
) -> optax.GradientTransformation:
    """Adam (Kingma & Ba, ICLR 2015), with `|g|^2` of a complex entry as the square that its second moment averages, as
    the optimizer of the released FNO and LSM has it.

    The same as `optax.adam` on complex arrays with conjugated gradients, and for all other parameters `optax.adam`.

    Args:
        pairs: regular expressions searched in parameter paths: those of complex weights, real arrays whose last axis
            holds real and imaginary part.

    Raises:
        ConfigError: when the rule is begun: for a pattern that fits no parameter, or one whose last axis is not 2.
    """
    patterns = tuple(pairs)
    return optax.chain(_scale_by_paired_adam(b1, b2, eps, patterns), optax.scale_by_learning_rate(learning_rate))


def _scale_by_paired_adam(b1: float, b2: float, eps: float, pairs: tuple[str, ...]) -> optax.GradientTransformation:
    def init(parameters: Any) -> optax.ScaleByAdamState:
        _check(parameters, pairs)

        def second(path: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
            return jnp.zeros_like(leaf[..., :1] if _is_paired(path, pairs) else leaf)

        return optax.ScaleByAdamState(
            count=jnp.zeros([], jnp.int32),
            mu=jax.tree.map(jnp.zeros_like, parameters),
            nu=jax.tree_util.tree_map_with_path(second, parameters),
        )

    def square(path: tuple[Any, ...], gradient: jax.Array) -> jax.Array:
        return jnp.sum(gradient**2, -1, keepdims=True) if _is_paired(path, pairs) else gradient**2

    def update(gradients: Any, state: optax.ScaleByAdamState, parameters: Any = None) -> tuple[Any, Any]:
        count = optax.safe_increment(state.count)
        squares = jax.tree_util.tree_map_with_path(square, gradients)
        mu = jax.tree.map(lambda old, new: b1 * old + (1 - b1) * new, state.mu, gradients)
        nu = jax.tree.map(lambda old, new: b2 * old + (1 - b2) * new, state.nu, squares)
        first, second = (1 - jnp.power(decay, count.astype(jnp.float32)) for decay in (b1, b2))
        changes = jax.tree.map(lambda m, v: (m / first) / (jnp.sqrt(v / second) + eps), mu, nu)
        return changes, optax.ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init, update)


def _is_paired(path: tuple[Any, ...], pairs: Sequence[str]) -> bool:
    return any(re.search(pattern, path_string(path)) for pattern in pairs)


def _check(parameters: Any, pairs: Sequence[str]) -> None:
    shapes = {path: leaf.shape for path, leaf in leaf_paths(parameters)}
    for pattern in pairs:
        found = [path for path in shapes if re.search(pattern, path)]
        if not found:
            raise ConfigError(
                f"optimizer.method.pairs: {pattern!r} fits no parameter. There are: {outline(shapes)}. Leave it out "
                "for a model without complex weights."
            )
        wrong = next((path for path in found if shapes[path][-1:] != (2,)), None)
        if wrong is not None:
            raise ConfigError(
                f"optimizer.method.pairs: {pattern!r} fits {wrong} {list(shapes[wrong])}, whose last axis is not a "
                "real and an imaginary part. Write a pattern that spares it."
            )
