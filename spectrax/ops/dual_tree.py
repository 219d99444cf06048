"""The 2-D dual-tree complex wavelet transform and its inverse, separable: one axis after the other.

Six oriented complex bands per level and a real low-pass map; approximately shift invariant, perfectly reconstructing,
4:1 redundant. Source: N. Kingsbury, "Complex wavelets for shift invariant analysis and filtering of signals", ACHA 10
(2001); conventions (order of orientations, sizes, boundary) are those of `dtcwt` and `pytorch_wavelets`.

An axis is transformed by matrix products, in a form that `dual_tree_axis` chooses by its size and the backend;
gradients are matrix products again. The transform always computes in float32 (float64 stays float64), whatever the
precision of the model around it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from spectrax.ops.compute_dtype import at_least_float32
from spectrax.ops.dual_tree_axis import Form, analyse_axis, interleaved, synthesise_axis

ORIENTATIONS = (15, 45, 75, 105, 135, 165)  # degrees, the order of the band axis
_HALF_ROOT = 0.5**0.5


class ComplexBands(NamedTuple):
    """One level: real and imaginary parts, each (batch, height, width, 6, channels)."""

    real: jax.Array
    imaginary: jax.Array


def dual_tree_2d(
    x: jax.Array,
    levels: int = 1,
    *,
    biort: str = "near_sym_b",
    qshift: str = "qshift_b",
    form: Form | None = None,
) -> tuple[jax.Array, tuple[ComplexBands, ...]]:
    """The forward transform.

    Args:
        x: real (batch, height, width, channels), any size; an odd side is extended by its last row or column.
        levels: at least 1.
        biort: family of level 1, one of `BIORT_FAMILIES`.
        qshift: family of later levels, one of `QSHIFT_FAMILIES`.
        form: how an axis is transformed; None chooses by size and backend. All give the same numbers.

    Returns:
        The low-pass map (batch, h, w, channels), twice as large per side as the last bands (for one level: the size of
        `x` made even), and the bands of each level, finest first: sides half, quarter ... of `x`.
    """
    low = _pad_to_even(at_least_float32(x))
    bands = []
    for level in range(levels):
        first = level == 0
        if not first:
            low = _pad_to_multiple_of_four(low)
        family = biort if first else qshift
        low, band = _analyse(low, family, first, form)
        bands.append(band)
    return low, tuple(bands)


def inverse_dual_tree_2d(
    low: jax.Array | None,
    bands: Sequence[ComplexBands | None],
    *,
    biort: str = "near_sym_b",
    qshift: str = "qshift_b",
    size: tuple[int, int] | None = None,
    form: Form | None = None,
) -> jax.Array:
    """The inverse of `dual_tree_2d`.

    Args:
        low: the low-pass map, or None for zeros.
        bands: the bands of each level, finest first; None for zeros (at least one of all must be given).
        size: (height, width) to crop to, for maps whose sides were odd.
        form: as in `dual_tree_2d`.

    Returns:
        (batch, height, width, channels).
    """
    low = at_least_float32(low) if low is not None else _zero_low(bands)
    for level in reversed(range(len(bands))):
        band = bands[level]
        if band is not None:
            low = _crop_to(low, 2 * band.real.shape[1], 2 * band.real.shape[2])
        first = level == 0
        low = _synthesise(low, band, biort if first else qshift, first, form)
    return low if size is None else low[:, : size[0], : size[1]]


def _analyse(x: jax.Array, family: str, first: bool, form: Form | None) -> tuple[jax.Array, ComplexBands]:
    y = analyse_axis(analyse_axis(x, 2, family, first, form), 1, family, first, form)
    # Sixteen blocks: (row filter and parity) by (column filter and parity). Splits, here and below, not slices: the
    # transpose of a split is one concatenation, that of many slices a sum of padded maps.
    block = [jnp.split(rows, 4, axis=2) for rows in jnp.split(y, 4, axis=1)]
    low = _interleave(block[0][0], block[0][1], block[1][0], block[1][1])
    band15, band165 = _quads_to_complex(block[2][0], block[2][1], block[3][0], block[3][1])
    band75, band105 = _quads_to_complex(block[0][2], block[0][3], block[1][2], block[1][3])
    band45, band135 = _quads_to_complex(block[2][2], block[2][3], block[3][2], block[3][3])
    parts = zip(band15, band45, band75, band105, band135, band165, strict=True)
    return low, ComplexBands(*[jnp.stack(part, axis=3) for part in parts])


def _synthesise(low: jax.Array, bands: ComplexBands | None, family: str, first: bool, form: Form | None) -> jax.Array:
    ll = _deinterleave(low)
    if bands is None:
        zero = jnp.zeros_like(ll[0])
        lh = hl = hh = (zero, zero, zero, zero)
    else:
        one = list(zip(*[_unstacked(part, 3) for part in bands], strict=True))
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
    return synthesise_axis(synthesise_axis(y, 1, family, first, form), 2, family, first, form)


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
    return interleaved(interleaved(a, b, 2), interleaved(c, d, 2), 1)


def _deinterleave(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The inverse of `_interleave`."""
    batch, height, width, channels = x.shape
    even, odd = _unstacked(x.reshape(batch, height // 2, 2, width // 2, 2, channels), 2)
    return (*_unstacked(even, 3), *_unstacked(odd, 3))


def _unstacked(x: jax.Array, axis: int) -> list[jax.Array]:
    """The inverse of `jnp.stack`."""
    return [jnp.squeeze(part, axis) for part in jnp.split(x, x.shape[axis], axis)]


def _pad_to_even(x: jax.Array) -> jax.Array:
    """The last sample of an axis of odd size twice. By slices: the gradient of `jnp.pad(mode="edge")` moves whole maps
    of zeros between the devices that share a batch."""
    for axis in (1, 2):
        if x.shape[axis] % 2:
            last = jax.lax.slice_in_dim(x, x.shape[axis] - 1, x.shape[axis], axis=axis)
            x = jnp.concatenate([x, last], axis)
    return x


def _pad_to_multiple_of_four(x: jax.Array) -> jax.Array:
    """One sample on both sides of an axis that is not a multiple of 4 (it is even)."""
    for axis in (1, 2):
        if x.shape[axis] % 4:
            first, last = (jax.lax.slice_in_dim(x, at, at + 1, axis=axis) for at in (0, x.shape[axis] - 1))
            x = jnp.concatenate([first, x, last], axis)
    return x


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
    return jnp.zeros((batch, 2 * h, 2 * w, channels), at_least_float32(band.real).dtype)
