"""A unitary operator whose spectral measure is known: a five-diagonal CMV matrix as a rotation of space."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.maps import DisturbedMap


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cmv(DisturbedMap):
    """x' = C x, C the CMV matrix of the coefficients a_k = (-1)^k q^((k + 1) / 2) (Rogers and Szegoe's), of which the
    last one is made 1: then C is orthogonal, and the Koopman operator unitary on linear functions.

    The spectral measure of the first coordinate is that of a normal angle of variance ln(1 / q) wrapped around the
    circle, in the limit of large sizes and to within q^(size / 2) or so of any smoothed one. Process noise leaves the
    mean of a linear function as it is, and lets the square of the length of x grow by size process_noise^2 in a step.

    Attributes:
        size: of the matrix.
        q: between 0 and 1.

    Source: Cantero, Moral & Velazquez, "Five-diagonal matrices and zeros of orthogonal polynomials on the unit circle"
    (2003); Simon, "Orthogonal polynomials on the unit circle" (2005), example 1.6.5.
    """

    size: int = 300
    q: float = 0.95

    name = "cmv"
    description = "A rotation of space by a CMV matrix, whose spectral measure is a wrapped normal distribution."
    citation = "B. Simon, Orthogonal polynomials on the unit circle, American Mathematical Society, 2005"

    def __post_init__(self) -> None:
        if self.size < 2 or not 0 < self.q < 1:
            raise ConfigError(
                f"dataset.source.system: size={self.size} of cmv is at least 2, and q={self.q:g} between 0 and 1."
            )
        super().__post_init__()

    @property
    def coordinates(self) -> tuple[str, ...]:
        """As many as the matrix has rows."""
        return tuple(f"x{number + 1}" for number in range(self.size))

    @property
    def unitary(self) -> bool:
        """C is orthogonal; without noise."""
        return not self.stochastic

    @property
    def matrix(self) -> np.ndarray:
        """C (size, size), orthogonal, which acts on columns.

        It is the product of two matrices with reflections [[a_k, r_k], [r_k, -a_k]], r_k^2 = 1 - a_k^2, along their
        diagonals: those of even k in the first, those of odd k, shifted by one place, in the second.
        """
        left, right = np.eye(self.size), np.eye(self.size)
        for k in range(self.size - 1):
            a = (-1) ** k * self.q ** ((k + 1) / 2)
            r = math.sqrt(1 - a * a)
            (left if k % 2 == 0 else right)[k : k + 2, k : k + 2] = [[a, r], [r, -a]]
        return left @ right

    def density(self, angle: np.ndarray) -> np.ndarray:
        """Of the spectral measure of the first coordinate at angles (...), with mass 1 on a circle of 2 pi."""
        angle = np.asarray(angle, np.float64)
        waves = math.ceil(math.sqrt(-2 * math.log(1e-18) / -math.log(self.q)))
        k = np.arange(1, waves + 1)
        cosines = np.cos(angle[..., None] * k) * self.q ** (k**2 / 2)
        return (1 + 2 * cosines.sum(-1)) / (2 * math.pi)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Standard normal, a distribution that a rotation leaves as it is."""
        return rng.standard_normal(self.size)

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """The unit vectors, each of weight 1: coordinates are orthonormal under this rule, as they are under the
        standard normal distribution."""
        if tuple(grid) != (self.size,):
            raise ConfigError(f"dataset.source.grid={list(grid)}: cmv has {self.size} unit vectors, [{self.size}].")
        return np.eye(self.size), np.ones(self.size)

    def image(self, state: jax.Array) -> jax.Array:
        """C x."""
        return jnp.asarray(self.matrix) @ state
