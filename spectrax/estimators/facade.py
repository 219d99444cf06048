"""Any estimator of a Koopman operator in scikit-learn's manner: arrays in, `fit`, `predict`, `transform`, `score`."""

from __future__ import annotations

import numbers
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.edmd import EDMD
from spectrax.estimators.snapshots import Pairs, Stream, check_parting, checked_states, delayed, is_one_trajectory
from spectrax.estimators.spectrum import KoopmanSpectrum
from spectrax.estimators.whole_numbers import check_whole


class Koopman(BaseEstimator):
    """A Koopman operator fitted to trajectories or pairs, with residuals on pairs that it did not see.

    >>> model = Koopman(EDMD(RBF(300)), delays=2).fit(trajectory)
    >>> model.eigenvalues_, model.residuals_, model.predict(trajectory[:2], steps=10)

    Args:
        estimator: `DMD`, `EDMD`, `KernelEDMD`, `ResDMD`, `MeasurePreservingEDMD`: anything with `fit(pairs, seed)`;
            None: EDMD on the constant 1 and the coordinates. One that holds out pairs itself is given all of them.
        lag: steps of a trajectory between the states of a pair.
        delays: states of a trajectory in a row that are one state, earliest first (Hankel-DMD and its like); pairs are
            taken as they are.
        held_out: fraction of the pairs that are kept from the fit for residuals, drawn at random: of a trajectory their
            neighbours are fitted to. For a sterner test call `spectrum_.verified` with pairs of another trajectory.
            0: there are no residuals, and `eigenvalues_` says so; for quadrature rules, whose nodes belong together.
        seed: of what is drawn: held-out pairs, centres, features.

    Attributes:
        spectrum_: a `KoopmanSpectrum`.
        n_features_in_: numbers in a state, without delays.
        delays_: states in a row that are one state; 1 after a fit to pairs.
    """

    def __init__(self, estimator: Any = None, *, lag: int = 1, delays: int = 1, held_out: float = 0.2, seed: int = 0):
        self.estimator = estimator
        self.lag = lag
        self.delays = delays
        self.held_out = held_out
        self.seed = seed

    def fit(self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to a trajectory (length, dimension), trajectories (trajectories, length, dimension), or pairs: states
        X (pairs, dimension) and images y of the same shape; a `Pairs` is taken as it is.

        Args:
            sample_weight: (pairs,) quadrature weights, with `y`; they need `held_out=0`.

        Raises:
            ConfigError: when shapes do not fit, a value is not finite, there are too few pairs, pairs with weights are
                to be held out, `estimator` is none, or an argument of the constructor makes no sense.
        """
        check_whole("lag", self.lag)
        check_whole("delays", self.delays)
        estimator = EDMD(Monomials(degree=1)) if self.estimator is None else self.estimator
        if isinstance(estimator, type) or not hasattr(estimator, "fit"):
            raise ConfigError(f"estimator={estimator!r} is no estimator. Give one, such as EDMD(RBF(300)).")
        pairs = self._pairs(X, y, sample_weight)
        kept, tested = (pairs, None) if getattr(estimator, "held_out", 0) else self._parted(pairs)
        spectrum = estimator.fit(kept, self.seed)
        if tested is not None:
            spectrum = spectrum.verified(tested)
        self.spectrum_: KoopmanSpectrum = spectrum
        self.delays_ = 1 if y is not None or isinstance(X, Pairs) else self.delays
        self.n_features_in_ = pairs.dimension // self.delays_
        return self

    @property
    def eigenvalues_(self) -> np.ndarray:
        """(r,) complex. Raises `ConfigError` where no pairs were held out."""
        return self._fitted().eigenvalues

    @property
    def residuals_(self) -> np.ndarray | None:
        """(r,) on held-out pairs, or None."""
        return self._fitted().residuals

    @property
    def modes_(self) -> np.ndarray:
        """(r, dimension) complex: the state is the sum of eigenfunctions times them, as far as the dictionary holds it.

        Raises:
            ConfigError: when the estimator kept no coefficients of the state.
        """
        spectrum = self._fitted()
        if spectrum.state is None:
            raise ConfigError("This estimator kept no coefficients of the state, so there are no modes.")
        return np.linalg.lstsq(spectrum.vectors, spectrum.state.astype(complex), rcond=None)[0]

    def predict(self, X: ArrayLike, steps: int = 1) -> np.ndarray:
        """States `steps` steps after those given.

        Args:
            X: (batch, dimension); with delays (batch, delays * dimension) as `snapshots.delayed` makes them, or a
                stretch of a trajectory (length, dimension), which is then delayed.

        Returns:
            As X; with delays, rows of as many states, or of a stretch the states (length - delays + 1, dimension)
            that many steps after its states from number `delays` on.

        Raises:
            ConfigError: when X has another shape or is not finite, `steps` is no positive whole number, or the
                estimator kept no coefficients of the state.
        """
        return self.forecast(X, steps)[:, -1]

    def forecast(self, X: ArrayLike, steps: int) -> np.ndarray:
        """States (batch, steps, dimension) at steps 1 ... `steps` after states X as in `predict`."""
        check_whole("steps", steps)
        states, stretch = self._states(X)
        found = self._fitted().predict(states, steps)
        return found[..., -self.n_features_in_ :] if stretch else found

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Eigenfunctions (batch, r) complex at states X as in `predict`; of a stretch of a trajectory (length - delays
        + 1, r)."""
        return self._fitted().eigenfunctions(self._states(X)[0])

    def score(self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> float:
        """The coefficient of determination of one step's prediction; 1 is perfect. Arguments as of `fit`."""
        pairs = self._pairs(X, y, sample_weight)
        weights = pairs.quadrature[:, None]
        mean = (weights * pairs.y).sum(0) / weights.sum()
        states, _ = self._states(pairs.x, stretches=False)
        left = (weights * abs(pairs.y - self._fitted().predict(states, 1)[:, 0]) ** 2).sum()
        return float(1 - left / (weights * abs(pairs.y - mean) ** 2).sum())

    def certificate(self, threshold: float = 0.1, isometry: bool = False) -> dict[str, Any]:
        """What may be claimed of the eigenvalues and what not, see `KoopmanSpectrum.certificate`."""
        if not isinstance(threshold, numbers.Real):
            raise ConfigError(f"threshold={threshold!r} is no residual. Give a positive number, such as 0.1.")
        return self._fitted().certificate(threshold, isometry)

    def _states(self, X: ArrayLike, stretches: bool = True) -> tuple[np.ndarray, bool]:
        """States as they were fitted (batch, delays * dimension), and whether they were a stretch of a trajectory.

        `stretches`: such are taken.
        """
        self._fitted()
        states = checked_states("X", np.atleast_2d(X))
        single, count = self.n_features_in_, self.delays_
        if states.shape[1] == single * count:
            return states, False
        if count == 1:
            raise ConfigError(f"X has shape {list(states.shape)}, and states (batch, {single}) are needed.")
        if not stretches or states.shape[1] != single or len(states) < count:
            raise ConfigError(
                f"X has shape {list(states.shape)}, and this model takes {count} states in a row for one (delays="
                f"{count}). Give (batch, {single * count}), as `snapshots.delayed(trajectory, {count})` makes it, or "
                f"{count} or more states of a trajectory, (length, {single})."
            )
        return delayed(states, count), True

    def _pairs(self, X: Any, y: ArrayLike | None, weights: ArrayLike | None) -> Pairs:
        if isinstance(X, Pairs):
            return X
        if isinstance(X, Stream):
            raise ConfigError("A Stream cannot be parted, nor its states delayed. Give it to the estimator's own fit.")
        if not hasattr(X, "__len__"):
            raise ConfigError(f"X={X!r} is no trajectory. Give an array (length, dimension).")
        if y is not None:
            return Pairs(np.asarray(X), np.asarray(y), None if weights is None else np.asarray(weights))
        if weights is not None:
            raise ConfigError("sample_weight goes with pairs: give their images as y.")
        trajectories = np.asarray(X)[None] if is_one_trajectory(X) else X
        return Pairs.of_trajectories(delayed(trajectories, self.delays) if self.delays > 1 else trajectories, self.lag)

    def _parted(self, pairs: Pairs) -> tuple[Pairs, Pairs | None]:
        """Those to fit to, and those held out."""
        if not isinstance(self.held_out, numbers.Real) or not 0 <= self.held_out < 1:
            raise ConfigError(f"held_out={self.held_out!r} is no fraction. Give a number from 0 to below 1.")
        check_parting(pairs, self.held_out)
        count = round(self.held_out * len(pairs))
        if not count:
            return pairs, None
        shuffled = np.random.default_rng(self.seed).permutation(len(pairs))
        return pairs.take(np.sort(shuffled[count:])), pairs.take(np.sort(shuffled[:count]))

    def _fitted(self) -> KoopmanSpectrum:
        if not hasattr(self, "spectrum_"):
            raise ConfigError("The model is not fitted yet. Call fit first.")
        return self.spectrum_
