"""Errors of predicted fields, one number for each example: nothing here mixes examples of a batch.

Fields are (batch, *space, channels) or, of point clouds, (batch, points, channels); everything computes in float32. An
error relative to a target of zeros is infinite.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.diagnostics import field_spectra


def relative_l2(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """`|prediction - target| / |target|` in the Euclidean norm over all axes but the batch: (batch,).

    The loss and the metric of neural operators (Li et al., "Fourier neural operator", ICLR 2021).
    """
    prediction, target = _float32(prediction, target)
    return norm(prediction - target) / norm(target)


def relative_l2_of_channels(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """`relative_l2` of each channel by itself: (batch, channels)."""
    prediction, target = _float32(prediction, target)
    space = tuple(range(1, target.ndim - 1))
    return norm(prediction - target, space) / norm(target, space)


def relative_h1(prediction: jax.Array, target: jax.Array, periodic: bool) -> jax.Array:
    """The error in the Sobolev norm `sqrt(|u|^2 + |grad u|^2)`, relative to that of the target: (batch,).

    On grids, in a box whose sides are 1; see `field_spectra.gradient_energy` for the derivative. On a curved mesh that
    is the space of the mesh's own indices.
    """
    prediction, target = _float32(prediction, target)
    parts = [_root(_mean_square(u) + field_spectra.gradient_energy(u, periodic)) for u in (prediction - target, target)]
    return parts[0] / parts[1]


def mean_squared(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """The mean square of the error over all axes but the batch: (batch,)."""
    prediction, target = _float32(prediction, target)
    return jnp.mean((prediction - target) ** 2, tuple(range(1, target.ndim)))


def nrmse(prediction: jax.Array, target: jax.Array, domain: jax.Array | None = None) -> jax.Array:
    """Root mean square of the error over the standard deviation of the target: (batch,).

    The deviation is from each channel's own mean in space: 1 is what this mean would reach, and 1 - nrmse^2 is the
    coefficient of determination.

    Args:
        domain: (batch, *space, 1), 1 where the field counts and 0 elsewhere; None: everywhere.
    """
    prediction, target = _float32(prediction, target)
    inside = jnp.ones_like(target[..., :1]) if domain is None else domain.astype(jnp.float32)
    space = tuple(range(1, target.ndim - 1))
    mean = jnp.sum(target * inside, space, keepdims=True) / jnp.sum(inside, space, keepdims=True)
    return norm((prediction - target) * inside) / norm((target - mean) * inside)


def errors_by_band(prediction: jax.Array, target: jax.Array, edges: Sequence[float], periodic: bool) -> jax.Array:
    """The error of each band of radial wavenumbers relative to the whole target: (batch, bands).

    Their squares add up to that of `relative_l2` (Parseval), so a band in which the target has no energy is no trouble.

    Args:
        edges: rising wavenumbers, in periods along a side; a band ends with its edge, the last one has no end.
    """
    prediction, target = _float32(prediction, target)
    wave = np.sqrt(field_spectra.wavenumbers(target.shape[1:-1], periodic))
    band = np.searchsorted(np.asarray(edges, np.float64), wave - 1e-9, side="left")
    energies = jnp.sum(field_spectra.energy(prediction - target, periodic), -1)
    space = tuple(range(1, energies.ndim))
    sums = [jnp.sum(energies * (band == number), space) for number in range(len(edges) + 1)]
    return jnp.sqrt(jnp.stack(sums, 1) / _mean_square(target)[:, None])


def norm(x: jax.Array, axes: Sequence[int] | None = None) -> jax.Array:
    """The Euclidean norm over `axes`, by default all but the batch; where it is zero its gradient is too."""
    return _root(jnp.sum(x**2, tuple(range(1, x.ndim)) if axes is None else tuple(axes)))


def _root(x: jax.Array) -> jax.Array:
    """The square root, with the gradient zero at zero."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def _mean_square(x: jax.Array) -> jax.Array:
    """Over space, summed over channels."""
    return jnp.sum(jnp.mean(x**2, tuple(range(1, x.ndim - 1))), -1)


def _float32(*fields: jax.Array) -> tuple[jax.Array, ...]:
    return tuple(jnp.asarray(field).astype(jnp.float32) for field in fields)
