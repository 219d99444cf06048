"""C-grids around deformed NACA-0012 airfoils: the inputs of the transonic airfoil benchmark, made in milliseconds.

Shapes and meshes are those of Li, Huang, Liu & Anandkumar, "Fourier neural operator with learned deformations for PDEs
on general geometries" (2022), section 4.4, as their released mesh generator draws them: eight control nodes of a design
element move the airfoil vertically, and nodes are blended linearly between the inner curve (wake, airfoil, wake) and
the outer one (line, half circle, line). The flow itself, a transonic Euler solution, is not computed here.
"""

import functools

import numpy as np
from scipy.optimize import brentq

from spectrax.core.errors import ConfigError
from spectrax.solvers.random_fields import uniform_noise

WAKE_CELLS = 50  # on each side of the trailing edge
AIRFOIL_CELLS = 120  # around the airfoil, half of them above
RADIAL_CELLS = 50
OUTER_RADIUS = 40.0  # in chords
OUTER_CENTRE = 1.0  # abscissa of the half circle's centre
OUTLET = 40.0  # abscissa at which the wake ends
ELEMENT_LENGTH, ELEMENT_HEIGHT = 1.5, 0.2  # of the design element, centred on (0.5, 0)
SLOW_RATIO = 1.02  # largest growth of the first three quarters of a geometric spacing
LARGEST_RATIO = 100.0  # at which a search for a ratio ends


def airfoil_displacements(seed: int, index: int, bound: float = 0.05) -> np.ndarray:
    """Vertical displacements (8,) of the control nodes of example `index`, uniform in [-bound, bound), the first 0.

    Nodes 1 to 4 are the bottom row from left to right, 5 to 8 the top row from right to left. Pinning the first removes
    the vertical translation.
    """
    displacements = bound * (2 * uniform_noise(seed, index, (8,)) - 1)
    displacements[0] = 0.0
    return displacements


def naca_0012(x: np.ndarray) -> np.ndarray:
    """Half thickness of the symmetric NACA-0012 section at abscissae `x` in [0, 1], closed at the trailing edge."""
    x = np.asarray(x, np.float64)
    return 0.6 * (0.2969 * np.sqrt(x) - 0.1260 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1036 * x**4)


def airfoil_outline(cells: int = AIRFOIL_CELLS) -> np.ndarray:
    """The undeformed airfoil (cells + 1, 2): trailing edge, upper side, leading edge, lower side, trailing edge."""
    if cells < 6 or cells % 2:
        raise ConfigError(f"An airfoil has an even number of cells, at least 6, not {cells}.")
    half = cells // 2
    abscissae = np.concatenate([[0.0], np.linspace(0.0, 1.0, half)])
    abscissae[1] = abscissae[2] / 4  # one short cell at the blunt nose
    upper = abscissae[::-1]
    ordinates = np.concatenate([naca_0012(upper), -naca_0012(abscissae[1:])])
    return np.stack([np.concatenate([upper, abscissae[1:]]), ordinates], -1)


def deformed(points: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """Points (points, 2) moved vertically by a design element with node displacements (shapes, 8).

    The element is a cubic Lagrange polynomial in x times a linear one in y. Returns (shapes, points, 2).
    """
    nodes = 0.5 + ELEMENT_LENGTH * np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2])
    x, y = points[:, 0], points[:, 1]
    along = [
        np.prod([(x - other) / (node - other) for other in nodes if other != node], axis=0) for node in nodes
    ]  # four arrays (points,)
    bottom, top = 0.5 - y / ELEMENT_HEIGHT, 0.5 + y / ELEMENT_HEIGHT
    basis = np.stack([phi * bottom for phi in along] + [phi * top for phi in along[::-1]])
    moved = y + (displacements[:, :, None] * basis).sum(1)  # not @, whose rounding depends on the number of shapes
    return np.stack([np.broadcast_to(x, moved.shape), moved], -1)


