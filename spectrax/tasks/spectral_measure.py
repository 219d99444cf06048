"""Spectral measures: how the energy of one observable spreads over the unit circle, beside the spectrum itself."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from spectrax.core.direct_protocols import Estimator, Judgement
from spectrax.core.errors import ConfigError
from spectrax.estimators.compression import compression
from spectrax.estimators.dictionaries.dictionary import fit_dictionary
from spectrax.estimators.mpedmd import spectral_atoms
from spectrax.estimators.qr import factors
from spectrax.estimators.snapshots import Pairs
from spectrax.estimators.spectral_measure import MAXIMAL_ORDER, centred, smoothed_densities
from spectrax.estimators.spectrum import KoopmanSpectrum
from spectrax.plots import koopman_measures
from spectrax.tasks.spectrum import Spectrum

_ON_CIRCLE = 1e-9  # of a modulus from 1: eigenvalues of a unitary operator, whose eigenfunctions are orthonormal
_SEEN = 2048  # states by which a dictionary tells its functions before it is fitted


@dataclasses.dataclass(frozen=True)
class SpectralMeasure(Spectrum):
    """A spectrum, and the spectral measure of one function of its dictionary for the training pairs, smoothed with
    rational kernels; for measure-preserving systems. Where the dataset's system knows the density, so is the error.

    Attributes:
        observable: the function, by its number in the dictionary.
        centred: its mean is taken away, which is an atom at the angle 0.
        orders: of the kernels, 1 to 6.
        epsilons: their widths; the dictionary has to resolve them.
        angles: at which the density is computed, from -pi to pi.

    Raises:
        ConfigError: for values that make no sense.
    """

    observable: int = 0
    centred: bool = False
    orders: Sequence[int] = (1, 2, 4, 6)
    epsilons: Sequence[float] = (0.2, 0.1, 0.05)
    angles: int = 720

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.orders or not set(self.orders) <= set(range(1, MAXIMAL_ORDER + 1)):
            raise ConfigError(f"task.orders={list(self.orders)} must be some of 1 to {MAXIMAL_ORDER}.")
        if not self.epsilons or min(self.epsilons) <= 0 or self.angles < 2 or self.observable < 0:
            raise ConfigError("task.epsilons must be above 0, task.angles at least 2 and task.observable at least 0.")
        if not self.isometry:
            raise ConfigError("task=spectral_measure is of measure-preserving systems: set task.isometry=true.")

    def check_estimator(self, estimator: Estimator, given: Pairs) -> None:
        """Raises `ConfigError` where the dictionary lacks the observable, or the constant that is to be taken away; of
        a dictionary whose functions only the fit tells, nothing."""
        dictionary = getattr(estimator, "dictionary", None)
        if dictionary is None:
            return
        try:
            names = fit_dictionary(dictionary, given.x[:_SEEN], 0).names()
        except ConfigError:
            return  # so few states may not do; if all do not, the fit says why
        self._check_functions(names)

    def judge(self, fitted: KoopmanSpectrum, dataset: Any, split: str, estimator: Estimator, seed: int) -> Judgement:
        """What `Spectrum` says, the densities, and their errors where the density is known."""
        said = super().judge(fitted, dataset, split, estimator, seed)
        angles = np.linspace(-np.pi, np.pi, self.angles)
        densities, atoms = self._measured(fitted, dataset, angles)
        exact = self._exact(dataset, angles)
        errors = {} if exact is None else {key: error(found, exact) for key, found in densities.items()}
        metrics = {f"density_error_order_{order}_width_{_word(eps)}": value for (order, eps), value in errors.items()}
        figures = {"spectral_measure": lambda: koopman_measures.measures(angles, densities, exact, errors, atoms)}
        return Judgement({**said.metrics, **metrics}, {**said.figures, **figures}, said.documents)

    def _measured(
        self, fitted: KoopmanSpectrum, dataset: Any, angles: np.ndarray
    ) -> tuple[dict[tuple[int, float], np.ndarray], tuple[np.ndarray, np.ndarray] | None]:
        """Densities (angles,) by order and width; and atoms, angles and masses, where the operator is unitary."""
        made = factors(fitted.dictionary, self.given(dataset, "train"))
        compressed = compression(made)
        names = list(fitted.dictionary.names())
        self._check_functions(names)
        coefficients = np.zeros(len(names))
        coefficients[self.observable] = 1
        f = compressed.coordinates @ coefficients
        if self.centred:
            f = centred(f, compressed.coordinates[:, names.index("1")])
            coefficients = compressed.basis @ f
        found = smoothed_densities(compressed.matrix, f, angles, self.orders, self.epsilons)
        values = fitted.unverified().eigenvalues
        if np.max(np.abs(np.abs(values) - 1)) > _ON_CIRCLE:
            return found, None
        return found, (np.angle(values), spectral_atoms(compressed, fitted.vectors, coefficients))

    def _check_functions(self, names: Sequence[str]) -> None:
        if self.observable >= len(names):
            raise ConfigError(
                f"task.observable={self.observable}: the dictionary has the functions 0 to {len(names) - 1}."
            )
        if self.centred and "1" not in names:
            raise ConfigError("task.centred=true needs a dictionary with the constant 1.")

    def _exact(self, dataset: Any, angles: np.ndarray) -> np.ndarray | None:
        """The density of the first coordinate, where the dataset's system knows it."""
        system = getattr(getattr(dataset, "source", None), "system", None)
        return system.density(angles) if hasattr(system, "density") and not self.observable else None


def error(density: np.ndarray, exact: np.ndarray) -> float:
    """The largest difference, over the largest value."""
    return float(np.abs(density - exact).max() / np.abs(exact).max())


def _word(width: float) -> str:
    """Names of metrics have no dots."""
    return f"{width:g}".replace(".", "_")
