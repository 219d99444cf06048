"""Pairs of snapshots (x, F(x)) with quadrature weights: what every estimator is fitted to.

Weights make sums over snapshots into integrals: 1 / M each for independent samples and for one long trajectory (Monte
Carlo, error M^-1/2), products of the rules below on grids.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.estimators.whole_numbers import check_whole

Rule = tuple[np.ndarray, np.ndarray]
"""Nodes (points,) or (points, dimension), and weights (points,)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Snapshots and their images, one pair a row, as float64 (complex128 where they are complex).

    Attributes:
        x: (pairs, dimension), states.
        y: (pairs, dimension), where the system takes them.
        weights: (pairs,) positive quadrature weights; None: 1 / pairs each.
        second: (pairs, dimension), for a stochastic system another image of the same states, drawn independently.
        precision: rounding unit of the states as they came; 1.2e-7 where they were float32, whatever is given here.

    Raises:
        ConfigError: when shapes do not fit, a value is no finite number, or there is no pair.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None
    second: np.ndarray | None = None
    precision: float = float(np.finfo(np.float64).eps)

    def __post_init__(self) -> None:
        coarsest = max(_rounding(states) for states in (self.x, self.y, self.second))
        object.__setattr__(self, "precision", max(self.precision, coarsest))
        for name in ("x", "y", "second"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checked_states(name, getattr(self, name)))
        if self.weights is not None:
            object.__setattr__(self, "weights", checked_weights(self.weights, len(self.x)))
        for name in ("y", "second"):
            images = getattr(self, name)
            if images is not None and images.shape != self.x.shape:
                raise ConfigError(
                    f"{name} has shape {list(images.shape)} and x {list(self.x.shape)}. Give one image for each state."
                )

    @classmethod
    def of_trajectories(
        cls, trajectories: ArrayLike | Sequence[ArrayLike], lag: int = 1, weights: ArrayLike | None = None
    ) -> Self:
        """All pairs of states `lag` steps apart, trajectory by trajectory; none across a border.

        Args:
            trajectories: (trajectories, length, ...state), or a sequence of (length, ...state) of any lengths; states
                of several axes become rows.
            weights: (trajectories,), of the initial points where those are a grid: every pair of a trajectory gets its
                trajectory's, over the number of its pairs.

        Raises:
            ConfigError: when a trajectory has no such pair.
        """
        flat = _trajectories(trajectories)
        _check_lag(lag, flat)
        each = None
        if weights is not None:
            given = checked_weights(weights, len(flat))
            counts = [len(trajectory) - lag for trajectory in flat]
            each = np.repeat(given / counts, counts)
        x = np.concatenate([trajectory[:-lag] for trajectory in flat])
        y = np.concatenate([trajectory[lag:] for trajectory in flat])
        return cls(x, y, each)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def dimension(self) -> int:
        """Numbers in a state."""
        return self.x.shape[1]

    @property
    def quadrature(self) -> np.ndarray:
        """The weights (pairs,), 1 / pairs where none were given."""
        return np.full(len(self), 1 / len(self)) if self.weights is None else self.weights

    def take(self, chosen: ArrayLike | slice) -> Self:
        """The pairs that an index array, a mask or a slice chooses."""
        parts = (self.x, self.y, self.weights, self.second)
        return type(self)(*[None if part is None else part[chosen] for part in parts], self.precision)


@dataclasses.dataclass(frozen=True, eq=False)
class Stream:
    """Pairs of trajectories that are never all in memory at once, as those of a `numpy.memmap`.

    Attributes:
        trajectories: (trajectories, length, ...state), or a sequence of (length, ...state); sliced, never copied whole.
        lag: steps between the states of a pair.
        size: pairs in a batch, at most.

    Raises:
        ConfigError: when `lag` or `size` is no positive whole number.
    """

    trajectories: Sequence[np.ndarray]
    lag: int = 1
    size: int = 65_536

    def __post_init__(self) -> None:
        check_whole("lag", self.lag)
        check_whole("size", self.size)

    def __len__(self) -> int:
        return sum(max(0, len(trajectory) - self.lag) for trajectory in self.trajectories)

    def __iter__(self) -> Iterator[Pairs]:
        """Batches in order, none across a border. Raises `ConfigError` where a state is not finite, or a trajectory too
        short."""
        _check_lag(self.lag, self.trajectories)
        together: list[np.ndarray] = []  # short trajectories share a batch
        for trajectory in self.trajectories:
            if together and sum(map(len, together)) + len(trajectory) > self.size:
                yield Pairs.of_trajectories(together, self.lag)
                together = []
            if len(trajectory) <= self.size:
                together.append(np.asarray(trajectory))
                continue
            for start in range(0, len(trajectory) - self.lag, self.size):
                yield Pairs.of_trajectories(
                    np.asarray(trajectory[start : start + self.size + self.lag])[None], self.lag
                )
        if together:
            yield Pairs.of_trajectories(together, self.lag)


