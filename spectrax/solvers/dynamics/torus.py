"""Maps of the circle and of the torus that preserve Lebesgue measure: rotations, a skew product and the cat map.

Angles are in [0, 2 pi). Their Koopman operators act on Fourier modes exp(i k . angles) in closed form, and are unitary
without noise. Noise of deviation s, wrapped around, damps the image of a mode by exp(-|k|^2 s^2 / 2), in the mean.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.exact_integers import MODULUS, added, fractions, integers
from spectrax.solvers.dynamics.maps import DisturbedMap

_TURN = 2 * math.pi


@dataclasses.dataclass(frozen=True, kw_only=True)
class AngleMap(DisturbedMap):
    """Base of maps of angles."""

    units = "radians"

    @property
    def unitary(self) -> bool:
        """Without noise."""
        return not self.stochastic

    def damping(self, modes: ArrayLike) -> np.ndarray:
        """Of the images of modes (..., dimension) by the noise, in the mean: (...)."""
        return np.exp(-(np.asarray(modes) ** 2).sum(-1) * self.process_noise**2 / 2)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Uniform."""
        return _TURN * rng.random(len(self.coordinates))

    def nodes(self, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """A grid of equally spaced angles, the last fastest, and equal weights of sum 1."""
        dimension = len(self.coordinates)
        if len(grid) != dimension or min(grid) < 1:
            raise ConfigError(
                f"dataset.source.grid={list(grid)} needs a number of nodes for each of {dimension} angles."
            )
        axes = [_TURN * np.arange(count) / count for count in grid]
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, dimension)
        return nodes, np.full(len(nodes), 1 / len(nodes))

    def disturbed(self, state: jax.Array, noise: jax.Array) -> jax.Array:
        """Angles again."""
        return (state + noise) % _TURN


