"""Radial basis functions around centres among the data."""

import dataclasses
import numbers
from typing import Any, Self

import jax
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.dictionary import check_dimension, not_fitted
from spectrax.estimators.kernels import Kernel, in_complex_coordinates, in_real_coordinates
from spectrax.ops.choices import check_choice

_SEEN = 20_000  # snapshots that k-means looks at: more move its centres little


@dataclasses.dataclass(frozen=True, eq=False)
class RBF:
    """Radial basis functions k(x, c_j).

    Attributes:
        count: how many; None: as many as `centres`.
        kernel: "gaussian", "laplacian", "lorentzian", "multiquadric" or "thin_plate", see `Kernel`.
        scale: of the kernel; None: the mean distance of the data to their mean.
        placing: how centres are found: "kmeans", or "subsample" of the data.
        centres: (count, dimension), complex where states are, in place of looking for them.
    """

    count: int | None = None
    kernel: str = "gaussian"
    scale: float | None = None
    placing: str = "kmeans"
    centres: Any = dataclasses.field(default=None, repr=False)  # JAX prints what it compiles, which takes its time

    def __post_init__(self) -> None:
        check_choice("placing", self.placing, ("kmeans", "subsample"))
        Kernel(self.kernel, self.scale)
        if self.centres is not None:
            dtype = np.complex128 if np.iscomplexobj(self.centres) else np.float64
            object.__setattr__(self, "centres", np.atleast_2d(np.asarray(self.centres, dtype)))
            if self.count not in (None, len(self.centres)):
                raise ConfigError(
                    f"count={self.count}, but there are {len(self.centres)} centres. Leave out one of them."
                )
        elif not isinstance(self.count, numbers.Integral) or self.count < 1:
            raise ConfigError(
                f"count={self.count}: give a positive number of radial basis functions, or their centres."
            )

    @property
    def size(self) -> int:
        return self.count if self.centres is None else len(self.centres)

    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.kernel} {number}" for number in range(self.size))

    def fitted(self, x: np.ndarray, seed: int) -> Self:
        if self.centres is not None and self.scale is not None:
            return self  # what was compiled for it still serves
        scale = Kernel(self.kernel, self.scale).fitted(x).scale
        centres = self._placed(x, seed) if self.centres is None else self.centres
        return dataclasses.replace(self, scale=scale, centres=centres)

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.centres is None or self.scale is None:
            raise not_fitted("A dictionary of radial basis functions")
        check_dimension(x, self.centres.shape[1], "A dictionary of radial basis functions")
        return Kernel(self.kernel, self.scale)(x, self.centres)

    def _placed(self, x: np.ndarray, seed: int) -> np.ndarray:
        if len(x) < self.count:
            raise ConfigError(f"{self.count} centres cannot be found among {len(x)} snapshots. Lower count.")
        generator = np.random.default_rng(seed)
        if self.placing == "subsample":
            return x[np.sort(generator.choice(len(x), self.count, replace=False))]
        from sklearn.cluster import MiniBatchKMeans

        most = max(_SEEN, self.count)
        seen = x if len(x) <= most else x[np.sort(generator.choice(len(x), most, replace=False))]
        means = MiniBatchKMeans(self.count, random_state=seed, n_init=1, batch_size=4096)
        if np.iscomplexobj(seen):
            return in_complex_coordinates(means.fit(in_real_coordinates(seen)).cluster_centers_)
        return means.fit(seen).cluster_centers_.astype(np.float64)