def airfoil_mesh(
    displacements: np.ndarray,
    *,
    wake_cells: int = WAKE_CELLS,
    airfoil_cells: int = AIRFOIL_CELLS,
    radial_cells: int = RADIAL_CELLS,
    first_radial_step: float | None = None,
) -> np.ndarray:
    """C-grids around airfoils with control-node displacements (shapes, 8).

    Returns float64 (shapes, 2 wake_cells + airfoil_cells + 1, radial_cells + 1, 2): by default (shapes, 221, 51, 2),
    coordinates (x, y) in chords. Along the first grid axis: wake from the outlet to the trailing edge, upper side,
    lower side, wake back to the outlet; along the second: from the airfoil outwards. (first, second) is a left-handed
    pair: cells have negative area in that order everywhere. `first_radial_step` is in chords, by default
    2 / airfoil_cells. Raises ConfigError where the displacements do not have eight columns.
    """
    displacements = np.atleast_2d(np.asarray(displacements, np.float64))
    if displacements.ndim != 2 or displacements.shape[1] != 8:
        raise ConfigError(f"An airfoil has 8 control nodes: displacements (shapes, 8), not {displacements.shape}.")
    step = 2.0 / airfoil_cells if first_radial_step is None else first_radial_step
    inner = _inner_curve(displacements, wake_cells, airfoil_cells)[:, :, None]
    outer = _outer_curve(wake_cells, airfoil_cells)[None, :, None]
    weight = _geometric_spacing(radial_cells + 1, step / OUTER_RADIUS)[:, None]
    return inner * (1.0 - weight) + outer * weight


def _inner_curve(displacements: np.ndarray, wake_cells: int, airfoil_cells: int) -> np.ndarray:
    """Wake, airfoil and wake again (shapes, points, 2); the wake is a straight line from the trailing edge to y = 0."""
    outline = airfoil_outline(airfoil_cells)
    first_step = np.linalg.norm(outline[1] - outline[0]) / (OUTLET - 1.0)
    away = _geometric_spacing(wake_cells + 1, first_step)[None, :, None]
    airfoil = deformed(outline, displacements)
    wake = airfoil[:, :1] * (1.0 - away) + np.array([OUTLET, 0.0]) * away
    return np.concatenate([wake[:, :0:-1], airfoil, wake[:, 1:]], axis=1)


def _outer_curve(wake_cells: int, airfoil_cells: int) -> np.ndarray:
    """The far field (points, 2): a line above the wake, a half circle ahead of the airfoil, a line below."""
    angles = np.linspace(np.pi / 2, 3 * np.pi / 2, airfoil_cells + 1)
    circle = OUTER_RADIUS * np.stack([np.cos(angles), np.sin(angles)], -1) + np.array([OUTER_CENTRE, 0.0])
    line = np.linspace(OUTER_CENTRE, OUTLET, wake_cells + 1)[1:]
    above = np.stack([line[::-1], np.full(wake_cells, OUTER_RADIUS)], -1)
    below = np.stack([line, np.full(wake_cells, -OUTER_RADIUS)], -1)
    return np.concatenate([above, circle, below])


@functools.lru_cache(maxsize=32)
def _geometric_spacing(points: int, first_step: float) -> np.ndarray:
    """Points from 0 to 1 whose steps grow geometrically from `first_step`.

    Where one ratio for all steps would exceed 1.02, the first three quarters grow by 1.02 and the rest by what is left.
    """
    ratio = _growth(1.0, first_step, points - 1)
    slow = points if ratio <= SLOW_RATIO else 3 * points // 4
    steps = first_step * min(ratio, SLOW_RATIO) ** np.arange(slow - 1)
    if slow < points:
        next_step = first_step * SLOW_RATIO ** (slow - 1)
        rest = points - slow
        steps = np.append(steps, next_step * _growth(1.0 - steps.sum(), next_step, rest) ** np.arange(rest))
    spacing = np.concatenate([[0.0], np.cumsum(steps)])
    spacing[-1] = 1.0
    return spacing


def _growth(length: float, first_step: float, steps: int) -> float:
    """The ratio at which `steps` steps, the first of them given, make up `length`."""

    def excess(ratio: float) -> float:
        return (ratio - 1) * length - first_step * (ratio**steps - 1)

    if excess(1 + 1e-4) * excess(LARGEST_RATIO) > 0:
        raise ConfigError(
            f"{steps} steps growing from {first_step:g} overshoot {length:g}: take fewer or shorter ones."
        )
    return brentq(excess, 1 + 1e-4, LARGEST_RATIO, xtol=1e-15)