@dataclasses.dataclass(frozen=True, kw_only=True)
class CircleRotation(AngleMap):
    """angle' = angle + 2 pi turns.

    Attributes:
        turns: of a step; the golden mean by default. A fraction p / q makes every orbit one of q points.
    """

    turns: float = (math.sqrt(5) - 1) / 2

    name = "circle_rotation"
    description = "Rotation of the circle: every Fourier mode is an eigenfunction."
    citation = "none; the spectrum follows from the settings"

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The angle."""
        return ("angle",)

    def spectrum(self, order: int) -> np.ndarray:
        """exp(2 pi i k turns), damped by the noise, of the modes k = -order ... order: complex (2 order + 1,)."""
        k = np.arange(-order, order + 1)
        return np.exp(_TURN * 1j * k * self.turns) * self.damping(k[:, None])

    def image(self, state: jax.Array) -> jax.Array:
        """Turned."""
        return (state + _TURN * self.turns) % _TURN


@dataclasses.dataclass(frozen=True, kw_only=True)
class TorusRotation(AngleMap):
    """Both angles turn, by `turns` of a step each; the spectrum is dense on the circle where they are incommensurate.

    Attributes:
        turns: two numbers.
    """

    turns: Sequence[float] = ((math.sqrt(5) - 1) / 2, math.sqrt(2) - 1)

    name = "torus_rotation"
    description = "Rotation of the torus by two incommensurate angles: eigenvalues are dense on the circle."
    citation = "none; the spectrum follows from the settings"

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", tuple(map(float, self.turns)))
        if len(self.turns) != 2:
            raise ConfigError(f"dataset.source.system.turns={list(self.turns)} should be two numbers.")
        super().__post_init__()

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Two angles."""
        return ("angle1", "angle2")

    def spectrum(self, order: int) -> np.ndarray:
        """exp(2 pi i (k a + l b)), damped by the noise, for k and l from -order to order, l fastest: complex
        ((2 order + 1)^2,)."""
        modes = np.array(list(itertools.product(range(-order, order + 1), repeat=2)))
        return np.exp(_TURN * 1j * modes @ np.array(self.turns)) * self.damping(modes)

    def image(self, state: jax.Array) -> jax.Array:
        """Turned."""
        return (state + _TURN * jnp.array(self.turns)) % _TURN


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkewTorus(AngleMap):
    """(angle, fibre)' = (angle + 2 pi turns, fibre + angle): eigenvalues exp(2 pi i k turns) of the modes k of the
    angle alone; on all others the spectrum is Lebesgue measure on the circle. Noise damps the
    eigenvalues, and leaves 0 of the rest.

    Source: Anzai, "Ergodic skew product transformations on the torus" (1951).
    """

    turns: float = (math.sqrt(5) - 1) / 2

    name = "skew_torus"
    description = "Anzai's skew product: eigenvalues and a Lebesgue spectrum side by side."
    citation = "H. Anzai, Ergodic skew product transformations on the torus, Osaka Mathematical Journal, 1951"

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The angle that turns, and the one that it drives."""
        return ("angle", "fibre")

    def mode(self, k: int, l: int) -> tuple[complex, tuple[int, int]]:  # noqa: E741
        """The Koopman operator takes the mode exp(i (k angle + l fibre)) to factor x mode: (factor, mode)."""
        return complex(np.exp(_TURN * 1j * k * self.turns) * self.damping((k, l))), (k + l, l)

    def spectrum(self, order: int) -> np.ndarray:
        """The eigenvalues of the modes k = -order ... order of the angle: complex (2 order + 1,)."""
        return np.array([self.mode(k, 0)[0] for k in range(-order, order + 1)])

    def image(self, state: jax.Array) -> jax.Array:
        """The fibre is turned by the angle."""
        angle, fibre = state
        return jnp.stack([(angle + _TURN * self.turns) % _TURN, (fibre + angle) % _TURN])


@dataclasses.dataclass(frozen=True, kw_only=True)
class CatMap(AngleMap):
    """(x, y)' = (2 x + y, x + y) modulo 2 pi, in exact integers: eigenvalue 1 of the constant, else Lebesgue spectrum.
    Noise is added in integers too; with it 1 is all of the spectrum but 0.

    Source: Arnold & Avez, "Ergodic problems of classical mechanics" (1968).
    """

    name = "cat_map"
    description = "Arnold's cat map: mixing, with a Lebesgue spectrum."
    citation = "V. I. Arnold and A. Avez, Ergodic problems of classical mechanics, 1968"

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Two angles."""
        return ("x", "y")

    def mode(self, k: int, l: int) -> tuple[int, int]:  # noqa: E741
        """The Koopman operator takes the mode exp(i (k x + l y)) to the mode of these numbers, times its damping."""
        return 2 * k + l, k + l

    def correlations(self, amplitudes: dict[tuple[int, int], complex], count: int) -> np.ndarray:
        """<K^n g, g>, n = 0 ... count - 1, of the function g with these amplitudes of modes, under the uniform
        probability measure: complex (count,). The spectral measure of g has the Fourier coefficients <K^n g, g> / 2 pi.
        """
        moved, found = dict(amplitudes), []
        for _ in range(count):
            found.append(sum(value * np.conj(amplitudes.get(mode, 0)) for mode, value in moved.items()))
            moved = {self.mode(*mode): value * float(self.damping(mode)) for mode, value in moved.items()}
        return np.array(found)

    def internal(self, state: jax.Array) -> jax.Array:
        """Integers modulo a prime."""
        return integers(state / _TURN)

    def shown(self, internal: jax.Array) -> jax.Array:
        """Angles."""
        return _TURN * fractions(internal)

    def image(self, state: jax.Array) -> jax.Array:
        """Without rounding."""
        x, y = state
        return jnp.stack([2 * x + y, x + y]) % jnp.uint64(MODULUS)

    def disturbed(self, state: jax.Array, noise: jax.Array) -> jax.Array:
        """Integers again."""
        return added(state, noise / _TURN)
