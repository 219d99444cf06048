"""Sines and cosines of one coordinate: the span of complex exponentials, in real numbers."""

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.estimators.dictionaries.dictionary import check_real


@dataclasses.dataclass(frozen=True)
class Trigonometric:
    """cos(2 pi k x / period) for k from 0 to an order, sin(2 pi |k| x / period) for k below 0: a family for
    `spectrax.estimators.dictionaries.products.Products`. Real functions make everything behind them real: faster, and
    pseudospectra symmetric."""

    period: float = 2 * math.pi
    starts_at_one: ClassVar[bool] = True

    def numbers(self, order: int) -> tuple[int, ...]:
        return tuple(range(-order, order + 1))

    def values(self, x: jax.Array, order: int) -> jax.Array:
        check_real(x, "A dictionary of sines and cosines")
        angles = x[:, None] * (np.arange(1, order + 1) * (2 * math.pi / self.period))
        return jnp.concatenate([jnp.sin(angles)[:, ::-1], jnp.ones_like(x)[:, None], jnp.cos(angles)], axis=1)

    def label(self, number: int, coordinate: str) -> str:
        return f"{'cos' if number > 0 else 'sin'}({abs(number)} {coordinate})" if number else ""
