"""Extended dynamic mode decomposition: the Koopman operator by least squares on a dictionary.

Williams, Kevrekidis and Rowley, "A data-driven approximation of the Koopman operator" (2015). With an orthonormalising
basis B (PX B has orthonormal columns in the weighted product) the operator is B C with C = (PX B)* W PY, and its
eigenpairs are those of C B, which is as well conditioned as the data allow.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.estimators.accumulation import accumulate
from spectrax.estimators.features import CHUNK, Source, peeked, with_dictionary
from spectrax.estimators.gram import GramState
from spectrax.estimators.least_squares import Projection, check_count, from_gram, from_ridge, streamed_qr
from spectrax.estimators.snapshots import Pairs, Stream
from spectrax.estimators.spectrum import KoopmanSpectrum, Reduced
from spectrax.ops.choices import check_choice
from spectrax.parallel.layout import Layout

SOLVERS = ("qr", "gram", "ridge")
TRUNCATION = 1e-10  # of eigenvalues of G: below lies what float64 lost by squaring
ILL_CONDITIONED = 1e10
DOUBLE = float(np.finfo(np.float64).eps)
_DIGITS = 1e-3  # relative error of a function's coefficients, from which rounding of the states is told


@dataclasses.dataclass(frozen=True)
class EDMD:
    """The operator on a dictionary, by least squares.

    Attributes:
        dictionary: of `spectrax.estimators.dictionaries`; fitted to the (first batch of the) pairs where it has to be.
        solver: "qr", which keeps all digits however near linear dependence the functions are: the first chunk makes
            all well-conditioned, whose Gram matrices lose none then (see `spectrax.estimators.orthogonal`); "gram",
            eigenvalues of G truncated, about twice as fast, and without the growing eigenvalues that functions near
            linear dependence cause; "ridge", (G + ridge tr(G) / N)^-1 A.
        rtol: "gram": eigenvalues of G, of functions made of norm 1, below it relative to the largest are dropped (None:
            1e-10); "qr": singular values of the dictionary matrix are (None: what rounding makes of them).
        ridge: of "ridge".
        chunk: pairs whose dictionary values are in memory at a time.
        progress: whether a progress bar is shown.
    """

    dictionary: Any
    solver: str = "qr"
    rtol: float | None = None
    ridge: float = 1e-8
    chunk: int = CHUNK
    progress: bool = False

    def __post_init__(self) -> None:
        check_choice("solver", self.solver, SOLVERS)
        if self.chunk < 1 or not self.ridge > 0 or not 0 <= (self.rtol or 0) < 1:
            raise ConfigError(
                f"chunk={self.chunk}, ridge={self.ridge}, rtol={self.rtol}: chunk and ridge are positive, rtol lies "
                "between 0 and 1."
            )

    def fit(self, pairs: Source, seed: int = 0, layout: Layout | None = None) -> KoopmanSpectrum:
        """The spectrum, without residuals: call `verified` with held-out pairs.

        Args:
            pairs: `Pairs`, or a `Stream` or other batches of them, which are never all in memory. Of pairs with second
                images, the averaged operator.
            layout: devices over which Gram matrices are added up; None: this CPU.

        Raises:
            ConfigError: when there are fewer pairs than functions ("qr", "gram"), the dictionary is not finite, or
                "qr" is to be spread over devices. Warns where the dictionary is ill-conditioned or rank-deficient.
        """
        dictionary, pairs = with_dictionary(self.dictionary, pairs, seed)
        first, pairs = peeked(pairs)
        if self.solver != "ridge" and isinstance(pairs, Pairs | Stream):
            check_count(len(pairs), dictionary.size)  # known before anything is computed
        if self.solver == "qr":
            if layout is not None:
                raise ConfigError('solver="qr" runs on one CPU. Take solver="gram" on several devices.')
            found = streamed_qr(dictionary, pairs, self.chunk, self.rtol, self.progress)
            return spectrum_of(found, dictionary, first.precision)
        devices = {"layout": layout, "chunk": self.chunk, "progress": self.progress}
        gram = accumulate(dictionary, pairs, images=False, **devices)
        return self.of_gram(gram, dictionary, first.precision)

    def of_gram(self, gram: GramState, dictionary: Any, precision: float = DOUBLE) -> KoopmanSpectrum:
        """The spectrum from Gram matrices that `accumulate` gave, by "ridge" or else truncated.

        Args:
            dictionary: the fitted one that they are of.
            precision: rounding unit of the states.
        """
        if self.solver == "ridge":
            mean = np.trace(gram.G).real / len(gram.G)
            return spectrum_of(from_ridge(gram, self.ridge * mean), dictionary, precision)
        return spectrum_of(from_gram(gram, TRUNCATION if self.rtol is None else self.rtol), dictionary, precision)


def koopman_matrix(
    px: jax.Array,
    py: jax.Array,
    weights: jax.Array | None = None,
    solver: str = "qr",
    rtol: float = TRUNCATION,
    ridge: float = 1e-8,
) -> jax.Array:
    """EDMD's operator (N, N) on coefficient columns from dictionary matrices (rows, N); traceable.

    Args:
        weights: (rows,) quadrature weights; None: equal ones.
        solver: "qr", for full rank; "gram", where eigenvalues of G below `rtol` times the largest count nothing; or
            "ridge".

    Raises:
        ConfigError: in float32 by another solver than "qr".
    """
    check_choice("solver", solver, SOLVERS)
    weights = jnp.full(len(px), 1 / len(px), px.real.dtype) if weights is None else weights
    roots = jnp.sqrt(weights)[:, None]
    px, py = roots * px, roots * py
    if solver == "qr":
        q, r = jnp.linalg.qr(px)
        return jax.scipy.linalg.solve_triangular(r, q.conj().T @ py)
    if px.real.dtype.itemsize < 8:
        raise ConfigError("Gram matrices in float32 lose all small singular values. Compute in float64 or by QR.")
    gram, crossed = px.conj().T @ px, px.conj().T @ py
    if solver == "ridge":
        shift = ridge * jnp.trace(gram).real / len(gram)
        return jax.scipy.linalg.solve(gram + shift * jnp.eye(len(gram)), crossed, assume_a="pos")
    squares = jnp.diag(gram).real
    units = jnp.where(squares > 0, jax.lax.rsqrt(jnp.where(squares > 0, squares, 1)), 1)
    values, vectors = jnp.linalg.eigh(units[:, None] * gram * units)
    kept = values > rtol * values[-1]
    inverses = jnp.where(kept, 1 / jnp.where(kept, values, 1), 0)  # masked: shapes may not depend on data
    return units[:, None] * (vectors @ (inverses[:, None] * (vectors.conj().T @ (units[:, None] * crossed))))


def spectrum_of(found: Projection, dictionary: Any, precision: float = DOUBLE) -> KoopmanSpectrum:
    """The spectrum of a projected operator, largest eigenvalues first. Warns where digits or functions are lost.

    Args:
        precision: rounding unit of the states.
    """
    _warn(found, precision)
    matrix = found.images @ found.basis
    eigenvalues, vectors = np.linalg.eig(matrix)
    order = np.lexsort((-eigenvalues.imag, -abs(eigenvalues).round(12)))
    return KoopmanSpectrum(
        eigenvalues[order],
        None,
        found.basis @ vectors[:, order],
        found.basis @ found.images,
        dictionary,
        condition=found.condition,
        state=found.basis @ found.states,
        reduced=Reduced(found.basis, matrix, found.states),
    )


def _warn(found: Projection, precision: float) -> None:
    """A warning, with the condition number, of a dictionary that is ill-conditioned at its pairs."""
    size, rank = found.basis.shape
    if rank < size and not found.regularised:
        warnings.warn(
            f"Of {size} functions {size - rank} depend on the others at these pairs (condition number "
            f"{found.condition:.1e}): their directions were left out. Choose fewer functions, or functions further "
            "apart.",
            stacklevel=4,
        )
    elif found.condition > ILL_CONDITIONED and not found.regularised:
        warnings.warn(
            f"The dictionary is ill-conditioned at these pairs (condition number {found.condition:.1e}): about "
            f'{np.log10(found.condition):.0f} of 16 digits are lost. Take solver="gram", which truncates, or fewer '
            "functions.",
            stacklevel=4,
        )
    if precision > DOUBLE and precision * found.condition > _DIGITS:
        warnings.warn(
            f"The states came in less than float64 (rounding unit {precision:.1e}), and the dictionary's condition "
            f"number is {found.condition:.1e}: small eigenvalues are rounding. Give float64 states, or fewer "
            "functions.",
            stacklevel=4,
        )
