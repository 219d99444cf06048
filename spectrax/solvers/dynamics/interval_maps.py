"""Maps of an interval: doubling and tent in exact integers, the logistic map with noise, and the Gauss iterated map."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import comb

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.exact_integers import MODULUS, added, fractions, integers
from spectrax.solvers.dynamics.maps import DisturbedMap, Map


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExactMap(DisturbedMap):
    """A map of [0, 1] that preserves Lebesgue measure, in exact integers: in floating point its orbits would reach 0
    after some fifty steps. Noise is added in integers too."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """A number of [0, 1]."""
        return ("x",)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform."""
        return rng.random(1)

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Middles of cells, of weight 1 together."""
        return _middles(grid)

    def internal(self, state: jax.Array) -> jax.Array:
        """An integer modulo a prime."""
        return integers(state)

    def shown(self, internal: jax.Array) -> jax.Array:
        """A fraction."""
        return fractions(internal)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doubling(ExactMap):
    """x' = 2 x modulo 1, in exact integers.

    It preserves Lebesgue measure and is not invertible: the Koopman operator is an isometry that is not unitary, a
    shift of infinite multiplicity, whose spectrum is the closed unit disc. 1 is the only eigenvalue. Noise is wrapped
    around; with it 1 is all of the spectrum but 0.
    """

    name = "doubling"
    description = "Doubling modulo 1: preserves Lebesgue measure and is not invertible."
    units = "turns"
    citation = "A. Renyi, Representations for real numbers and their ergodic properties, 1957"

    @staticmethod
    def mode(k: int) -> int:
        """The Koopman operator takes the mode exp(2 pi i k x) to the mode of this number, times its damping."""
        return 2 * k

    def damping(self, k: int) -> float:
        """Of the image of a mode by the noise, in the mean."""
        return math.exp(-((2 * math.pi * k * self.process_noise) ** 2) / 2)

    def image(self, state: jax.Array) -> jax.Array:
        """Without rounding."""
        return 2 * state % jnp.uint64(MODULUS)

    def disturbed(self, state: jax.Array, noise: jax.Array) -> jax.Array:
        """Integers again."""
        return added(state, noise)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tent(ExactMap):
    """x' = 1 - |1 - 2 x|, in exact integers; spectrum and measure are those of doubling. Noise is reflected at both
    ends."""

    name = "tent"
    description = "The tent map: preserves Lebesgue measure and is not invertible."
    citation = "A. Lasota and M. C. Mackey, Chaos, fractals, and noise, 1994"

    @staticmethod
    def mode(k: int) -> int:
        """The Koopman operator takes the mode cos(pi k x) to the mode of this number, times its damping."""
        return 2 * k

    def damping(self, k: int) -> float:
        """Of the image of a mode by the noise, in the mean."""
        return math.exp(-((math.pi * k * self.process_noise) ** 2) / 2)

    def image(self, state: jax.Array) -> jax.Array:
        """Without rounding."""
        return jnp.minimum(2 * state, 2 * (jnp.uint64(MODULUS) - state))

    def disturbed(self, state: jax.Array, noise: jax.Array) -> jax.Array:
        """Integers again, reflected: of the two halves of a circle of length 2 one is laid upon the other."""
        around = 2 * jnp.uint64(MODULUS)
        moved = (state + (noise % 2 * MODULUS).astype(jnp.uint64)) % around
        return jnp.minimum(moved, around - moved)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoisyLogistic(Map):
    """x' = (4 x (1 - x) + xi) modulo 1, the density of xi on [-1/2, 1/2] proportional to cos^(2 order)(pi xi).

    The Koopman operator (of the mean over xi) has the rank 2 order + 1, on L2 of [0, 1] with Lebesgue measure.

    Source: Ostruszka, Pakonski, Slomczynski & Zyczkowski, "Dynamical entropy for systems with stochastic perturbation"
    (2000), as Kostic et al. use it (2023).
    """

    order: int = 10

    name = "noisy_logistic"
    description = "The logistic map with trigonometric noise: a Koopman operator of finite rank."
    citation = (
        "P. Ostruszka, P. Pakonski, W. Slomczynski and K. Zyczkowski, Dynamical entropy for systems with stochastic "
        "perturbation, Physical Review E, 2000"
    )

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ConfigError(f"dataset.source.system.order={self.order} must be at least 1.")

    @property
    def coordinates(self) -> tuple[str, ...]:
        """A number of [0, 1)."""
        return ("x",)

    @property
    def stochastic(self) -> bool:
        """Always."""
        return True

    def functions(self, x: np.ndarray) -> np.ndarray:
        """The functions sqrt(c binom(2 order, i)) sin^(2 order - i)(pi x) cos^i(pi x), i = 0 ... 2 order, at (points,):
        (points, 2 order + 1). The density of x' at y given x is the sum over i of function i at 4 x (1 - x) times that
        at y."""
        i = np.arange(2 * self.order + 1)
        scale = np.sqrt(4.0**self.order / comb(2 * self.order, self.order) * comb(2 * self.order, i))
        return scale * np.sin(np.pi * x[:, None]) ** (2 * self.order - i) * np.cos(np.pi * x[:, None]) ** i

    def spectrum(self, nodes: int = 400) -> np.ndarray:
        """All eigenvalues that are not 0, the largest first: complex (2 order + 1,), by Gauss-Legendre quadrature."""
        points, weights = np.polynomial.legendre.leggauss(nodes)
        x = (points + 1) / 2
        matrix = (self.functions(x) * weights[:, None] / 2).T @ self.functions(4 * x * (1 - x))
        values = np.linalg.eigvals(matrix)
        return values[np.lexsort((values.imag, -np.abs(values).round(12)))]

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform."""
        return rng.random(1)

    def advance(self, state: jax.Array, key: jax.Array, dt: float) -> jax.Array:
        """A step later."""
        # A coordinate s of a point of the unit sphere in n dimensions has density (1 - s^2)^((n - 3) / 2): with
        # n = 2 order + 2 and s = sin(pi xi) this is the density of xi that is wanted.
        point = jax.random.normal(key, (2 * self.order + 2,))
        noise = jnp.arcsin(point[:1] / jnp.linalg.norm(point)) / math.pi
        return (4 * state * (1 - state) + noise) % 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussMap(DisturbedMap):
    """x' = exp(-alpha x^2) + beta on [-1, 0]; by default beta = -1 - exp(-alpha), so that -1 is a fixed point.

    It draws the interval together to that point, and does not preserve Lebesgue measure, under which it is sampled:
    eigenvalues of finite sections are spurious but for those near 1. Noise may lead out of the interval, by its size.

    Source: the example of Colbrook & Townsend, "Rigorous data-driven computation of spectral properties of Koopman
    operators" (2024).
    """

    alpha: float = 2.0
    beta: float | None = None

    name = "gauss_map"
    description = "The Gauss iterated map on [-1, 0]: a test of spectral pollution."
    citation = (
        "M. J. Colbrook and A. Townsend, Rigorous data-driven computation of spectral properties of Koopman operators "
        "for dynamical systems, Communications on Pure and Applied Mathematics, 2024"
    )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """A number of [-1, 0]."""
        return ("x",)

    @property
    def offset(self) -> float:
        """beta."""
        return -1 - math.exp(-self.alpha) if self.beta is None else self.beta

    def spectrum(self, count: int) -> np.ndarray:
        """The eigenvalues on functions that are analytic about the fixed point -1: powers 0, 1, ... of the derivative
        there, 2 alpha exp(-alpha): (count,). Raises `ConfigError` where beta was changed, or with noise: -1 is no fixed
        point then."""
        if self.beta is not None or self.stochastic:
            raise ConfigError("The exact eigenvalues are those of the fixed point -1: leave beta null, and no noise.")
        return (2 * self.alpha * math.exp(-self.alpha)) ** np.arange(count)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform."""
        return rng.random(1) - 1

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Gauss-Legendre quadrature on [-1, 0]."""
        if len(grid) != 1 or grid[0] < 1:
            raise ConfigError(f"dataset.source.grid={list(grid)} needs one number of nodes, such as [100].")
        points, weights = np.polynomial.legendre.leggauss(grid[0])
        return (points[:, None] - 1) / 2, weights / 2

    def image(self, state: jax.Array) -> jax.Array:
        """The bell."""
        return jnp.exp(-self.alpha * state**2) + self.offset


def _middles(grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Middles (points, 1) of cells of [0, 1], and equal weights of sum 1."""
    if len(grid) != 1 or grid[0] < 1:
        raise ConfigError(f"dataset.source.grid={list(grid)} needs one number of nodes, such as [1000].")
    return (np.arange(grid[0])[:, None] + 0.5) / grid[0], np.full(grid[0], 1 / grid[0])
