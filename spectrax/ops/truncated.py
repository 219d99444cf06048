"""Fourier and cosine transforms of which only the lowest modes are kept, and their inverses, as thin matrix products.

Nothing is computed that is thrown away, and products are fast on every backend. XLA partitions them by itself: arrays
(batch, *space, channels) may be sharded over any axes, and none is gathered; along an axis that is both transformed and
sharded, the few modes are summed over the devices.

Conventions are numpy's and SciPy's (`norm` is "backward", "ortho" or "forward"): the results are those of the whole
transform and a slice of it, and of the inverse of a spectrum that is zero but for the modes. To synthesise at another
size than was analysed, take `norm="forward"`, whose coefficients do not depend on the grid, but for Nyquist's frequency
of an even axis: keep fewer modes than that. Computed in float32 (float64 stays float64), whatever the precision of the
model around.

Where these are used: Z. Li et al., "Fourier neural operator for parametric partial differential equations", ICLR 2021;
M. Poli et al., "Transform Once: efficient operator learning in frequency domain", NeurIPS 2022.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.ops import fourier_matrices as matrices
from spectrax.ops.axes import space_axes
from spectrax.ops.compute_dtype import at_least_float32
from spectrax.ops.cosine_matrices import transform_matrix
from spectrax.ops.matrices import product
from spectrax.ops.norms import Norm, opposite


def rfftn(x: ArrayLike, modes: Sequence[int], axes: Sequence[int] | None = None, norm: Norm = "backward") -> jax.Array:
    """The lowest frequencies of real samples.

    Args:
        x: real (batch, *space, channels).
        modes: for each of `axes`, how many frequencies from zero up are kept; the negative ones too, but for the last.
        axes: transformed; None: all between the first and the last.

    Returns:
        complex; along the last of `axes` the frequencies 0 ... m - 1, along each other 0 ... m - 1, -m ... -1 (FNO's
        corners, side by side): (batch, 2 m1, m2, channels) for two axes.

    Raises:
        ConfigError: when an axis has fewer frequencies than are to be kept.
    """
    x = at_least_float32(x)
    axes = space_axes(x, axes)
    _check_fourier([x.shape[axis] for axis in axes], _for_each(modes, axes, "modes"))
    *others, (last, kept) = zip(axes, modes, strict=True)
    parts = min(axes)  # the place of the axis that holds real and imaginary part: behind the batch
    y = _product(jnp.expand_dims(x, parts), matrices.half_analysis(x.shape[last], kept, norm), parts, last)
    for axis, kept in reversed(others):
        y = _product(y, matrices.full_analysis(x.shape[axis], kept, norm), parts, axis)
    real, imaginary = (jnp.squeeze(part, parts) for part in jnp.split(y, 2, parts))
    return jax.lax.complex(real, imaginary)


def irfftn(y: ArrayLike, s: Sequence[int], axes: Sequence[int] | None = None, norm: Norm = "backward") -> jax.Array:
    """The inverse of `rfftn`, with zeros for the frequencies that were not kept.

    Args:
        y: complex, as `rfftn` returns it.
        s: for each of `axes`, how many samples to return; not necessarily as many as were analysed.

    Returns:
        real (batch, *s, channels).

    Raises:
        ConfigError: when `s` has no room for the frequencies of `y`, or an axis but the last holds an odd number.
    """
    y = at_least_float32(y)
    axes = space_axes(y, axes)
    sizes = _for_each(s, axes, "s")
    held = [y.shape[axis] for axis in axes]
    if any(count % 2 for count in held[:-1]):
        raise ConfigError(
            f"{held} modes: every axis but the last holds m of both signs, an even number. See truncated.rfftn."
        )
    _check_fourier(sizes, [*[count // 2 for count in held[:-1]], held[-1]])
    *others, (last, size) = zip(axes, sizes, strict=True)
    parts = min(axes)
    z = jnp.stack([y.real, y.imag], parts)
    for axis, samples in others:
        z = _product(z, matrices.full_synthesis(samples, y.shape[axis] // 2, norm), parts, axis)
    z = _product(z, matrices.half_synthesis(size, y.shape[last], norm), parts, last)
    return jnp.squeeze(z, parts)


def dctn(x: ArrayLike, modes: Sequence[int], axes: Sequence[int] | None = None, norm: Norm = "backward") -> jax.Array:
    """The lowest modes of the cosine transform of type II of real samples.

    Args:
        x: real (batch, *space, channels).
        modes: for each of `axes`, how many are kept.
        axes: transformed; None: all between the first and the last.

    Returns:
        real (batch, *modes, channels).

    Raises:
        ConfigError: when an axis has fewer modes than are to be kept.
    """
    x = at_least_float32(x)
    axes = space_axes(x, axes)
    for axis, kept in zip(axes, _for_each(modes, axes, "modes"), strict=True):
        _check(kept, x.shape[axis], x.shape[axis])
        x = product(x, transform_matrix(x.shape[axis], "cosine", 2, norm, rows=kept), axis)
    return x


def idctn(y: ArrayLike, s: Sequence[int], axes: Sequence[int] | None = None, norm: Norm = "backward") -> jax.Array:
    """The inverse of `dctn`, with zeros for the modes that were not kept: real (batch, *s, channels).

    Raises:
        ConfigError: when `s` has room for fewer modes than `y` holds.
    """
    y = at_least_float32(y)
    axes = space_axes(y, axes)
    for axis, size in zip(axes, _for_each(s, axes, "s"), strict=True):
        kept = y.shape[axis]
        _check(kept, size, size)
        y = product(y, transform_matrix(size, "cosine", 3, opposite(norm), columns=kept), axis)
    return y


def _product(y: jax.Array, matrix: np.ndarray, parts: int, axis: int) -> jax.Array:
    """`matrix` (parts out, parts in, rows, columns) times `y`, whose axis `parts` was put before `axis`."""
    axes = list(range(y.ndim))
    rows, out = y.ndim, y.ndim + 1
    result = [out if number == parts else rows if number == axis + 1 else number for number in axes]
    matrix = jnp.asarray(matrix, y.dtype)
    return jnp.einsum(matrix, [out, parts, rows, axis + 1], y, axes, result, precision=jax.lax.Precision.HIGHEST)


def _for_each(values: Sequence[int], axes: Sequence[int], name: str) -> Sequence[int]:
    if len(values) != len(axes):
        raise ConfigError(f"{name}={list(values)} for {len(axes)} axes. Give one number for each.")
    return values


def _check_fourier(sizes: Sequence[int], modes: Sequence[int]) -> None:
    for size, kept in zip(sizes[:-1], modes[:-1], strict=True):
        _check(kept, size // 2, size)
    _check(modes[-1], sizes[-1] // 2 + 1, sizes[-1])


def _check(kept: int, most: int, size: int) -> None:
    if not 1 <= kept <= most:
        raise ConfigError(f"{kept} modes of an axis of {size} samples cannot be kept. Keep 1 to {most}.")
