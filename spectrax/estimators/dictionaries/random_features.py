"""Random Fourier features: plane waves whose products are, on average, a kernel."""

import dataclasses
import math
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.estimators.dictionaries.dictionary import check_dimension, check_real, not_fitted
from spectrax.estimators.kernels import Kernel
from spectrax.estimators.whole_numbers import check_whole
from spectrax.ops.choices import check_choice


@dataclasses.dataclass(frozen=True, eq=False)
class RandomFeatures:
    """sqrt(2 / N) cos(w_j x + b_j), with w_j drawn so that psi(x) psi(y) is near k(x, y).

    Source: Rahimi and Recht, "Random features for large-scale kernel machines" (2007), algorithm 1.

    Attributes:
        count: N.
        kernel: "gaussian" exp(-r^2 / scale^2), or "laplacian" exp(-r / scale).
        scale: None: the mean distance of the data to their mean.
        waves, phases: w (N, dimension) and b (N,); drawn when it is fitted.
    """

    count: int
    kernel: str = "gaussian"
    scale: float | None = None
    waves: Any = None
    phases: Any = None

    def __post_init__(self) -> None:
        check_choice("kernel", self.kernel, ("gaussian", "laplacian"))
        check_whole("count", self.count)

    @property
    def size(self) -> int:
        return self.count

    def names(self) -> tuple[str, ...]:
        return tuple(f"wave {number}" for number in range(self.count))

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        if self.waves is not None:
            return self
        check_real(x, "A dictionary of random features")
        scale = Kernel(self.kernel, self.scale).fitted(x).scale
        generator = np.random.default_rng(seed)
        waves = generator.standard_normal((self.count, x.shape[1])) / scale
        if self.kernel == "gaussian":
            waves *= math.sqrt(2)
        else:  # the Fourier transform of exp(-r / scale) is a multivariate Cauchy density
            waves /= np.abs(generator.standard_normal((self.count, 1)))
        phases = generator.uniform(0, 2 * math.pi, self.count)
        return dataclasses.replace(self, scale=scale, waves=waves, phases=phases)

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.waves is None:
            raise not_fitted("A dictionary of random features")
        check_dimension(x, self.waves.shape[1], "A dictionary of random features")
        check_real(x, "A dictionary of random features")
        return math.sqrt(2 / self.count) * jnp.cos(x @ jnp.asarray(self.waves).T + self.phases)
