"""Any optax optimizer by yaml: what decays, what is frozen and how fast each layer learns is told by path patterns."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax

from spectrax.core.errors import ConfigError
from spectrax.core.trees import path_string
from spectrax.training import layer_rates
from spectrax.training.freezing import Freezing


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
        freeze: regular expressions: these parameters stay as they begin.
        freeze_statistics: running moments of norms below such a path stay too, see `Freezing`.
        layer_decay: factor of the learning rate (and of decoupled weight decay with it) from one layer to the one
            before it; None for the same rate everywhere.
        layers: regular expressions that find the layers, see `layer_rates.factors`.

    Raises:
        ConfigError: for a pattern that is not a regular expression, for numbers out of range, and when the method
            decays weights but has no mask by which some could be spared.
    """

    method: Callable[..., optax.GradientTransformation]
    l2: float = 0.0
    clip_norm: float | None = None
    no_decay: Sequence[str] = ()
    no_decay_vectors: bool = True
    freeze: Sequence[str] = ()
    freeze_statistics: bool = False
    layer_decay: float | None = None
    layers: Sequence[str] = layer_rates.LAYERS

    def __post_init__(self) -> None:
        """Check the values, before anything is compiled."""
        for name in ("no_decay", "freeze", "layers"):
            for pattern in getattr(self, name):
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ConfigError(
                        f"optimizer.{name}: {pattern!r} is not a regular expression ({error})."
                    ) from error
        if self.freeze_statistics and not self.freeze:
            raise ConfigError("optimizer.freeze_statistics=true is for what optimizer.freeze names: name something.")
        if self.layer_decay is not None and not 0 < self.layer_decay <= 1:
            raise ConfigError(f"optimizer.layer_decay={self.layer_decay} must be above 0 and at most 1, or null.")
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
        """The chain clip -> coupled decay -> method, at the learning rate of `schedule`, of what is not frozen; then
        the factors of layers."""
        mask = self._mask_argument()
        options = {} if mask is None else {mask: self.decay_mask}
        parts = [
            optax.clip_by_global_norm(self.clip_norm) if self.clip_norm else None,
            optax.add_decayed_weights(self.l2, mask=self.decay_mask) if self.l2 else None,
            self.method(learning_rate=schedule, **options),
        ]
        rule = self.freezing.apart(optax.chain(*[part for part in parts if part is not None]))
        if self.layer_decay is None:
            return rule
        return optax.chain(rule, layer_rates.scaled(self.layer_decay, self.layers))

    @property
    def freezing(self) -> Freezing:
        """What is frozen."""
        return Freezing(self.freeze, self.freeze_statistics)

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
