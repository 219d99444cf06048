"""Boxes of initial states: uniform draws from them, and the quadrature rule of the middles of their cells."""

from collections.abc import Sequence

import numpy as np

from spectrax.core.errors import ConfigError

Box = Sequence[Sequence[float]]
"""[from, to] of each coordinate."""


def checked(system: str, box: Box, dimension: int) -> tuple[tuple[float, float], ...]:
    """The box as tuples. Raises `ConfigError` when it has another dimension or no volume."""
    sides = tuple((float(side[0]), float(side[1])) for side in box if len(side) == 2)
    if len(sides) != dimension or len(box) != dimension or any(not low < high for low, high in sides):
        raise ConfigError(
            f"dataset.source.system.box={[list(side) for side in box]}: initial states of {system} need [from, to] of "
            f"each of {dimension} coordinates, such as [[-1,1]{',[-2,2]' if dimension > 1 else ''}]."
        )
    return sides


def uniform(box: Box, rng: np.random.Generator) -> np.ndarray:
    """A point (dimension,) of the box."""
    low, high = np.transpose(box)
    return low + (high - low) * rng.random(len(low))


def midpoints(box: Box, grid: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Middles (points, dimension) of `grid` cells along each axis, the last axis fastest, and their volumes (points,).

    Raises:
        ConfigError: when the grid has not one positive number for each axis.
    """
    if len(grid) != len(box) or min(grid) < 1:
        raise ConfigError(f"dataset.source.grid={list(grid)} needs a number of nodes for each of {len(box)} axes.")
    widths = [(high - low) / count for (low, high), count in zip(box, grid, strict=True)]
    axes = [low + width * (np.arange(count) + 0.5) for (low, _), width, count in zip(box, widths, grid, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(box))
    return nodes, np.full(len(nodes), np.prod(widths))