def delayed(trajectories: ArrayLike | Sequence[ArrayLike], delays: int) -> np.ndarray | list[np.ndarray]:
    """States with what follows them: `delays` states in a row, earliest first, as one (Hankel matrices as rows).

    Args:
        trajectories: (trajectories, length, ...state), or a sequence of (length, ...state); or one, (length,
            dimension).

    Returns:
        (trajectories, length - delays + 1, delays * dimension), or a list of (length - delays + 1, delays * dimension)
        where lengths differ; of one trajectory (length - delays + 1, delays * dimension). A window never crosses from
        one trajectory into the next.

    Raises:
        ConfigError: when a trajectory is shorter than `delays`, which is a positive whole number.
    """
    check_whole("delays", delays)
    if is_one_trajectory(trajectories):
        return delayed(np.asarray(trajectories)[None], delays)[0]
    flat = _trajectories(trajectories)
    shortest = min(len(trajectory) for trajectory in flat)
    if delays > shortest:
        raise ConfigError(
            f"delays={delays} does not lie between 1 and the length of the shortest trajectory, {shortest}. Give "
            "longer trajectories, or fewer delays."
        )
    windows = [_windows(trajectory, delays) for trajectory in flat]
    return np.stack(windows) if len({len(window) for window in windows}) == 1 else windows


def is_one_trajectory(states: Any) -> bool:
    """Whether it is one trajectory: an array of two axes, a table such as a pandas DataFrame, or a list of rows."""
    if hasattr(states, "shape"):  # indexing a table by 0 would ask for a column of that name
        return len(states.shape) == 2
    return len(states) > 0 and np.ndim(states[0]) == 1


def midpoint(lower: float, upper: float, points: int) -> Rule:
    """The midpoint rule on [lower, upper]: error of order points^-2, exponentially small for periodic functions."""
    _check_interval(lower, upper, points)
    width = (upper - lower) / points
    return lower + width * (np.arange(points) + 0.5), np.full(points, width)


def trapezoid(lower: float, upper: float, points: int, periodic: bool = False) -> Rule:
    """The trapezoid rule on [lower, upper], both ends among its nodes: error of order points^-2.

    Args:
        periodic: leave out the upper end, which is the lower one: exponentially accurate for analytic functions.
    """
    _check_interval(lower, upper, points, least=1 if periodic else 2)
    nodes = np.linspace(lower, upper, points, endpoint=not periodic)
    weights = np.full(points, (upper - lower) / (points if periodic else points - 1))
    if not periodic:
        weights[[0, -1]] /= 2
    return nodes, weights


def gauss_legendre(lower: float, upper: float, points: int) -> Rule:
    """Gauss-Legendre quadrature on [lower, upper]: exact for polynomials of degree 2 points - 1."""
    _check_interval(lower, upper, points)
    nodes, weights = np.polynomial.legendre.leggauss(points)
    half = (upper - lower) / 2
    return lower + half * (nodes + 1), half * weights


def tensor_grid(*rules: Rule) -> Rule:
    """The product of one-dimensional rules: nodes (points, dimension), the last coordinate fastest, and weights."""
    if not rules:
        raise ConfigError("A grid needs a rule for each coordinate; there is none.")
    nodes = np.meshgrid(*[nodes for nodes, _ in rules], indexing="ij")
    weights = np.meshgrid(*[weights for _, weights in rules], indexing="ij")
    return np.stack([axis.ravel() for axis in nodes], axis=-1), np.prod([axis.ravel() for axis in weights], axis=0)


def check_parting(pairs: Pairs, held_out: float) -> None:
    """Raises `ConfigError` where a random part of a quadrature rule's nodes is to be held out: what is left is no rule.

    With 20 of 100 Legendre nodes gone, a dictionary that was orthonormal is not, and eigenvalues go far astray.
    """
    if held_out and pairs.weights is not None:
        raise ConfigError(
            f"held_out={held_out:g} would take nodes out of a quadrature rule, whose pairs with their weights belong "
            "together. Set held_out=0 and compute residuals by `verified` on the pairs of another rule."
        )


