"""Any optax optimizer by yaml, with weight decay kept off the parameters that a list of path patterns names."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax

from spectrax.core.trees import path_string


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """An optax optimizer before it knows its schedule.

    Attributes:
        method: an optax optimizer with everything bound but `learning_rate` (yaml: `_target_: optax.adamw`,
            `_partial_: true`). If it takes `mask`, decoupled weight decay obeys `no_decay`.
        l2: coupled weight decay, `l2 * parameter` added to the gradient (the classical form for SGD), obeys `no_decay`.
        clip_norm: gradients are scaled down to this global Euclidean norm; None leaves them.
        no_decay: regular expressions searched in parameter paths such as `stages/0/blocks/1/norm1/scale`.
        no_decay_vectors: also spare every parameter with fewer than two axes, as most image recipes do.
    """

    method: Callable[..., optax.GradientTransformation]
    l2: float = 0.0
    clip_norm: float | None = None
    no_decay: Sequence[str] = ()
    no_decay_vectors: bool = True

    def build(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """The chain clip -> coupled decay -> method, at the learning rate of `schedule`."""
        takes_mask = "mask" in inspect.signature(self.method).parameters
        options = {"mask": self.decay_mask} if takes_mask else {}
        parts = [
            optax.clip_by_global_norm(self.clip_norm) if self.clip_norm else None,
            optax.add_decayed_weights(self.l2, mask=self.decay_mask) if self.l2 else None,
            self.method(learning_rate=schedule, **options),
        ]
        return optax.chain(*[part for part in parts if part is not None])

    def decay_mask(self, parameters: Any) -> Any:
        """A tree of booleans: which parameters decay."""
        patterns = [re.compile(pattern) for pattern in self.no_decay]

        def decays(path: tuple[Any, ...], leaf: Any) -> bool:
            if self.no_decay_vectors and leaf.ndim < 2:
                return False
            return not any(pattern.search(path_string(path)) for pattern in patterns)

        return jax.tree_util.tree_map_with_path(decays, parameters)
