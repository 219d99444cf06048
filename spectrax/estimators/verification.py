"""Residuals of a fitted spectrum on pairs that it has not seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrax.estimators.features import peeked
from spectrax.estimators.invertibility import fibre_variance
from spectrax.estimators.precision import double_precision
from spectrax.estimators.qr import Factors, eigenpair_residuals, factors
from spectrax.estimators.snapshots import Pairs, Stream
from spectrax.estimators.stochastic import averaged_residuals, sampling_errors

if TYPE_CHECKING:
    from spectrax.estimators.spectrum import KoopmanSpectrum


_TAILS = 2.0


def verification(
    spectrum: KoopmanSpectrum, pairs: Pairs | Stream, chunk: int, made: Factors | None = None, progress: bool = False
) -> dict[str, Any]:
    """What `KoopmanSpectrum.verified` fills in, by name."""
    if made is None:
        made = factors(spectrum.dictionary, pairs, chunk, progress, told_apart=False)
    if made.tells_apart:
        made.warn()
    found = residuals_of(made, spectrum.unverified().eigenvalues, spectrum.vectors)
    if made.second is not None:
        errors = sampling_errors(spectrum.dictionary, pairs, spectrum.unverified().eigenvalues, spectrum.vectors, chunk)
        found["floors"] = np.maximum(found["floors"], np.sqrt(found["residuals"] ** 2 + 2 * errors))
    first, _ = peeked(pairs)
    return found | {
        "held_out": len(pairs),
        "isometry_defect": isometry_defect(made),
        "isometry_sampling": isometry_sampling(made) if first.weights is None else 0.0,
        "fibre": fibre_variance(first),  # of a stream the first batch: neighbours have to be in memory
    }


def residuals_of(made: Factors, eigenvalues: np.ndarray, vectors: np.ndarray) -> dict[str, Any]:
    """Residuals (r,), their rounding floors (r,), and with second images what noise adds to their squares (r,).

    A squared residual of the averaged operator that comes out below 0, which its sampling error allows, counts as 0:
    `verification` has floors that tell of that error.
    """
    floors = _floors(made, eigenvalues, vectors)
    with double_precision():
        if made.second is None:
            residuals = eigenpair_residuals(made.x, made.y, eigenvalues, vectors)
            return {"residuals": np.asarray(residuals), "floors": floors}
        squared, variances = averaged_residuals(made.x, made.y, made.second, eigenvalues, vectors)
    residuals = np.sqrt(np.maximum(np.asarray(squared), 0))
    return {"residuals": residuals, "floors": floors, "variances": np.asarray(variances), "stochastic": True}


def isometry_defect(made: Factors) -> float:
    """How far norms of functions in the span change from states to images: the largest |s - 1| of singular values s.

    0 for a measure-preserving system with very many pairs. NaN with second images, as noise averages norms away, and
    with fewer pairs than functions.
    """
    if made.second is not None or not made.tells_apart:
        return float("nan")
    return float(abs(np.linalg.svd(made.y @ made.orthonormal(), compute_uv=False) - 1).max())


def isometry_sampling(made: Factors) -> float:
    """The isometry defect that an unlucky sample of a measure-preserving system may have.

    Singular values of one sample's functions, orthonormal under another of as many pairs, lie between (1 - q) / (1 + q)
    and (1 + q) / (1 - q), q^2 = functions / pairs, where they are normally distributed; others have heavier tails, for
    which twice as much is allowed. Infinite for no more pairs than functions.
    """
    q = math.sqrt(made.x.shape[1] / made.pairs)
    return _TAILS * 2 * q / (1 - q) if q < 1 else math.inf


def _floors(made: Factors, eigenvalues: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """What rounding of states and of the dictionary's values may add to each residual."""
    size = np.linalg.norm(made.y) + abs(eigenvalues) * np.linalg.norm(made.x)
    norms = np.linalg.norm(made.x @ vectors, axis=0)
    return (
        max(made.precision, made.rounding)
        * size
        * np.linalg.norm(vectors, axis=0)
        / np.maximum(norms, np.finfo(float).tiny)
    )
