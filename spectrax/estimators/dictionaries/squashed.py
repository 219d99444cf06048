"""The hyperbolic tangent of a polynomial: a bounded observable of an unbounded state."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import check_dimension, check_real


@dataclasses.dataclass(frozen=True, eq=False)
class Squashed:
    """tanh(sum_i c_i x^p_i), one function. For Lorenz's equations (x y - 3 z) / 5 is usual (arXiv 2209.02244).

    Attributes:
        coefficients: c_i.
        powers: p_i, the powers of all coordinates in each term.

    Raises:
        ConfigError: when there are not as many of the one as of the other, or terms are of different dimensions.
    """

    coefficients: Sequence[float]
    powers: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", tuple(self.coefficients))
        object.__setattr__(self, "powers", tuple(tuple(term) for term in self.powers))
        if not self.powers or len(self.powers) != len(self.coefficients) or len({len(p) for p in self.powers}) > 1:
            raise ConfigError(
                f"coefficients={list(self.coefficients)} and powers={[list(term) for term in self.powers]} make no "
                "polynomial. Give for each coefficient the powers of all coordinates."
            )

    @property
    def size(self) -> int:
        return 1

    def names(self) -> tuple[str, ...]:
        terms = (
            " ".join([f"{c:g}", *(f"x{axis}^{power}" for axis, power in enumerate(term) if power)])
            for c, term in zip(self.coefficients, self.powers, strict=True)
        )
        return (f"tanh({' + '.join(terms)})",)

    def __call__(self, x: jax.Array) -> jax.Array:
        check_dimension(x, len(self.powers[0]), "A polynomial")
        check_real(x, "The hyperbolic tangent of a polynomial")
        terms = (
            c * jnp.prod(jnp.stack([x[:, axis] ** power for axis, power in enumerate(term)]), axis=0)
            for c, term in zip(self.coefficients, self.powers, strict=True)
        )
        return jnp.tanh(sum(terms))[:, None]
