"""Functions of a kernel at given states, or combinations of them: the span that kernel methods work in."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from spectrax.estimators.dictionaries.dictionary import check_dimension
from spectrax.estimators.kernels import Kernel


@dataclasses.dataclass(frozen=True, eq=False)
class KernelFunctions:
    """k(x, c_j), or with coefficients T the functions k(x, c) T.

    Attributes:
        kernel: at its scale.
        centres: (centres, dimension).
        coefficients: (centres, N), or None for the functions themselves.
    """

    kernel: Kernel
    centres: Any
    coefficients: Any = None

    @property
    def size(self) -> int:
        return len(self.centres) if self.coefficients is None else self.coefficients.shape[1]

    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.kernel.kind} {number}" for number in range(self.size))

    def __call__(self, x: jax.Array) -> jax.Array:
        check_dimension(x, self.centres.shape[1], "A dictionary of kernel functions")
        values = self.kernel(x, jnp.asarray(self.centres))
        return values if self.coefficients is None else values @ jnp.asarray(self.coefficients)