def _check_lag(lag: int, trajectories: Sequence[np.ndarray]) -> None:
    """Raises `ConfigError` where one has no states so many steps apart."""
    check_whole("lag", lag)
    shortest = min(map(len, trajectories), default=lag + 1)
    if shortest <= lag:
        raise ConfigError(
            f"Pairs {lag} steps apart need trajectories of at least {lag + 1} states; the shortest has {shortest}. "
            "Give longer ones, or a smaller lag (of at least 1)."
        )


def checked_weights(weights: ArrayLike, count: int) -> np.ndarray:
    """Weights as float64 (count,). Raises `ConfigError` where one is not positive and finite, or their number is not
    `count`."""
    array = np.asarray(weights, np.float64)
    if array.shape != (count,):
        raise ConfigError(f"There are weights of shape {list(array.shape)} for {count} rows. Give one for each.")
    if not (np.isfinite(array) & (array > 0)).all():
        raise ConfigError(
            "A quadrature weight is not a positive finite number. Leave out rows that are to count nothing."
        )
    return array


def _rounding(states: ArrayLike | None) -> float:
    """Rounding unit of floating-point states; 0 of none and of integers."""
    dtype = np.asarray(states).dtype
    return float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0


def checked_states(name: str, states: ArrayLike) -> np.ndarray:
    """States (rows, dimension) as float64 or complex128. Raises `ConfigError` for other shapes, and where one is no
    finite number."""
    array = np.asarray(states)
    if array.dtype.kind not in "fciub":
        raise ConfigError(f"{name} holds {array.dtype}, and states are numbers. Give arrays of floats.")
    array = array.astype(np.complex128 if np.iscomplexobj(array) else np.float64, copy=False)
    if array.ndim != 2 or not array.size:
        raise ConfigError(f"{name} has shape {list(array.shape)}; a row for each of one or more states is needed.")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise ConfigError(
            f"{name} holds NaN or infinity in {np.count_nonzero(~finite):,} of {len(array):,} rows, first in row "
            f"{np.argmin(finite):,}. Leave those rows out, or look for a solution that blew up."
        )
    return array


def _trajectories(trajectories: ArrayLike | Sequence[ArrayLike]) -> list[np.ndarray]:
    """Each as (length, dimension)."""
    if isinstance(trajectories, np.ndarray) and trajectories.ndim < 3:
        raise ConfigError(
            f"Trajectories of shape {list(trajectories.shape)}, where (trajectories, length, dimension) is needed. Add "
            "an axis for the trajectories, or one for the coordinates."
        )
    arrays = [np.asarray(trajectory) for trajectory in trajectories]
    if not arrays:
        raise ConfigError("There is no trajectory. Give at least one.")
    flawed = next((array for array in arrays if array.ndim < 2), None)
    if flawed is not None:
        raise ConfigError(
            f"A trajectory has shape {list(flawed.shape)}, and (length, dimension) is needed. Add an axis for the "
            "coordinates."
        )
    _check_numbers(arrays)
    flat = [array.reshape(len(array), math.prod(array.shape[1:])) for array in arrays]  # there may be no row
    if len({array.shape[1] for array in flat}) > 1:
        raise ConfigError("Trajectories have states of different sizes. Fit them apart.")
    return flat


def _check_numbers(trajectories: Sequence[np.ndarray]) -> None:
    """Raises `ConfigError` that names trajectory and step of the first value that is no finite number."""
    for number, trajectory in enumerate(trajectories):
        if trajectory.dtype.kind not in "fciub":
            raise ConfigError(f"A trajectory holds {trajectory.dtype}, and states are numbers. Give arrays of floats.")
        finite = np.isfinite(trajectory).all(axis=tuple(range(1, trajectory.ndim)))
        if not finite.all():
            raise ConfigError(
                f"Trajectory {number:,} holds NaN or infinity, first at step {np.argmin(finite):,} (from 0). Leave it "
                "out or end it before, or look for a solution that blew up."
            )


def _windows(trajectory: np.ndarray, delays: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(trajectory, delays, axis=0)  # (rows, dimension, delays)
    return windows.swapaxes(1, 2).reshape(len(windows), -1)


def _check_interval(lower: float, upper: float, points: int, least: int = 1) -> None:
    if not (lower < upper and points >= least):
        raise ConfigError(f"[{lower}, {upper}] with {points} nodes is no rule. Give lower < upper and {least} or more.")
