"""The unit cell of the elasticity benchmark: a square with a void of random smooth radius, and meshes around it.

The void is that of Li, Huang, Liu & Anandkumar, "Fourier neural operator with learned deformations for PDEs on general
geometries" (2022), section 4.1, as recalled: radius 0.2 + 0.2 / (1 + exp(g)), g Gaussian with the covariance
16 (-d^2 / d angle^2 + 9)^(-1) on the circle. That covariance alone makes continuous but rough curves; here g ends at 8
waves. So sets made here resemble the published one statistically and are no copy of it.

The mesh is structured: rays leave the centre for points spaced evenly along the square's sides, and on every ray nodes
go from the void to the side. Around, nodes are counted from the lower right corner, counter-clockwise.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.solvers.periodic_functions import periodic_function
from spectrax.solvers.random_fields import noise

CENTRE = 0.5  # of the unit square, in both directions
WAVES = 8
CODE = 42  # angles at which the radius describes a void
AROUND, ACROSS = 108, 9  # nodes of the mesh: 972, as in the published point clouds
GRADING = 0.5  # the outermost of the elements on a ray is about (1 + 2 GRADING) times as long as the innermost


def random_void(seed: int, index: int, waves: int = WAVES) -> np.ndarray:
    """The void of example `index` as standard normal amplitudes (waves + 1, 2) of cosines and sines of the angle."""
    return noise(seed, index, (waves + 1, 2))


def void_radius(void: ArrayLike, angles: ArrayLike) -> np.ndarray:
    """Radius (..., angles) between 0.2 and 0.4 of voids (..., waves + 1, 2) at angles (angles,) from the x axis."""
    exponent = periodic_function(void, angles, length=2 * math.pi, scale=16.0, shift=9.0, power=1.0)
    return 0.2 + 0.2 / (1 + np.exp(exponent))


def void_code(void: ArrayLike) -> np.ndarray:
    """Radius (..., 42) of voids at angles 2 pi k / 42: what describes the shape beside a point cloud."""
    return void_radius(void, 2 * math.pi * np.arange(CODE) / CODE)


def unit_cell_nodes(void: ArrayLike, around: int = AROUND, across: int = ACROSS) -> np.ndarray:
    """Nodes (around, across, 2) of the mesh around one void (waves + 1, 2): positions (x, y) in the unit square.

    `around` is a multiple of four, so that the corners are nodes. Raises ConfigError where it is not.
    """
    if around % 4 or around < 8 or across < 2:
        raise ConfigError(f"A unit cell has a multiple of 4 nodes around and 2 across, not {around} and {across}.")
    angle, outer = _rays(np.arange(around) * 4 / around)
    inner = void_radius(void, angle)
    distance = inner[:, None] + (outer - inner)[:, None] * levels(across)
    direction = np.stack([np.cos(angle), np.sin(angle)], -1)
    return CENTRE + distance[..., None] * direction[:, None]


def levels(across: int) -> np.ndarray:
    """Where nodes lie on a ray (across,), from 0 at the void to 1 at the side; closer together near the void."""
    even = np.linspace(0, 1, across)
    return even * (1 + GRADING * even) / (1 + GRADING)


def on_image(void: ArrayLike, values: ArrayLike, size: int = 41) -> tuple[np.ndarray, np.ndarray]:
    """The mask of one void and nodal values interpolated at the points (i, j) / (size - 1), i along x, j along y.

    Args:
        void: (waves + 1, 2).
        values: at the nodes of `unit_cell_nodes`, (around, across).

    Returns:
        mask (size, size), 1 outside the void and 0 inside, and values (size, size), 0 inside the void. Interpolation
        is bilinear in the mesh's own two directions.
    """
    values = np.asarray(values, np.float64)
    around, across = values.shape
    offset = np.stack(np.meshgrid(*[np.linspace(0, 1, size) - CENTRE] * 2, indexing="ij"), -1)
    angle, perimeter, outer = _ray_through(offset)
    inner = void_radius(void, angle.ravel()).reshape(angle.shape)
    level = (np.linalg.norm(offset, axis=-1) - inner) / (outer - inner)
    mask = level >= 0
    row, row_weight = _cell(perimeter * around / 4, around)
    column, column_weight = _cell(np.interp(level, levels(across), np.arange(across)), across - 1)
    below = values[row, column] * (1 - row_weight) + values[(row + 1) % around, column] * row_weight
    above = values[row, column + 1] * (1 - row_weight) + values[(row + 1) % around, column + 1] * row_weight
    return mask.astype(np.float64), np.where(mask, below * (1 - column_weight) + above * column_weight, 0.0)


def _rays(perimeter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angle and length of the rays to places on the sides, counted in sides from the lower right corner."""
    side = np.floor(perimeter)
    slope = 2 * (perimeter - side) - 1
    return math.pi / 2 * side + np.arctan(slope), 0.5 * np.sqrt(1 + slope**2)


def _ray_through(offset: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angle, place on the sides and length of the rays through points at `offset` (..., 2) from the centre."""
    angle = np.arctan2(offset[..., 1], offset[..., 0])
    side = np.floor(angle / (math.pi / 2) + 0.5)
    slope = np.tan(angle - side * math.pi / 2)
    return angle, (side + (1 + slope) / 2) % 4, 0.5 * np.sqrt(1 + slope**2)


def _cell(position: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell in which a position in units of cells lies, and where in it."""
    cell = np.clip(np.floor(position).astype(int), 0, cells - 1)
    return cell, position - cell
