"""Any optax optimizer by yaml, with weight decay kept off the parameters that a list of path patterns names."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax

from spectrax.core.errors import ConfigError
from spectrax.core.trees import path_string


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """An optax optimizer before it knows its schedule.

    Attributes:
        method: an optax optimizer with everything bound but `learning_rate` (yaml: `_target_: optax.adamw`,
            `_partial_: true`). If it takes a mask, decoupled weight decay obeys `no_decay`.
        l2: coupled weight decay, `l2 * parameter` added to the gradient (the classical form for SGD), obeys `no_decay`.
        clip_norm: gradients are scaled down to this global Euclidean norm; None leaves them.
        no_decay: regular expressions searched in parameter paths such as `stages/0/blocks/1/norm1/scale`.
        no_decay_vectors: also spare every parameter with fewer than two axes, as most image recipes do.

    Raises:
        ConfigError: for a pattern that is not a regular expression, for numbers out of range, and when the method
            decays weights but has no mask by which some could be spared.
    """

    method: Callable[..., optax.GradientTransformation]
    l2: float = 0.0
    clip_norm: float | None = None
    no_decay: Sequence[str] = ()
    no_decay_vectors: bool = True

    def __post_init__(self) -> None:
        """Check the values, before anything is compiled."""
        for pattern in self.no_decay:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(f"optimizer.no_decay: {pattern!r} is not a regular expression ({error}).") from error
        if self.l2 < 0:
            raise ConfigError(f"optimizer.l2={self.l2} must be at least 0.")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ConfigError(f"optimizer.clip_norm={self.clip_norm} must be above 0, or null for no clipping.")
        arguments = inspect.signature(self.method).parameters
        decays = "weight_decay" in arguments and arguments["weight_decay"].default
        if decays and self._mask_argument() is None and (self.no_decay or self.no_decay_vectors):
            raise ConfigError(
                "optimizer.method decays every parameter alike. Give it weight_decay: 0.0 and use optimizer.l2, or set "
                "optimizer.no_decay=[] and optimizer.no_decay_vectors=false."
            )

    def build(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """The chain clip -> coupled decay -> method, at the learning rate of `schedule`."""
        mask = self._mask_argument()
        options = {} if mask is None else {mask: self.decay_mask}
        parts = [
            optax.clip_by_global_norm(self.clip_norm) if self.clip_norm else None,
            optax.add_decayed_weights(self.l2, mask=self.decay_mask) if self.l2 else None,
            self.method(learning_rate=schedule, **options),
        ]
        return optax.chain(*[part for part in parts if part is not None])

    def _mask_argument(self) -> str | None:
        """What the method calls the mask of its weight decay."""
        arguments = inspect.signature(self.method).parameters
        return next((name for name in ("weight_decay_mask", "mask") if name in arguments), None)

    def decay_mask(self, parameters: Any) -> Any:
        """A tree of booleans: which parameters decay."""
        patterns = [re.compile(pattern) for pattern in self.no_decay]

        def decays(path: tuple[Any, ...], leaf: Any) -> bool:
            if self.no_decay_vectors and leaf.ndim < 2:
                return False
            return not any(pattern.search(path_string(path)) for pattern in patterns)

        return jax.tree_util.tree_map_with_path(decays, parameters)
