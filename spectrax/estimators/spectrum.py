"""What every estimator here returns: a Koopman operator on a dictionary, with eigenvalues that carry residuals."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.estimators.certificate import certificate
from spectrax.estimators.invertibility import FibreVariance
from spectrax.estimators.precision import double_precision
from spectrax.estimators.qr import Factors
from spectrax.estimators.snapshots import Pairs, Stream
from spectrax.estimators.verification import verification

_UNVERIFIED = (
    "These eigenvalues carry no residuals: a fit alone cannot tell spectrum from artefacts. Call .verified(pairs) with "
    "held-out pairs, or .unverified() to take them as they are."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Reduced:
    """The operator on functions that are orthonormal over the states: powers of the matrix on an ill-conditioned
    dictionary amplify rounding by its condition number, and these do not.

    Attributes:
        basis: (N, r), coefficients of the functions in the dictionary.
        matrix: (r, r), the operator on coefficients in the basis.
        state: (r, d), coefficients of the state in the basis.
    """

    basis: np.ndarray
    matrix: np.ndarray
    state: np.ndarray


class KoopmanSpectrum:
    """Eigenvalues and eigenfunctions of a Koopman operator compressed to a dictionary of N functions.

    The operator acts on coefficient columns: (K g)(x) is psi(x) operator c for g = psi c; eigenfunction j is psi(x)
    vectors[:, j]. Estimators make it; it is not changed afterwards.

    Attributes:
        residuals: (r,) of the eigenpairs on `held_out` pairs, or None before they are verified; see
            `spectrax.estimators.qr.eigenpair_residuals`.
        vectors: (N, r) complex, right eigenvectors of `operator` in columns.
        operator: (N, N).
        dictionary: the functions, (m, d) -> (m, N).
        held_out: how many pairs the residuals were computed from.
        condition: of the weighted dictionary matrix that was inverted; NaN where none was.
        state: (N, d) coefficients of the state in the dictionary, or None: what `predict` reads states with.
        reduced: the same operator and state in an orthonormal basis, where `predict` computes if it is there.
        in_sample: the residuals are of the pairs that the operator was fitted to.
        stochastic: the residuals are of the averaged operator, from two images of each point.
        variances: (r,) what noise adds to the squared residuals, where `stochastic`.
        floors: (r,) what a residual may be in truth as far as rounding hides it and, where `stochastic`, sampling does
            (two standard errors of its square); or None.
        isometry_defect: how far the operator is from preserving norms on the dictionary's span, on the pairs of the
            residuals; NaN before they are verified.
        isometry_sampling: what of it so few pairs explain; 0 under a quadrature rule.
        fibre: whether states far apart share an image, on the pairs of the residuals, of a `Stream` on its first batch;
            None before they are verified.
    """

    def __init__(
        self,
        eigenvalues: ArrayLike,
        residuals: ArrayLike | None,
        vectors: ArrayLike,
        operator: ArrayLike,
        dictionary: Any,
        held_out: int = 0,
        condition: float = float("nan"),
        *,
        state: ArrayLike | None = None,
        reduced: Reduced | None = None,
        in_sample: bool = False,
        stochastic: bool = False,
        variances: ArrayLike | None = None,
        floors: ArrayLike | None = None,
        isometry_defect: float = float("nan"),
        isometry_sampling: float = 0.0,
        fibre: FibreVariance | None = None,
        accepted: bool = False,
    ):
        """`accepted`: eigenvalues are given without residuals too."""
        self._eigenvalues = np.asarray(eigenvalues, complex)
        self.residuals = None if residuals is None else np.asarray(residuals, float)
        self.vectors, self.operator = np.asarray(vectors), np.asarray(operator)
        self.dictionary, self.held_out, self.condition = dictionary, int(held_out), float(condition)
        self.state, self.reduced = None if state is None else np.asarray(state), reduced
        self.in_sample, self.stochastic = bool(in_sample), bool(stochastic)
        self.variances = None if variances is None else np.asarray(variances, float)
        self.floors = None if floors is None else np.asarray(floors, float)
        self.isometry_defect, self.isometry_sampling = float(isometry_defect), float(isometry_sampling)
        self.fibre = fibre
        self._accepted = bool(accepted)
        self._check()

    def _check(self) -> None:
        rank, size = len(self._eigenvalues), self.operator.shape[0]
        shapes = {"vectors": (size, rank), "operator": (size, size)}
        if self.residuals is not None:
            shapes["residuals"] = (rank,)
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ConfigError(
                    f"A spectrum of {rank} eigenvalues on {size} functions needs {name} of shape {shape}, not "
                    f"{getattr(self, name).shape}."
                )

    def __repr__(self) -> str:
        functions, rank = self.vectors.shape
        where = "the pairs of the fit" if self.in_sample else f"{self.held_out:,} pairs"
        residuals = "no residuals" if self.residuals is None else f"residuals on {where}"
        return f"KoopmanSpectrum({rank} eigenvalues on {functions} functions, {residuals})"

    @property
    def eigenvalues(self) -> np.ndarray:
        """(r,) complex. Raises `ConfigError` where neither residuals stand beside them nor `unverified` was called."""
        if self.residuals is None and not self._accepted:
            raise ConfigError(_UNVERIFIED)
        return self._eigenvalues

    def unverified(self) -> KoopmanSpectrum:
        """The same, with eigenvalues that may be read without residuals."""
        return self._changed(accepted=True)

    def verified(
        self,
        pairs: Pairs | Stream,
        chunk: int = 4096,
        in_sample: bool = False,
        made: Factors | None = None,
        progress: bool = False,
    ) -> KoopmanSpectrum:
        """The same with residuals of its eigenpairs on `pairs`, in the data form (ResDMD, arXiv 2111.14889, eq. 3.2).

        `pairs` should be held out: those that the operator was fitted to say
        too little, and nothing once there are as few of them as functions; `in_sample` owns up to it. Pairs with a
        second image give the residual of the averaged operator. `chunk` pairs are in memory at a time; `progress` shows
        how many are done. `made`: the factors of this dictionary at these pairs, where somebody has them. Raises
        `ConfigError` for other batches than a `Stream`, whose number nobody knows; warns where the dictionary is
        ill-conditioned.
        """
        return self._changed(**verification(self, pairs, chunk, made, progress), in_sample=in_sample)

    def kept(self, threshold: float) -> KoopmanSpectrum:
        """The eigenpairs with residuals of at most `threshold`. Raises `ConfigError` without residuals."""
        if self.residuals is None:
            raise ConfigError(_UNVERIFIED)
        chosen = self.residuals <= threshold
        parts = {name: getattr(self, name) for name in ("residuals", "variances", "floors")}
        columns = {name: None if part is None else part[chosen] for name, part in parts.items()}
        return self._changed(eigenvalues=self._eigenvalues[chosen], vectors=self.vectors[:, chosen], **columns)

    def eigenfunctions(self, x: ArrayLike) -> np.ndarray:
        """(m, r) complex values at states x (m, d)."""
        return self._features(x) @ self.vectors

    def predict(self, x: ArrayLike, steps: int) -> np.ndarray:
        """States (batch, steps, d) at steps 1 ... `steps` after x (batch, d): psi(x) K^n read by `state`.

        Raises `ConfigError` where the estimator kept no coefficients of the state, or for fewer than 1 step.
        """
        if self.state is None:
            raise ConfigError("This spectrum does not know how to read states from its dictionary: fit an estimator.")
        if steps < 1:
            raise ConfigError(f"steps={steps}: a prediction goes 1 step or more ahead.")
        functions, states = self._features(x), []
        matrix, state = self.operator, self.state
        if self.reduced is not None:
            functions, matrix, state = functions @ self.reduced.basis, self.reduced.matrix, self.reduced.state
        real = not np.iscomplexobj(np.asarray(x))
        for _ in range(steps):
            functions = functions @ matrix
            read = functions @ state
            states.append(read.real if real else read)
        return np.stack(states, axis=1)

    def certificate(self, threshold: float, isometry: bool = False) -> dict[str, Any]:
        """What may and what may not be claimed, ready for JSON; see `spectrax.estimators.certificate`.

        `threshold`: the largest residual that is certified. `isometry`: the system preserves the measure that the
        pairs sample. Raises `ConfigError` without residuals, or for a threshold that is not positive.
        """
        if self.residuals is None:
            raise ConfigError(_UNVERIFIED)
        if not threshold > 0:
            raise ConfigError(f"threshold={threshold} is no residual. Give a positive number, such as 0.1.")
        return certificate(self, threshold, isometry)

    def arrays(self) -> dict[str, np.ndarray]:
        """What can be stored of it: arrays by name; the dictionary is not among them."""
        kept = {"eigenvalues": self._eigenvalues, "vectors": self.vectors, "operator": self.operator}
        for name in ("residuals", "state", "variances", "floors"):
            if getattr(self, name) is not None:
                kept[name] = getattr(self, name)
        numbers = {name: np.asarray(getattr(self, name)) for name in ("held_out", "condition", "isometry_defect")}
        return kept | numbers

    def _features(self, x: ArrayLike) -> np.ndarray:
        with double_precision():
            return np.asarray(self.dictionary(np.atleast_2d(np.asarray(x))))

    def arguments(self) -> dict[str, Any]:
        """What a constructor needs to make the same again, the dictionary among it; what a run saves."""
        names = ("residuals", "vectors", "operator", "dictionary", "held_out", "condition", "state", "in_sample")
        names += ("reduced", "stochastic", "variances", "floors", "isometry_defect", "isometry_sampling", "fibre")
        kept = {name: getattr(self, name) for name in names}
        return {"eigenvalues": self._eigenvalues, **kept, "accepted": self._accepted}

    def _changed(self, **changes: Any) -> KoopmanSpectrum:
        return KoopmanSpectrum(**(self.arguments() | changes))
