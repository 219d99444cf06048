"""Systems that finitely many functions of the state make linear: their Koopman spectra are lattices."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.boxes import Box, checked, midpoints, uniform
from spectrax.solvers.dynamics.flows import Disturbed
from spectrax.solvers.dynamics.maps import DisturbedMap


def products(eigenvalues: Sequence[complex], degree: int) -> np.ndarray:
    """All products of powers of eigenvalues with exponents 0, 1, ... of sum at most `degree`: complex (functions,).

    These are the eigenvalues of the Koopman operator on the polynomials up to that degree, where the eigenvalues of a
    linear map are given; the first is that of the constant, 1.
    """
    values = np.asarray(eigenvalues, np.complex128)
    chosen = (
        combination
        for total in range(degree + 1)
        for combination in itertools.combinations_with_replacement(range(len(values)), total)
    )
    return np.array([np.prod(values[list(combination)]) for combination in chosen])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Linear(DisturbedMap):
    """x' = A x + process_noise xi, A real with chosen pairs of eigenvalues and eigenvectors that are not orthogonal.

    Attributes:
        moduli, angles: of a pair of complex conjugate eigenvalues each.
    """

    moduli: Sequence[float] = (0.99, 0.95, 0.9)
    angles: Sequence[float] = (0.3, 0.9, 1.7)

    name = "linear"
    description = "A linear map with known eigenvalues."
    citation = "none; the eigenvalues follow from the settings"

    def __post_init__(self) -> None:
        object.__setattr__(self, "moduli", tuple(map(float, self.moduli)))
        object.__setattr__(self, "angles", tuple(map(float, self.angles)))
        if not self.moduli or len(self.moduli) != len(self.angles) or min(self.moduli) < 0:
            raise ConfigError(
                f"dataset.source.system: each modulus (none negative) needs an angle: moduli={list(self.moduli)}, "
                f"angles={list(self.angles)}."
            )
        super().__post_init__()

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Two for each pair of eigenvalues."""
        return tuple(f"x{number + 1}" for number in range(2 * len(self.moduli)))

    @property
    def eigenvalues(self) -> np.ndarray:
        """Of A: complex (dimension,)."""
        upper = np.array(self.moduli) * np.exp(1j * np.array(self.angles))
        return np.stack([upper, upper.conj()], -1).ravel()

    @property
    def matrix(self) -> np.ndarray:
        """A (dimension, dimension), which acts on columns."""
        size = len(self.coordinates)
        blocks = np.zeros((size, size))
        for number, value in enumerate(self.eigenvalues[::2]):
            pair = slice(2 * number, 2 * number + 2)
            blocks[pair, pair] = [[value.real, -value.imag], [value.imag, value.real]]
        basis = np.eye(size) + np.triu(np.full((size, size), 0.5 / math.sqrt(size)), 1)
        return basis @ blocks @ np.linalg.inv(basis)

    def spectrum(self, degree: int = 1) -> np.ndarray:
        """Of the Koopman operator on polynomials up to `degree`, 1 first; also of its mean where there is noise."""
        return products(self.eigenvalues, degree)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Standard normal."""
        return rng.standard_normal(len(self.coordinates))

    def image(self, state: jax.Array) -> jax.Array:
        """A x."""
        return jnp.asarray(self.matrix) @ state


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlowManifold(Disturbed):
    """x1' = mu x1, x2' = lam (x2 - x1^2): what is off the parabola near x2 = x1^2 decays fast. Solved exactly.

    (x1, x2, x1^2) move linearly; the generator of the Koopman operator has the eigenvalues mu, lam and 2 mu, and all
    sums of these; process noise adds constants and leaves them as they are.

    Attributes:
        mu: rate on the manifold.
        lam: rate towards it.
        box: of initial states.
        substep: with noise, which is added between two exact solutions.

    Source: the example with a discrete spectrum of Lusch, Kutz & Brunton (2018).
    """

    mu: float = -0.05
    lam: float = -1.0
    box: Box = ((-0.5, 0.5), (-0.5, 0.5))
    substep: float = 0.02

    name = "discrete_spectrum"
    description = "A slow manifold that attracts: two nonlinear equations with a discrete Koopman spectrum."
    citation = (
        "B. Lusch, J. N. Kutz and S. L. Brunton, Deep learning for universal linear embeddings of nonlinear dynamics, "
        "Nature Communications, 2018"
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", checked(self.name, self.box, 2))
        if self.lam == 2 * self.mu:
            raise ConfigError("dataset.source.system: lam must not be 2 mu, where the solution resonates.")
        super().__post_init__()

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Slow and fast."""
        return ("x1", "x2")

    def spectrum(self, dt: float, degree: int = 1) -> np.ndarray:
        """exp((k mu + l lam) dt) for k + l up to `degree`, 1 first: complex (functions,)."""
        return products(np.exp([self.mu * dt, self.lam * dt]), degree)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform in the box."""
        return uniform(self.box, rng)

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Middles of the cells of the box, with their areas."""
        return midpoints(self.box, grid)

    def flow(self, state: jax.Array, step: float) -> jax.Array:
        """The exact solution."""
        slow, fast = state
        driven = self.lam / (2 * self.mu - self.lam) * slow**2
        moved = (fast + driven) * math.exp(self.lam * step) - driven * math.exp(2 * self.mu * step)
        return jnp.stack([slow * math.exp(self.mu * step), moved])
