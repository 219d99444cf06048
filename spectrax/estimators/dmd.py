"""Dynamic mode decomposition: the best linear map from snapshots to their images, on their leading directions.

Tu, Rowley, Luchtenburg, Brunton and Kutz, "On dynamic mode decomposition: theory and applications" (2014). With
snapshots in columns, X = U S V* to rank r and B = Y V S^-1, the map on coordinates U* x is U* B, W its eigenvectors.
"""

from __future__ import annotations

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.estimators.dictionaries.projected import Projected
from spectrax.estimators.features import in_memory
from spectrax.estimators.singular_values import ROUTES, Rank, decomposed
from spectrax.estimators.snapshots import Pairs
from spectrax.estimators.spectrum import KoopmanSpectrum
from spectrax.ops.choices import check_choice

ILL_CONDITIONED = 1e10
VARIANTS = ("exact", "projected")


@dataclasses.dataclass(frozen=True, eq=False)
class DynamicModes:
    """A decomposition of rank r.

    Attributes:
        eigenvalues: (r,) complex, by decreasing modulus.
        modes: (dimension, r) complex.
        basis: (dimension, r), U.
        operator: (r, r), U* B, on columns of coordinates.
        singular_values: (k,), k >= r: all those above rounding.
    """

    eigenvalues: np.ndarray
    modes: np.ndarray
    basis: np.ndarray
    operator: np.ndarray
    singular_values: np.ndarray

    def amplitudes(self, x: np.ndarray) -> np.ndarray:
        """How much of each mode (r,) is in a state (dimension,): least squares."""
        return np.linalg.lstsq(self.modes, x.astype(self.modes.dtype), rcond=None)[0]

    def forecast(self, x: np.ndarray, steps: int) -> np.ndarray:
        """States (steps, dimension) complex at steps 1 ... `steps` after a state (dimension,)."""
        powers = self.eigenvalues ** np.arange(1, steps + 1)[:, None]
        return (powers * self.amplitudes(x)) @ self.modes.T


@dataclasses.dataclass(frozen=True)
class DMD:
    """The decomposition; of states with delays (`snapshots.delayed`) it is Hankel-DMD.

    Attributes:
        rank: an integer; a fraction of the energy; "gavish_donoho"; null for all singular values above rounding.
        variant: of the modes: "exact", eigenvectors of Y X^+; or "projected", their projections on the snapshots' span.
        svd: "qr", to full precision, or "gram", the method of snapshots, see `singular_values.decomposed`.
    """

    rank: Rank = None
    variant: str = "exact"
    svd: str = "qr"

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, VARIANTS)
        check_choice("svd", self.svd, ROUTES)

    def decomposed(self, pairs: Pairs) -> DynamicModes:
        """Modes and eigenvalues. Raises `ConfigError` for a `Stream`, or a rank that the snapshots do not have."""
        pairs = in_memory(pairs)
        x, y = pairs.x, pairs.y if pairs.second is None else (pairs.y + pairs.second) / 2
        if pairs.weights is not None:
            roots = np.sqrt(pairs.weights)[:, None]
            x, y = roots * x, roots * y
        return dynamic_modes(x.T, y.T, self.rank, self.variant, self.svd)

    def fit(self, pairs: Pairs, seed: int = 0) -> KoopmanSpectrum:
        """The spectrum on the snapshots' leading coordinates, without residuals: call `verified` with held-out pairs.

        Nothing is drawn: `seed` is there for all estimators alike. Raises `ConfigError`, see `decomposed`.
        """
        found = self.decomposed(pairs)
        operator = found.operator.T  # on coefficient columns
        eigenvalues, vectors = _eigenpairs(operator)
        condition = found.singular_values[0] / found.singular_values[len(operator) - 1]
        if condition > ILL_CONDITIONED:
            warnings.warn(
                f"Singular values down to {1 / condition:.0e} of the largest are kept (condition number "
                f"{condition:.1e}): most are noise. Give a rank: a number, a fraction of the energy, or "
                '"gavish_donoho".',
                stacklevel=2,
            )
        dictionary, state = Projected(found.basis), found.basis.T
        return KoopmanSpectrum(eigenvalues, None, vectors, operator, dictionary, condition=condition, state=state)


def dynamic_modes(
    x: np.ndarray, y: np.ndarray, rank: Rank = None, variant: str = "exact", svd: str = "qr"
) -> DynamicModes:
    """The decomposition of snapshots in columns, x (dimension, pairs) and their images y; float64, on the host.

    Raises:
        ConfigError: see `DMD`.
    """
    check_choice("variant", variant, VARIANTS)
    basis, values, right = decomposed(x, svd, rank)
    images = y @ (right / values[: right.shape[1]])
    operator = basis.conj().T @ images
    eigenvalues, vectors = _eigenpairs(operator)
    modes = _product(images if variant == "exact" else basis, vectors)
    return DynamicModes(eigenvalues, modes, basis, operator, values)


def reduced_operator(x: jax.Array, y: jax.Array, rank: int) -> jax.Array:
    """U* B (rank, rank) of snapshots in columns, on columns of coordinates; traceable, in the precision given."""
    left, values, adjoint = jnp.linalg.svd(x, full_matrices=False)
    images = y @ (adjoint[:rank].conj().T / values[:rank])
    return left[:, :rank].conj().T @ images


def _eigenpairs(operator: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By decreasing modulus."""
    eigenvalues, vectors = np.linalg.eig(operator)
    order = np.lexsort((-eigenvalues.imag, -abs(eigenvalues).round(12)))
    return eigenvalues[order], vectors[:, order]


def _product(real: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Of two matrices; a real one with a complex one is half the work that NumPy makes of it."""
    if np.iscomplexobj(real) or not np.iscomplexobj(values):
        return real @ values
    both = real @ np.hstack([values.real, values.imag])
    return both[:, : values.shape[1]] + 1j * both[:, values.shape[1] :]
