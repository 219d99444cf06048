"""Kernel EDMD: the Koopman operator on the space of functions that a kernel spans, known at the snapshots.

Williams, Rowley and Kevrekidis, "A kernel-based method for data-driven Koopman spectral analysis" (2015); Klus,
Schuster and Muandet, "Eigendecompositions of transfer operators in reproducing kernel Hilbert spaces" (2020). With
Gk_ij = k(x_i, x_j), Ak_ij = k(y_i, x_j) and w = 1 / M the operator on coefficients of k(., x_j) is
(Gk + M ridge I)^-1 Ak.
"""

from __future__ import annotations

import dataclasses

import jax
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.accumulation import accumulate
from spectrax.estimators.dictionaries.dictionary import fit_dictionary
from spectrax.estimators.dictionaries.kernel_functions import KernelFunctions
from spectrax.estimators.dictionaries.random_features import RandomFeatures
from spectrax.estimators.edmd import spectrum_of
from spectrax.estimators.features import CHUNK, in_memory
from spectrax.estimators.kernels import POSITIVE, Kernel
from spectrax.estimators.least_squares import Projection, from_ridge
from spectrax.estimators.precision import double_precision
from spectrax.estimators.snapshots import Pairs
from spectrax.estimators.spectrum import KoopmanSpectrum
from spectrax.estimators.whole_numbers import check_whole
from spectrax.ops.choices import check_choice

METHODS = ("tikhonov", "principal", "nystroem", "random_features")
_MOST = 20_000  # pairs whose kernel matrices, 3 GB each, are still made


