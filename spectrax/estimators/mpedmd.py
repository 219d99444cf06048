"""Measure-preserving EDMD: the unitary operator nearest to EDMD's, for systems that preserve the measure of the pairs.

Colbrook, "The mpEDMD algorithm for data-driven computations of measure-preserving dynamical systems"
(arXiv 2209.02244), in its QR form.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.estimators.compression import Compression, compression, state_coefficients
from spectrax.estimators.features import counted, with_dictionary
from spectrax.estimators.precision import double_precision
from spectrax.estimators.qr import RANK_TOLERANCE, factors
from spectrax.estimators.snapshots import Pairs, Stream
from spectrax.estimators.spectrum import KoopmanSpectrum, Reduced
from spectrax.estimators.unitary_eigen import hermitian_eigenpairs, schur_eigenpairs
from spectrax.ops.choices import check_choice

ROUTES = ("schur", "hermitian")


@dataclasses.dataclass(frozen=True)
class MeasurePreservingEDMD:
    """Every eigenvalue is on the unit circle, eigenfunctions are orthonormal over the states.

    Being on the circle certifies nothing: any data give such a spectrum. Residuals on held-out pairs tell.

    Attributes:
        dictionary: of `spectrax.estimators.dictionaries`; fitted to the (first batch of the) pairs where it has to be.
        route: "schur", complex Schur form on the host; or "hermitian", `eigh` of a combination with the same
            eigenvectors, which runs on any device.
        tolerance: singular values of the dictionary below it, relative to the largest, are dropped.
        chunk: pairs in memory at a time.
        progress: whether a progress bar is shown.
    """

    dictionary: Any
    route: str = "schur"
    tolerance: float = RANK_TOLERANCE
    chunk: int = 4096
    progress: bool = False

    def __post_init__(self) -> None:
        check_choice("route", self.route, ROUTES)

    def fit(self, pairs: Pairs | Stream, seed: int = 0) -> KoopmanSpectrum:
        """The spectrum, without residuals: call `verified` with held-out pairs.

        Raises:
            ConfigError: when there are fewer pairs than functions, or other batches than a `Stream`. Warns where the
                dictionary is ill-conditioned.
        """
        dictionary, _ = with_dictionary(self.dictionary, counted(pairs), seed)
        made = factors(dictionary, pairs, self.chunk, self.progress)
        compressed = compression(made, self.tolerance)
        unitary, eigenvalues, vectors = self._decomposed(compressed)
        state = state_coefficients(dictionary, pairs, compressed.basis, self.chunk)
        return KoopmanSpectrum(
            eigenvalues,
            None,
            compressed.basis @ vectors,
            compressed.on_dictionary(unitary),
            dictionary,
            condition=made.condition,
            state=compressed.basis @ state,
            reduced=Reduced(compressed.basis, unitary, state),
        )

    def _decomposed(self, compressed: Compression) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with double_precision():
            unitary = nearest_unitary(jnp.asarray(compressed.matrix))
            if self.route == "hermitian":
                return tuple(np.asarray(part) for part in (unitary, *hermitian_eigenpairs(unitary)))
        unitary = np.asarray(unitary)
        return unitary, *schur_eigenpairs(unitary)


def nearest_unitary(matrix: jax.Array) -> jax.Array:
    """The unitary factor of the polar decomposition (r, r) -> (r, r): nearest in any unitarily invariant norm."""
    left, _, right = jnp.linalg.svd(matrix)
    return left @ right


def spectral_atoms(compressed: Compression, vectors: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """The measure of f = psi coefficients at each eigenvalue: |<f, v_j>|^2 (r,), of total ||f||^2 over the states.

    Args:
        compressed: of the pairs that the inner product is over.
        vectors: (N, r), orthonormal eigenfunctions, of `MeasurePreservingEDMD`.
        coefficients: (N,).
    """
    return abs((compressed.coordinates @ vectors).conj().T @ (compressed.coordinates @ coefficients)) ** 2
