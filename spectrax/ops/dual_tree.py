"""The 2-D dual-tree complex wavelet transform and its inverse, as matrix products.

Six oriented complex bands per level and a real low-pass map; approximately shift invariant, perfectly reconstructing,
4:1 redundant. Source: N. Kingsbury, "Complex wavelets for shift invariant analysis and filtering of signals", ACHA 10
(2001); conventions (order of orientations, sizes, boundary) are those of `dtcwt` and `pytorch_wavelets`.

Both axes are transformed by small dense matrices whose rows are the shifted filters with the symmetric boundary folded
in: two matrix products, no padding, no gathers, gradients that are two matrix products again. The batch axis leads and
is never merged with another, so a batch-sharded map is transformed where it lies. The transform always computes in
float32 (float64 stays float64), whatever the precision of the model around it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.ops.dual_tree_matrices import analysis_matrix, synthesis_matrix

ORIENTATIONS = (15, 45, 75, 105, 135, 165)  # degrees, the order of the band axis
_HALF_ROOT = float(np.sqrt(0.5))


class ComplexBands(NamedTuple):
    """One level: real and imaginary parts, each (batch, height, width, 6, channels)."""

    real: jax.Array
    imaginary: jax.Array


def dual_tree_2d(
    x: jax.Array, levels: int = 1, *, biort: str = "near_sym_b", qshift: str = "qshift_b"
) -> tuple[jax.Array, tuple[ComplexBands, ...]]:
    """The forward transform.

    Args:
        x: real (batch, height, width, channels), any size; an odd side is extended by its last row or column.
        levels: at least 1.
        biort: family of level 1, one of `BIORT_FAMILIES`.
        qshift: family of later levels, one of `QSHIFT_FAMILIES`.

    Returns:
        The low-pass map (batch, h, w, channels), twice as large per side as the last bands (for one level: the size of
        `x` made even), and the bands of each level, finest first: sides half, quarter ... of `x`.
    """
    low = _pad_to_even(_at_least_float32(x))
    bands = []
    for level in range(levels):
        first = level == 0
        if not first:
            low = _pad_to_multiple_of_four(low)
        family = biort if first else qshift
        low, band = _analyse(low, family, first)
        bands.append(band)
    return low, tuple(bands)


def inverse_dual_tree_2d(
    low: jax.Array | None,
    bands: Sequence[ComplexBands | None],
    *,
    biort: str = "near_sym_b",
    qshift: str = "qshift_b",
    size: tuple[int, int] | None = None,
) -> jax.Array:
    """The inverse of `dual_tree_2d`.

    Args:
        low: the low-pass map, or None for zeros.
        bands: the bands of each level, finest first; None for zeros (at least one of all must be given).
        size: (height, width) to crop to, for maps whose sides were odd.

    Returns:
        (batch, height, width, channels).
    """
    low = _at_least_float32(low) if low is not None else _zero_low(bands)
    for level in reversed(range(len(bands))):
        band = bands[level]
        if band is not None:
            low = _crop_to(low, 2 * band.real.shape[1], 2 * band.real.shape[2])
        first = level == 0
        low = _synthesise(low, band, biort if first else qshift, first)
    return low if size is None else low[:, : size[0], : size[1]]


def _analyse(x: jax.Array, family: str, first: bool) -> tuple[jax.Array, ComplexBands]:
    height, width = x.shape[1:3]
    rows = jnp.asarray(analysis_matrix(height, family, first), x.dtype)
    columns = jnp.asarray(analysis_matrix(width, family, first), x.dtype)
    y = jnp.einsum("bhwc,jw->bhjc", x, columns, precision=jax.lax.Precision.HIGHEST)
    y = jnp.einsum("ih,bhjc->bijc", rows, y, precision=jax.lax.Precision.HIGHEST)
    h, w = y.shape[1] // 4, y.shape[2] // 4
    # Sixteen blocks: (row filter and parity) by (column filter and parity).
    block = [[y[:, i * h : (i + 1) * h, j * w : (j + 1) * w] for j in range(4)] for i in range(4)]
    low = _interleave(block[0][0], block[0][1], block[1][0], block[1][1])
    band15, band165 = _quads_to_complex(block[2][0], block[2][1], block[3][0], block[3][1])
    band75, band105 = _quads_to_complex(block[0][2], block[0][3], block[1][2], block[1][3])
    band45, band135 = _quads_to_complex(block[2][2], block[2][3], block[3][2], block[3][3])
    parts = zip(band15, band45, band75, band105, band135, band165, strict=True)
    return low, ComplexBands(*[jnp.stack(part, axis=3) for part in parts])


def _synthesise(low: jax.Array, bands: ComplexBands | None, family: str, first: bool) -> jax.Array:
    h, w = low.shape[1] // 2, low.shape[2] // 2
    scale = 2 if first else 4
    ll = _deinterleave(low)
    if bands is None:
        zero = jnp.zeros_like(ll[0])
        lh = hl = hh = (zero, zero, zero, zero)
    else:
        one = [(bands.real[:, :, :, o], bands.imaginary[:, :, :, o]) for o in range(6)]
        lh, hl, hh = (_complex_to_quads(one[o], one[5 - o]) for o in (0, 2, 1))
    y = jnp.concatenate(
        [
            jnp.concatenate([ll[0], ll[1], hl[0], hl[1]], axis=2),
            jnp.concatenate([ll[2], ll[3], hl[2], hl[3]], axis=2),
            jnp.concatenate([lh[0], lh[1], hh[0], hh[1]], axis=2),
            jnp.concatenate([lh[2], lh[3], hh[2], hh[3]], axis=2),
        ],
        axis=1,
    )
    rows = jnp.asarray(synthesis_matrix(scale * h, family, first), y.dtype)
    columns = jnp.asarray(synthesis_matrix(scale * w, family, first), y.dtype)
    x = jnp.einsum("ih,bhjc->bijc", rows, y, precision=jax.lax.Precision.HIGHEST)
    return jnp.einsum("bijc,wj->biwc", x, columns, precision=jax.lax.Precision.HIGHEST)


def _quads_to_complex(
    a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    """Four parities to two complex bands of opposite orientation."""
    first = ((a - d) * _HALF_ROOT, (b + c) * _HALF_ROOT)
    second = ((a + d) * _HALF_ROOT, (b - c) * _HALF_ROOT)
    return first, second


def _complex_to_quads(
    first: tuple[jax.Array, jax.Array], second: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The inverse and transpose of `_quads_to_complex`."""
    (p, q), (r, t) = first, second
    return (p + r) * _HALF_ROOT, (q + t) * _HALF_ROOT, (q - t) * _HALF_ROOT, (r - p) * _HALF_ROOT


