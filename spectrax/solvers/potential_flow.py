"""Plane incompressible potential flow around a closed outline, by vortex panels: a stand-in for transonic airfoils.

The flow is div v = curl v = 0 outside the outline, v = (cos angle, sin angle) far away. The outline is a polygon that
carries a sheet of vorticity, linear on each side and continuous at the vertices; inside of it the fluid stands, so that
the stream function is the same at all vertices, and the strength of the sheet is the speed of the fluid along it. At
the trailing edge both sides have the same speed (Kutta's condition). There is no compressibility, no shock and no
boundary layer. Errors fall with the square of the panels' length where the outline is smooth.

Source: M. Drela, "XFOIL: an analysis and design system for low Reynolds number airfoils" (1989), section 2: the
inviscid part, with its condition at a sharp trailing edge.
"""

import dataclasses
import math

import numpy as np

from spectrax.core.errors import ConfigError

_POINTS = 4096  # whose velocities are computed at a time: what is in between then fits a cache


@dataclasses.dataclass(frozen=True)
class PotentialFlow:
    """The flow around an outline.

    Attributes:
        outline: (panels + 1, 2), see `potential_flow`.
        strength: (panels + 1,) of the sheet at the vertices: the fluid's velocity along the outline, in its direction,
            in parts of the free stream.
        angle: of the free stream against the x axis, in radians.
    """

    outline: np.ndarray
    strength: np.ndarray
    angle: float

    @property
    def circulation(self) -> float:
        """Counter-clockwise; the lift of a unit of span is minus this (Kutta and Joukowski), with density and free
        stream 1."""
        lengths = np.linalg.norm(np.diff(self.outline, axis=0), axis=-1)
        return float(np.sum(lengths * (self.strength[1:] + self.strength[:-1]) / 2))

    def velocity(self, points: np.ndarray) -> np.ndarray:
        """At points (..., 2) outside the outline, in parts of the free stream: (..., 2).

        On the outline itself it is `strength` along it: a sheet has another velocity on each side.
        """
        flat = _complex(np.asarray(points, np.float64)).reshape(-1)
        parts = [self._conjugate(flat[first : first + _POINTS]) for first in range(0, flat.size, _POINTS)]
        conjugate = np.concatenate(parts) if parts else flat
        return np.stack([conjugate.real, -conjugate.imag], -1).reshape(np.shape(points))

    def _conjugate(self, points: np.ndarray) -> np.ndarray:
        """u - i v at points (points,): what is analytic."""
        start, direction, length = _panels(self.outline)
        local = (points[:, None] - start) / direction
        log = np.log(local / (local - length))
        second = local * log / length - 1.0  # what the strength at the panel's end brings; the rest is the start's
        sums = (log - second) @ (self.strength[:-1] / direction) + second @ (self.strength[1:] / direction)
        return np.exp(-1j * self.angle) - 1j / (2 * math.pi) * sums


def potential_flow(outline: np.ndarray, *, angle: float = 0.0) -> PotentialFlow:
    """The flow around an outline (panels + 1, 2), float64.

    Args:
        outline: vertices counter-clockwise from the trailing edge to the trailing edge, which is the first and the last
            of them, as `spectrax.solvers.airfoil_mesh.airfoil_outline` gives them. It may be sharp.
        angle: of the free stream against the x axis, in radians.

    Raises:
        ConfigError: when the outline is not closed, runs clockwise or has fewer than six panels.
    """
    outline = np.asarray(outline, np.float64)
    if outline.ndim != 2 or outline.shape[1] != 2 or len(outline) < 7:
        raise ConfigError(f"An outline has the shape (panels + 1, 2) with six panels or more, not {outline.shape}.")
    if not np.allclose(outline[0], outline[-1], rtol=0, atol=1e-9) or _area(outline) <= 0:
        raise ConfigError("An outline is closed and counter-clockwise: from the trailing edge over the upper side.")
    count = len(outline)
    equations, known = np.zeros((count + 1, count + 1)), np.zeros(count + 1)
    vertices = outline[:-1]  # the last one is the first
    equations[: count - 1, :count] = _stream_function(vertices, outline)
    equations[: count - 1, count] = -1.0  # its value on the outline
    known[: count - 1] = vertices[:, 0] * math.sin(angle) - vertices[:, 1] * math.cos(angle)
    equations[count - 1, [0, count - 1]] = 1.0
    # The first vertex' equation is the last one's: instead, both sides' strengths bend alike at the trailing edge.
    equations[count, [0, 1, 2]] = [1.0, -2.0, 1.0]
    equations[count, [count - 1, count - 2, count - 3]] = [-1.0, 2.0, -1.0]
    strength = np.linalg.solve(equations, known)[:count]
    return PotentialFlow(outline, strength, angle)


def speed_on_mesh(mesh: np.ndarray, wake_cells: int, *, angle: float = 0.0) -> np.ndarray:
    """The speed, in parts of the free stream, at the points of a C-grid around an airfoil.

    Args:
        mesh: (first, second, 2) as of `spectrax.solvers.airfoil_mesh.airfoil_mesh`: its inner curve is wake, airfoil,
            wake.
        wake_cells: of each wake.
        angle: see `potential_flow`.

    Returns:
        (first, second) float64.
    """
    airfoil = slice(wake_cells, len(mesh) - wake_cells)
    flow = potential_flow(mesh[airfoil, 0], angle=angle)
    in_fluid = np.ones(mesh.shape[:2], bool)
    in_fluid[airfoil, 0] = False
    speed = np.empty(mesh.shape[:2])
    speed[in_fluid] = np.linalg.norm(flow.velocity(mesh[in_fluid]), axis=-1)
    speed[airfoil, 0] = np.abs(flow.strength)
    return speed


def _stream_function(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(points, vertices): what a unit of strength at each vertex adds to the stream function at each point."""
    start, direction, length = _panels(outline)
    local = (_complex(points)[:, None] - start) / direction
    first_log, last_log = _log(local), _log(local - length)
    whole = local * first_log - (local - length) * last_log - length  # the integral of log(local - s)
    rising = (length**2 * last_log + local**2 * (first_log - last_log) - local * length - length**2 / 2) / 2  # of s log
    sums = np.zeros((len(points), len(outline)))
    sums[:, 1:] = (rising / length).real
    sums[:, :-1] += (whole - rising / length).real
    return -sums / (2 * math.pi)


def _panels(outline: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As complex numbers: where panels begin, their direction of length 1, and their lengths."""
    vertices = _complex(outline)
    step = np.diff(vertices)
    length = np.abs(step)
    return vertices[:-1], step / length, length


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0] + 1j * points[..., 1]


def _log(values: np.ndarray) -> np.ndarray:
    """The logarithm, and 0 at 0, where it is multiplied by that."""
    return np.log(np.where(values == 0, 1.0, values))


def _area(outline: np.ndarray) -> float:
    x, y = outline[:, 0], outline[:, 1]
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)