@dataclasses.dataclass(frozen=True)
class KernelEDMD:
    """The operator on functions of a kernel.

    Attributes:
        kernel: "gaussian", "laplacian", "lorentzian" or "polynomial", see `Kernel`.
        scale: its scale; None: from the data.
        degree: of "polynomial".
        method: "tikhonov", on the kernel at all states, M functions, O(M^3); "principal", on the `rank` leading
            functions of it, orthonormal over the states, without ridge (what residuals on held-out pairs are best
            computed for); "nystroem", on the kernel at `rank` of the states, O(M rank^2) in bounded memory;
            "random_features", on `rank` plane waves in place of the kernel (translation-invariant kernels).
        rank: functions, of all methods but "tikhonov".
        ridge: of the squared norm in the kernel's space, against a mean of squares over the pairs.
        chunk: pairs in memory at a time, of "nystroem" and "random_features".

    Raises:
        ConfigError: when these do not go together.
    """

    kernel: str = "gaussian"
    scale: float | None = None
    degree: int = 2
    method: str = "tikhonov"
    rank: int | None = None
    ridge: float = 1e-8
    chunk: int = CHUNK

    def __post_init__(self) -> None:
        check_choice("kernel", self.kernel, POSITIVE)
        check_choice("method", self.method, METHODS)
        if (self.rank is None) != (self.method == "tikhonov"):
            raise ConfigError(
                f'rank={self.rank} with method="{self.method}". Give a positive number of functions, but none for '
                '"tikhonov", which takes one for each pair.'
            )
        check_whole("rank", 1 if self.rank is None else self.rank)
        check_whole("degree", self.degree)
        check_whole("chunk", self.chunk)
        if self.ridge < 0 or (self.ridge == 0 and self.method == "random_features"):
            raise ConfigError(f"ridge={self.ridge}: give a positive number.")

    def fit(self, pairs: Pairs, seed: int = 0) -> KoopmanSpectrum:
        """The spectrum, without residuals: call `verified` with held-out pairs.

        Args:
            seed: of the states that "nystroem" draws, and of random features.

        Raises:
            ConfigError: when there are too few pairs, too many for matrices of their size, or not all in memory. Warns
                where the kernel's matrix is ill-conditioned.
        """
        pairs = in_memory(pairs)
        if self.method == "random_features":
            return self._on_random_features(pairs, seed)
        kernel = Kernel(self.kernel, self.scale, self.degree).fitted(pairs.x)
        if self.method != "tikhonov" and self.rank > len(pairs):
            raise ConfigError(f"rank={self.rank} functions cannot be had from {len(pairs)} pairs. Lower the rank.")
        if self.method == "nystroem":
            return self._on_centres(kernel, pairs, seed)
        if len(pairs) > _MOST:
            raise ConfigError(
                f'method="{self.method}" makes matrices of {len(pairs):,} x {len(pairs):,}. Take "nystroem" or '
                f'"random_features", or at most {_MOST:,} pairs.'
            )
        return self._on_all(kernel, pairs)

    def _on_all(self, kernel: Kernel, pairs: Pairs) -> KoopmanSpectrum:
        with double_precision():
            matrix = jax.jit(kernel)
            gram, crossed = (np.asarray(matrix(states, pairs.x)) for states in (pairs.x, pairs.y))
            if pairs.second is not None:
                crossed = (crossed + np.asarray(matrix(pairs.second, pairs.x))) / 2
        roots = np.sqrt(pairs.quadrature)
        values, vectors = np.linalg.eigh(roots[:, None] * gram * roots)
        if self.method == "principal":
            return self._on_leading(kernel, pairs, roots, crossed, values, vectors)
        shifted = values + self.ridge
        kept = shifted > len(shifted) * np.finfo(float).eps * shifted[-1]
        basis = roots[:, None] * (vectors[:, kept] / np.sqrt(shifted[kept]))
        condition = float(shifted[-1] / shifted[kept][0])
        adjoint = basis.conj().T
        found = Projection(basis, adjoint @ crossed, adjoint @ pairs.x, condition, regularised=bool(kept.all()))
        return spectrum_of(found, KernelFunctions(kernel, pairs.x), pairs.precision)

    def _on_leading(
        self,
        kernel: Kernel,
        pairs: Pairs,
        roots: np.ndarray,
        crossed: np.ndarray,
        values: np.ndarray,
        vectors: np.ndarray,
    ) -> KoopmanSpectrum:
        """On k(x, X) T with T = W^1/2 U D^-1 of the leading eigenpairs of W^1/2 Gk W^1/2: at the states W^1/2 times
        them is U, so their Gram matrix is the identity."""
        values, vectors = values[::-1][: self.rank], vectors[:, ::-1][:, : self.rank]
        positive = np.count_nonzero(values > len(pairs) * np.finfo(float).eps * values[0])
        if positive < self.rank:
            raise ConfigError(
                f"rank={self.rank}, but the kernel has {positive} eigenvalues above rounding at these pairs. Give at "
                "most that, or a smaller scale."
            )
        coefficients = roots[:, None] * (vectors / values)
        adjoint = vectors.conj().T * roots
        condition = float(values[0] / values[-1])
        found = Projection(np.eye(self.rank), adjoint @ (crossed @ coefficients), adjoint @ pairs.x, condition)
        return spectrum_of(found, KernelFunctions(kernel, pairs.x, coefficients), pairs.precision)

    def _on_centres(self, kernel: Kernel, pairs: Pairs, seed: int) -> KoopmanSpectrum:
        chosen = np.sort(np.random.default_rng(seed).choice(len(pairs), self.rank, replace=False))
        dictionary = KernelFunctions(kernel, pairs.x[chosen])
        with double_precision():
            norms = np.asarray(kernel(dictionary.centres, dictionary.centres))
        gram = accumulate(dictionary, pairs, chunk=self.chunk, images=False)
        return spectrum_of(from_ridge(gram, self.ridge * norms), dictionary, pairs.precision)

    def _on_random_features(self, pairs: Pairs, seed: int) -> KoopmanSpectrum:
        dictionary = fit_dictionary(RandomFeatures(self.rank, self.kernel, self.scale), pairs.x, seed)
        gram = accumulate(dictionary, pairs, chunk=self.chunk, images=False)
        return spectrum_of(from_ridge(gram, self.ridge), dictionary, pairs.precision)
