"""Dual-tree analysis and synthesis along one axis, in three forms of the same linear map.

* "dense": one matrix product with the whole operator, boundary included. No padding, no gathers.
* "flip_split" (level 1): the even and the odd part of the axis under reversal separately, half the multiplications.
* "tiled": a small matrix over overlapping windows, for long axes, where most of the dense matrix is zero.

`choose_form` picks by size and backend. All compute at full float32 precision; the batch axis leads and is never merged
with another, so that a batch-sharded map is transformed where it lies.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from spectrax.ops import dual_tree_matrices as matrices
from spectrax.ops.choices import check_choice
from spectrax.ops.matrices import product
from spectrax.parallel.devices import target_platform

Form = Literal["dense", "flip_split", "tiled"]
FORMS: tuple[Form, ...] = ("dense", "flip_split", "tiled")

_TILE = 16  # samples of each output signal per tile: windows of some 50 samples in level 1


def choose_form(size: int, level_one: bool) -> Form:
    """The fastest form for an axis of `size` samples.

    On CPU, as measured (two cores, there and back with gradient): the split's saving outweighs the passes over memory
    that it adds from 160 samples on, and tiles win from 256 on. On accelerators, where products are cheaper than passes
    over memory, no split, and tiles from 512 on; that boundary is an estimate.
    """
    if target_platform() != "cpu":
        return "tiled" if size >= 512 else "dense"
    if size >= 256:
        return "tiled"
    return "flip_split" if level_one and size >= 160 else "dense"


def analyse_axis(x: jax.Array, axis: int, family: str, level_one: bool, form: Form | None = None) -> jax.Array:
    """Low and high bands of one axis, de-interleaved.

    Args:
        x: (batch, height, width, channels); the axis has an even size (level 1) or a multiple of 4 (later levels).
        axis: 1 or 2.
        family: of level-1 or of q-shift filters.
        form: None chooses.

    Returns:
        The axis holds [low even, low odd, high even, high odd]: twice the size at level 1, the same later.

    Raises:
        ConfigError: when there is no such family or form.
    """
    size = x.shape[axis]
    form = _usable(form, size, level_one)
    if form == "dense":
        return product(x, matrices.analysis_matrix(size, family, level_one), axis)
    if form == "flip_split":
        plus, minus = matrices.flip_split_analysis(size, family)
        near, far = jnp.split(x, 2, axis)
        far = jnp.flip(far, axis)
        p, m = product(near + far, plus, axis), product(near - far, minus, axis)
        (low_even, high_even), (low_odd, high_odd) = jnp.split(p + m, 2, axis), jnp.split(p - m, 2, axis)
        return jnp.concatenate([low_even, jnp.flip(low_odd, axis), high_even, jnp.flip(high_odd, axis)], axis)
    tiles = matrices.analysis_tiles(family, level_one, _TILE)
    return _tiled(_windows(x, axis, tiles), tiles, axis, signals=4, size=size // (2 if level_one else 4))


def synthesise_axis(y: jax.Array, axis: int, family: str, level_one: bool, form: Form | None = None) -> jax.Array:
    """The inverse of `analyse_axis`, with the synthesis filters."""
    size = y.shape[axis] // 2 if level_one else y.shape[axis]
    form = _usable(form, size, level_one)
    if form == "dense":
        return product(y, matrices.synthesis_matrix(size, family, level_one), axis)
    low_even, low_odd, high_even, high_odd = jnp.split(y, 4, axis)
    if form == "flip_split":
        plus, minus = matrices.flip_split_synthesis(size, family)
        even = jnp.concatenate([low_even, high_even], axis)
        odd = jnp.concatenate([jnp.flip(low_odd, axis), jnp.flip(high_odd, axis)], axis)
        p, m = product(even + odd, plus, axis), product(even - odd, minus, axis)
        return jnp.concatenate([p + m, jnp.flip(p - m, axis)], axis)
    tiles = matrices.synthesis_tiles(family, level_one, 2 * _TILE)
    signals = [interleaved(low_even, low_odd, axis), interleaved(high_even, high_odd, axis)]
    windows = jnp.concatenate([_windows(signal, axis, tiles) for signal in signals], axis + 1)
    return _tiled(windows, tiles, axis, signals=1, size=size)


def interleaved(even: jax.Array, odd: jax.Array, axis: int) -> jax.Array:
    """One signal from its samples at even and at odd positions."""
    shape = list(even.shape)
    shape[axis] *= 2
    return jnp.stack([even, odd], axis + 1).reshape(shape)


def _usable(form: Form | None, size: int, level_one: bool) -> Form:
    """The q-shift filters of later levels are not symmetric: they have no flip split."""
    form = choose_form(size, level_one) if form is None else form
    check_choice("form", form, FORMS)
    return "dense" if form == "flip_split" and not level_one else form


def _windows(x: jax.Array, axis: int, tiles: matrices.Tiles) -> jax.Array:
    """Overlapping windows of the symmetrically extended axis, which becomes two: (tiles, window)."""
    size, shape = x.shape[axis], x.shape
    count = -(-size // tiles.stride)
    chunks = 1 + -(-tiles.length // tiles.stride)
    pads = [(0, 0)] * x.ndim
    pads[axis] = (-tiles.start, (count + chunks - 1) * tiles.stride + tiles.start - size)
    extended = jnp.pad(x, pads, mode="symmetric")
    pieces = extended.reshape(*shape[:axis], count + chunks - 1, tiles.stride, *shape[axis + 1 :])
    # A window is a whole chunk and the beginnings of those that follow: two or three slices, not one for each tile.
    lengths = [min(tiles.stride, tiles.length - k * tiles.stride) for k in range(chunks)]
    parts = [
        jax.lax.slice_in_dim(jax.lax.slice_in_dim(pieces, k, k + count, axis=axis), 0, length, axis=axis + 1)
        for k, length in enumerate(lengths)
        if length > 0
    ]
    return jnp.concatenate(parts, axis + 1)


def _tiled(windows: jax.Array, tiles: matrices.Tiles, axis: int, signals: int, size: int) -> jax.Array:
    """All tiles by one product; the outputs of each signal in line, cut to `size` samples, signal after signal."""
    matrix = jnp.asarray(tiles.matrix.reshape(signals, -1, tiles.matrix.shape[1]), windows.dtype)
    subscripts = {1: "stl,bklwc->bsktwc", 2: "stl,bhklc->bhsktc"}[axis]
    out = jnp.einsum(subscripts, matrix, windows, precision=jax.lax.Precision.HIGHEST)
    shape = out.shape
    lines = out.reshape(*shape[: axis + 1], shape[axis + 1] * shape[axis + 2], *shape[axis + 3 :])
    lines = jax.lax.slice_in_dim(lines, 0, size, axis=axis + 1)
    return lines.reshape(*shape[:axis], signals * size, *shape[axis + 3 :])
