"""Residual DMD: EDMD's eigenpairs, each with the residual that tells spectrum from artefacts of the dictionary.

Colbrook and Townsend, "Rigorous data-driven computation of spectral properties of Koopman operators for dynamical
systems" (arXiv 2111.14889), algorithm 1.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.compression import compression, state_coefficients
from spectrax.estimators.features import counted, in_memory, with_dictionary
from spectrax.estimators.qr import RANK_TOLERANCE, factors
from spectrax.estimators.snapshots import Pairs, Stream, check_parting
from spectrax.estimators.spectrum import KoopmanSpectrum, Reduced


@dataclasses.dataclass(frozen=True)
class ResDMD:
    """Fits an operator to some of the pairs and computes residuals on the others.

    Attributes:
        dictionary: of `spectrax.estimators.dictionaries`; fitted to the pairs that are not held out (of a `Stream` to
            the first batch), where it has to be.
        threshold: largest residual of an eigenpair that is kept as spectrum, see `kept`.
        held_out: the fraction of pairs, drawn at random, that residuals are computed from. 0: all pairs serve both,
            which says little unless they are many more than functions; quadrature rules, whose nodes belong together,
            need it.
        tolerance: singular values of the dictionary below it, relative to the largest, are dropped.
        chunk: pairs in memory at a time.
        progress: whether progress bars are shown.
    """

    dictionary: Any
    threshold: float = 0.1
    held_out: float = 0.25
    tolerance: float = RANK_TOLERANCE
    chunk: int = 4096
    progress: bool = False

    def __post_init__(self) -> None:
        if not self.threshold > 0:
            raise ConfigError(f"threshold={self.threshold} is no residual. Give a positive number, such as 0.1.")
        if not 0 <= self.held_out < 1:
            raise ConfigError(f"held_out={self.held_out} is no fraction of the pairs. Give a number from 0 to below 1.")

    def fit(self, pairs: Pairs | Stream, seed: int = 0) -> KoopmanSpectrum:
        """All eigenpairs with their residuals. Pairs with second images: those of the averaged operator.

        Raises:
            ConfigError: when fewer pairs than functions are left to either end, or pairs with weights, or of a
                `Stream`, are to be held out. Warns where the dictionary is ill-conditioned or rank-deficient at them.
        """
        fitted_to, tested_on = self._parts(pairs, seed)
        dictionary, _ = with_dictionary(self.dictionary, fitted_to, seed)
        made = factors(dictionary, fitted_to, self.chunk, self.progress)
        compressed = compression(made, self.tolerance)
        eigenvalues, vectors = np.linalg.eig(compressed.matrix)
        state = state_coefficients(dictionary, fitted_to, compressed.basis, self.chunk)
        spectrum = KoopmanSpectrum(
            eigenvalues,
            None,
            compressed.basis @ vectors,
            compressed.on_dictionary(compressed.matrix),
            dictionary,
            condition=made.condition,
            state=compressed.basis @ state,
            reduced=Reduced(compressed.basis, compressed.matrix, state),
        )
        same = self.held_out == 0
        return spectrum.verified(tested_on, self.chunk, same, made if same else None, self.progress)

    def kept(self, spectrum: KoopmanSpectrum) -> KoopmanSpectrum:
        """The eigenpairs with residuals of at most `threshold`: what algorithm 1 returns."""
        return spectrum.kept(self.threshold)

    def _parts(self, pairs: Pairs | Stream, seed: int) -> tuple[Pairs | Stream, Pairs | Stream]:
        if self.held_out == 0:
            return counted(pairs), pairs
        check_parting(in_memory(pairs), self.held_out)
        shuffled = np.random.default_rng(seed).permutation(len(pairs))
        count = round(self.held_out * len(pairs))
        if not 0 < count < len(pairs):
            raise ConfigError(f"{len(pairs)} pairs cannot be parted for held_out={self.held_out}. Give more pairs.")
        return pairs.take(np.sort(shuffled[count:])), pairs.take(np.sort(shuffled[:count]))