def _interleave(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> jax.Array:
    """Four parities (batch, h, w, channels), from even-even to odd-odd, to one map (batch, 2h, 2w, channels)."""
    batch, h, w, channels = a.shape
    rows = jnp.stack([jnp.stack([a, b], axis=3), jnp.stack([c, d], axis=3)], axis=2)
    return rows.reshape(batch, 2 * h, 2 * w, channels)


def _deinterleave(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    return x[:, 0::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2]


def _pad_to_even(x: jax.Array) -> jax.Array:
    height, width = x.shape[1:3]
    return jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _pad_to_multiple_of_four(x: jax.Array) -> jax.Array:
    """One sample on both sides of an axis that is not a multiple of 4 (it is even)."""
    sides = [1 if size % 4 else 0 for size in x.shape[1:3]]
    return jnp.pad(x, ((0, 0), (sides[0],) * 2, (sides[1],) * 2, (0, 0)), mode="edge")


def _crop_to(x: jax.Array, height: int, width: int) -> jax.Array:
    """Undo `_pad_to_multiple_of_four`."""
    top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
    return x[:, top : top + height, left : left + width]


def _zero_low(bands: Sequence[ComplexBands | None]) -> jax.Array:
    """Zeros of the low-pass map's size, from the coarsest bands given."""
    index, band = max((index, band) for index, band in enumerate(bands) if band is not None)
    batch, h, w, _, channels = band.real.shape
    for _ in range(index + 1, len(bands)):
        h, w = (h + 1) // 2, (w + 1) // 2
    return jnp.zeros((batch, 2 * h, 2 * w, channels), _at_least_float32(band.real).dtype)


def _at_least_float32(x: jax.Array) -> jax.Array:
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)
