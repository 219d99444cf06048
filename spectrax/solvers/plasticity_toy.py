"""A block pressed by a rigid die of random shape, by prescribed kinematics: a toy in the place of plastic forging.

No mechanics is solved. Vertical lines of material stay vertical; a line under the die is shortened evenly to the height
that the die leaves, and slides sideways so that no area is lost, away from a line in the block's middle which stays
where it is. So the deformation is that of an incompressible plane block in the limit where it is thin, without
elasticity, hardening or friction: positions x(X, t) and y(X, Y, t) with

    integral from the middle to x of h(s, t) ds = height (X - middle),    y = Y h(x, t) / height,

h being the smaller one of the block's height and the die's above the ground. Its gradient has the determinant 1.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicHermiteSpline

from spectrax.core.errors import ConfigError
from spectrax.solvers.random_fields import uniform_noise

LENGTH, HEIGHT = 50.0, 15.0  # of the block, in millimetres
KNOTS = 6  # of the die's shape
RISE = 5.0  # millimetres: knots lie so far above its lowest one, at most
TRAVEL = 6.0  # millimetres that the die moves down from where it touches the block
_PARTS = 4000  # of the line along which heights are integrated


def random_die(seed: int, index: int, rise: float = RISE) -> CubicHermiteSpline:
    """The shape of example `index`: a function of x in [0, LENGTH], in millimetres, piecewise cubic with a continuous
    slope, through knots at even distances whose heights are uniform in [0, rise) and whose slopes are those between
    their neighbours, 0 at both ends."""
    heights = rise * uniform_noise(seed, index, (KNOTS,))
    places = np.linspace(0.0, LENGTH, KNOTS)
    slopes = np.zeros(KNOTS)
    slopes[1:-1] = (heights[2:] - heights[:-2]) / (places[2:] - places[:-2])
    return CubicHermiteSpline(places, heights, slopes)


def die_heights(die: CubicHermiteSpline, x: ArrayLike) -> np.ndarray:
    """Of the die above its lowest point; beyond its ends it goes on level."""
    values = die(np.linspace(0.0, LENGTH, _PARTS + 1))
    return die(np.clip(x, 0.0, LENGTH)) - values.min()


def pressed_block(
    die: CubicHermiteSpline, *, grid: tuple[int, int] = (101, 31), times: int = 20, travel: float = TRAVEL
) -> np.ndarray:
    """The block's points while the die comes down at an even speed.

    Args:
        die: see `random_die`.
        grid: points along and up.
        times: evenly spaced, the last of them when the die has moved by `travel` after its first touch.

    Returns:
        (along, up, times, 4) float64: position x, y and displacement x, y, in millimetres.

    Raises:
        ConfigError: when a size is too small, or the die would reach the ground.
    """
    if min(grid) < 2 or times < 1 or not 0 < travel < HEIGHT:
        raise ConfigError(
            f"A pressed block has two points or more along each axis, not {list(grid)}, one time or more, not {times}, "
            f"and a die that moves less than the block's {HEIGHT:g} mm, not {travel:g}."
        )
    along, up = np.linspace(0.0, LENGTH, grid[0]), np.linspace(0.0, HEIGHT, grid[1])
    first = np.stack(np.meshgrid(along, up, indexing="ij"), -1)
    frames = [_frame(die, along, up, travel * (number + 1) / times) for number in range(times)]
    positions = np.stack(frames, 2)
    return np.concatenate([positions, positions - first[:, :, None]], -1)


def _frame(die: CubicHermiteSpline, along: np.ndarray, up: np.ndarray, depth: float) -> np.ndarray:
    """Positions (along, up, 2) when the die's lowest point is `depth` below the block's first height."""
    # No point slides further out than under a level die as deep as this one is at its lowest.
    reach = LENGTH / 2 * HEIGHT / (HEIGHT - depth)
    line = np.linspace(LENGTH / 2 - reach, LENGTH / 2 + reach, _PARTS + 1)
    height = np.minimum(HEIGHT, HEIGHT - depth + die_heights(die, line))
    area = np.concatenate([[0.0], np.cumsum((height[1:] + height[:-1]) / 2 * np.diff(line))])
    area -= np.interp(LENGTH / 2, line, area)
    x = np.interp(HEIGHT * (along - LENGTH / 2), area, line)
    left = np.minimum(1.0, (HEIGHT - depth + die_heights(die, x)) / HEIGHT)
    return np.stack(np.broadcast_arrays(x[:, None], up * left[:, None]), -1)
