"""Eigenvalues and orthonormal eigenvectors of a unitary matrix: by complex Schur form on the host, or by a Hermitian
matrix that has the same eigenvectors, on any device.

A unitary U = sum exp(i t_k) z_k z_k* has the eigenvectors of H = cos(a) (U + U*) / 2 + sin(a) (U - U*) / 2i, whose
eigenvalues are cos(t_k - a): for almost every angle a they are distinct where those of U are, and `eigh` runs where no
non-symmetric eigensolver does.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.estimators.schur import schur_form

_ANGLE = 0.7316  # any fixed number without meaning: t and 2 a - t share an eigenvalue of H
_CLUSTER = 1e-6  # gaps of H's eigenvalues below which its eigenvectors may be mixed
_SWEEPS = 2


def schur_eigenpairs(unitary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (n,), rounding's part in their moduli removed, and orthonormal eigenvectors in columns (n, n); on the
    host."""
    form = schur_form(unitary)
    values = np.diag(form.triangle)
    return values / abs(values), form.vectors


def hermitian_eigenpairs(unitary: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The same, traceable: `eigh` of the Hermitian combination, and once more inside clusters of its eigenvalues.

    Inside a cluster the eigenvectors of H span the right space but may be mixed. There H for another angle, with what
    couples different clusters masked out, is diagonalised: two eigenvalues exp(it) that share one combination differ
    in the other. Eigenvalues are read as z* U z. Differentiable where eigenvalues are apart.
    """
    unitary = unitary.astype(jnp.promote_types(unitary.dtype, jnp.complex64))
    values, vectors = jnp.linalg.eigh(_combination(unitary, _ANGLE))
    for sweep in range(1, _SWEEPS + 1):
        inside = vectors.conj().T @ unitary @ vectors
        labels = jnp.cumsum(jnp.diff(values, prepend=values[:1]) > _CLUSTER)
        other = jnp.where(labels[:, None] == labels[None, :], _combination(inside, _ANGLE + sweep), 0)
        # Clusters stay apart: each is moved to a place of its own on the line.
        values, rotation = jnp.linalg.eigh(other + jnp.diag(4.0 * labels).astype(other.dtype))
        vectors = vectors @ rotation
    values = jnp.einsum("ij,ik,kj->j", vectors.conj(), unitary, vectors)
    return values / abs(values), vectors


def _combination(unitary: jax.Array, angle: float) -> jax.Array:
    adjoint = unitary.conj().T
    return jnp.cos(angle) * (unitary + adjoint) / 2 + jnp.sin(angle) * (unitary - adjoint) / 2j
