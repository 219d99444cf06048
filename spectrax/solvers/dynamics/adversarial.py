"""Two systems that agree on every snapshot of a sample and have different spectra: nothing can tell them apart."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.maps import Map

_TURN = 2 * math.pi


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwistedAnnulus(Map):
    """(radius, angle)' = (radius, angle + 2 pi turns + twist b(radius)), the area of the annulus preserved.

    b is smooth, between 0 and 1, and vanishes with all derivatives on `rings` circles; between two of them it is a bump
    of height 1. A sample on these circles, which are the nodes of this system's quadrature rule, is the same whatever
    `twist` is, as are all matrices made of it. Yet the spectra differ: without twist the Koopman operator has the
    eigenvalues exp(2 pi i k turns) and no others; with it, every angular mode k other than 0 has a continuous part,
    that covers the arc from 2 pi k turns to k (2 pi turns + twist).

    What a sample can say about the system in between depends on what is known beforehand: if radius to angle has the
    Lipschitz constant L, then twist b is at most L h / 2, h being the distance between circles (`largest_twist`).

    Attributes:
        rings: circles of the sample, at equal distances, the first on the inner and the last on the outer border.
        inner, outer: radii of the annulus.
        turns: of a step.
        twist: radians at the top of a bump.

    Source: after the constructions of Colbrook, Mezic & Stepanenko, "Limits and powers of Koopman learning" (2024).
    """

    rings: int = 8
    inner: float = 1.0
    outer: float = 2.0
    turns: float = (math.sqrt(5) - 1) / 2
    twist: float = 0.0

    name = "twisted_annulus"
    description = "Rotation of an annulus, with a twist that vanishes on the circles of the sample."
    units = "radius: dimensionless; angle: radians"
    citation = (
        "M. J. Colbrook, I. Mezic and A. Stepanenko, Limits and powers of Koopman learning, arXiv:2407.06312, 2024"
    )

    def __post_init__(self) -> None:
        if self.rings < 2 or not 0 < self.inner < self.outer:
            raise ConfigError(
                f"dataset.source.system: an annulus has at least two rings, {self.rings=}, and inner={self.inner:g} "
                f"lies between 0 and outer={self.outer:g}."
            )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Polar ones."""
        return ("radius", "angle")

    @property
    def unitary(self) -> bool:
        """Areas are preserved."""
        return True

    @property
    def radii(self) -> np.ndarray:
        """Of the circles of the sample, (rings,)."""
        return np.linspace(self.inner, self.outer, self.rings)

    @property
    def spacing(self) -> float:
        """Between two circles."""
        return (self.outer - self.inner) / (self.rings - 1)

    def bump(self, radius: jax.Array) -> jax.Array:
        """b at radii (...): exactly 0 on the circles of the sample."""
        xp = np if isinstance(radius, np.ndarray | float) else jnp
        place = (radius - self.inner) / self.spacing
        part = place - xp.round(place)  # of a spacing, from the nearest circle: -1/2 to 1/2
        outside = xp.abs(part) * (1 - xp.abs(part))
        on = xp.abs(part) < 1e-9
        return xp.where(on, 0.0, xp.exp(4 - 1 / xp.where(on, 1.0, outside)))

    def largest_twist(self, lipschitz: float) -> float:
        """What the angle can turn further than on the circles of the sample, if its Lipschitz constant with respect to
        the radius is `lipschitz`."""
        return lipschitz * self.spacing / 2

    def lipschitz(self) -> float:
        """The Lipschitz constant of the twist: the steepest slope of twist b."""
        radius = self.inner + self.spacing * np.linspace(0, 0.5, 20_001)
        return float(abs(self.twist) * np.abs(np.gradient(self.bump(radius), radius)).max())

    def eigenvalues(self, order: int) -> np.ndarray:
        """exp(2 pi i k turns), k = -order ... order, of the modes without twist: complex (2 order + 1,). With it, those
        of k other than 0 are none."""
        k = np.arange(-order, order + 1) if self.twist == 0 else np.zeros(1)
        return np.exp(_TURN * 1j * k * self.turns)

    def arcs(self, order: int) -> np.ndarray:
        """Angles between which the spectrum of the angular modes k = -order ... order lies, (2 order + 1, 2): points
        without twist, arcs with it."""
        k = np.arange(-order, order + 1)
        begins = _TURN * k * self.turns
        return np.stack([begins, begins + k * self.twist], -1)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform in the annulus."""
        squared = self.inner**2 + (self.outer**2 - self.inner**2) * rng.random()
        return np.array([math.sqrt(squared), _TURN * rng.random()])

    def nodes(self, grid: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Equally spaced angles on each circle of the sample: [rings, angles]. Weights are areas by the trapezoid rule
        in the radius."""
        if len(grid) != 2 or grid[0] != self.rings or grid[1] < 1:
            raise ConfigError(f"dataset.source.grid={list(grid)} should be [{self.rings}, angles], rings first.")
        angles = _TURN * np.arange(grid[1]) / grid[1]
        widths = np.full(self.rings, self.spacing)
        widths[[0, -1]] /= 2
        nodes = np.stack(np.meshgrid(self.radii, angles, indexing="ij"), -1).reshape(-1, 2)
        return nodes, np.repeat(widths * self.radii, grid[1]) * _TURN / grid[1]

    def advance(self, state: jax.Array, key: jax.Array, dt: float) -> jax.Array:
        """A step later."""
        radius, angle = state
        return jnp.stack([radius, (angle + _TURN * self.turns + self.twist * self.bump(radius)) % _TURN])
