"""The outputs of a trained encoder as a dictionary."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import not_fitted
from spectrax.estimators.precision import double_precision


@dataclasses.dataclass(frozen=True, eq=False)
class Encoded:
    """What an encoder makes of a state, with the constant 1 first and perhaps the state itself.

    Attributes:
        encoder: states (rows, ...state) to (rows, features); traceable.
        state_shape: one state's, such as (8, 8, 2), as rows are given to the encoder; None: as they are.
        constant: whether 1 is added.
        state: whether the state's coordinates are added, last.
        features: how many the encoder gives, and `dimension` of the state; found when it is fitted.
        precision: the rounding unit that the encoder computes in; found when it is fitted.
    """

    encoder: Callable[[Any], Any]
    state_shape: tuple[int, ...] | None = None
    constant: bool = True
    state: bool = False
    features: int | None = None
    dimension: int | None = None
    precision: float = float(np.finfo(np.float64).eps)
    learned: ClassVar[bool] = True  # certificates say so

    @property
    def size(self) -> int:
        if self.features is None or self.dimension is None:
            raise not_fitted("An encoder's dictionary")
        return self.features + self.constant + self.state * self.dimension

    def names(self) -> tuple[str, ...]:
        encoded = tuple(f"z{number}" for number in range(self.size - self.constant - self.state * self.dimension))
        coordinates = tuple(f"x{number}" for number in range(self.state * self.dimension))
        return ("1",) * self.constant + encoded + coordinates

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        if self.features is not None and self.dimension is not None:
            return self
        with double_precision():
            seen = jax.eval_shape(self._encode, jax.ShapeDtypeStruct(x[:2].shape, x.dtype))
        precision = float(jnp.finfo(seen.dtype).eps)
        return dataclasses.replace(self, features=seen.shape[1], dimension=x.shape[1], precision=precision)

    def __call__(self, x: jax.Array) -> jax.Array:
        encoded = self._encode(x)
        parts = [encoded.astype(jnp.promote_types(encoded.dtype, x.dtype))]
        if self.constant:
            parts.insert(0, jnp.ones((len(x), 1), parts[0].dtype))
        if self.state:
            parts.append(x)
        return jnp.concatenate(parts, axis=1)

    def _encode(self, x: jax.Array) -> jax.Array:
        encoded = self.encoder(x if self.state_shape is None else x.reshape(len(x), *self.state_shape))
        if encoded.ndim != 2 or len(encoded) != len(x):
            raise ConfigError(
                f"The encoder made {list(encoded.shape)} of {len(x)} states; a dictionary needs (rows, features)."
            )
        return encoded
