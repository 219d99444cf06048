"""What sources of one-dimensional periodic equations have in common: two grids, and batches that JAX computes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.data.field_source import thinned
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Periodic(Generated):
    """Base of sources on a circle.

    Attributes:
        grid: [points] that are kept.
        solve_grid: points on which the equation is solved, a multiple of the others.

    Raises:
        ConfigError: when the grids do not fit each other.
    """

    grid: Sequence[int]
    solve_grid: int

    precision = "float64"
    libraries = ("numpy", "jax", "exponax")
    in_processes = False  # JAX computes a batch with all processors
    chunk = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.grid) != 1 or self.grid[0] < 1 or self.solve_grid % self.grid[0]:
            raise ConfigError(
                f"dataset.source.grid={list(self.grid)} should be one size that divides dataset.source.solve_grid="
                f"{self.solve_grid}, as [256] and 512."
            )

    def batch(self, split: str, first: int, count: int) -> range:
        """The numbers of some examples and of those after them: always a whole batch, so that one program computes
        all."""
        return self.indices(split, first, max(count, self.chunk))

    def kept(self, values: np.ndarray) -> np.ndarray:
        """(examples, points, channels) at the points that are kept."""
        return thinned(values, (self.solve_grid // self.grid[0],), 1)
