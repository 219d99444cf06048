"""Fourier coefficients in the corners of a spectrum and fields that have no others, by thin matrix products or FFTs.

`Corners` says what is kept: for every axis how many frequencies from zero up and how many below zero; of the last axis
none below, since the samples are real. Coefficients are real arrays (batch, *modes, 2, channels), real and imaginary
part side by side; along an axis they lie as 0 ... nonnegative - 1, -negative ... -1.

By products: along one axis after the other, the first of them first, so that the largest product has long rows that
are contiguous; cosines and sines apart, so that positive and negative frequencies share the work. Both ways give the
same numbers but for rounding; `cheaper_by_products` chooses. Everything computes in float32 (float64 stays float64).

Where the corners of an axis overlap (more frequencies than samples), the negative one overwrites the other, as in the
released code of Z. Li et al., "Fourier neural operator for parametric partial differential equations", ICLR 2021.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.ops import fourier
from spectrax.ops.compute_dtype import at_least_float32
from spectrax.ops.fourier_matrices import half_analysis, half_synthesis
from spectrax.ops.matrices import read_only
from spectrax.ops.norms import Norm, inverse_factor
from spectrax.parallel.devices import target_platform

# Time of an operation in an FFT over that of one in a matrix product: on two CPU cores some 10 and 90 GFLOP/s for
# fields of 96x96, the one size that was measured.
_FFT_COST = 8.0


@dataclasses.dataclass(frozen=True)
class Corners:
    """The frequencies that are kept.

    Attributes:
        nonnegative: for each axis how many from zero up.
        negative: for each axis how many below zero; 0 for the last.
    """

    nonnegative: tuple[int, ...]
    negative: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Frequencies along each axis."""
        return tuple(sum(pair) for pair in zip(self.nonnegative, self.negative, strict=True))

    @property
    def reach(self) -> tuple[int, ...]:
        """For each axis how many absolute frequencies there are, from zero up."""
        pairs = zip(self.nonnegative, self.negative, strict=True)
        return tuple(max(up, down + 1) if down else up for up, down in pairs)


def analyse(
    x: jax.Array,
    kept: Corners,
    norm: Norm = "backward",
    *,
    sizes: Sequence[int] | None = None,
    by_products: bool | None = None,
) -> jax.Array:
    """Coefficients (batch, *modes, 2, channels) of real fields (batch, *space, channels).

    Args:
        sizes: of the grid, on which the field is zero behind its last sample; None: those of the field.
        by_products: whether by matrix products or by FFTs; None: what costs less.

    Raises:
        ConfigError: when an axis has fewer frequencies than are to be kept.
    """
    sizes = x.shape[1:-1] if sizes is None else tuple(sizes)
    _check(sizes, kept)
    x = at_least_float32(x)
    if cheaper_by_products(sizes, kept) if by_products is None else by_products:
        return _analysed_by_products(x, kept, sizes, norm)
    y = fourier.rfftn(x, s=sizes, norm=norm)
    for axis, (up, down) in enumerate(zip(kept.nonnegative, kept.negative, strict=True), 1):
        ends = [jax.lax.slice_in_dim(y, 0, up, axis=axis)]
        ends += [jax.lax.slice_in_dim(y, y.shape[axis] - down, y.shape[axis], axis=axis)] if down else []
        y = jnp.concatenate(ends, axis)
    return jnp.stack([y.real, y.imag], -2)


def synthesise(
    y: jax.Array,
    kept: Corners,
    sizes: Sequence[int],
    norm: Norm = "backward",
    *,
    samples: Sequence[int] | None = None,
    by_products: bool | None = None,
) -> jax.Array:
    """The real fields (batch, *samples, channels) whose coefficients (batch, *modes, 2, channels) are in the corners.

    As in NumPy, imaginary parts that a real field cannot have count for nothing.

    Args:
        sizes: of the grid.
        samples: how many of them, the first ones, are wanted along each axis; None: all.
        by_products: see `analyse`.

    Raises:
        ConfigError: when an axis has fewer frequencies than are kept.
    """
    sizes = tuple(sizes)
    samples = sizes if samples is None else tuple(samples)
    _check(sizes, kept)
    y = at_least_float32(y)
    if cheaper_by_products(sizes, kept) if by_products is None else by_products:
        return _synthesised_by_products(y, kept, sizes, samples, norm)
    return _synthesised_by_fft(y, kept, sizes, norm)[(slice(None), *map(slice, samples))]


@functools.cache
def cheaper_by_products(sizes: tuple[int, ...], kept: Corners) -> bool:
    """Whether thin matrix products take less time than an FFT, by operations: 2.5 n log2 n in a real FFT of n samples,
    each taking as long as eight in a product."""
    samples = math.prod(sizes)
    rows, products = 1, 0
    for axis, reach in enumerate(kept.reach):
        products += 2 * rows * 2 * reach * math.prod(sizes[axis:])
        rows *= 2 * reach
    return products < _FFT_COST * 2.5 * samples * math.log2(max(samples, 2))


def _analysed_by_products(x: jax.Array, kept: Corners, sizes: tuple[int, ...], norm: Norm) -> jax.Array:
    """Axis by axis the products with cosines and minus sines, then their combination to complex coefficients."""
    dimensions = len(kept.counts)
    for axis, reach in enumerate(kept.reach):  # each axis becomes two: which wave, and its frequency
        place = 1 + 2 * axis
        waves = half_analysis(sizes[axis], reach, norm)[:, 0]
        x = _product(waves[..., : x.shape[place]], x, place)
    # x is now (batch, wave, frequency, ..., wave, frequency, channels).
    real, imaginary = _pair(x, 2 * dimensions - 1)
    for axis in reversed(range(dimensions - 1)):
        place = 1 + 2 * axis
        pairs = _pair(real, place), _pair(imaginary, place)
        real, imaginary = _both_signs(*pairs, kept.nonnegative[axis], kept.negative[axis], place)
    return jnp.stack([real, imaginary], -2)


Pair = tuple[jax.Array, jax.Array]


def _pair(x: jax.Array, axis: int) -> Pair:
    """Both entries of an axis that has two."""
    return jax.lax.index_in_dim(x, 0, axis, keepdims=False), jax.lax.index_in_dim(x, 1, axis, keepdims=False)


def _both_signs(real: Pair, imaginary: Pair, up: int, down: int, axis: int) -> Pair:
    """From products with cosines and with minus sines the coefficients at positive and at negative frequencies."""

    def joined(positive: jax.Array, negative: jax.Array) -> jax.Array:
        positive = jax.lax.slice_in_dim(positive, 0, up, axis=axis)
        negative = jnp.flip(jax.lax.slice_in_dim(negative, 1, down + 1, axis=axis), axis)
        return jnp.concatenate([positive, negative], axis)

    (real, real_sine), (imaginary, imaginary_sine) = real, imaginary
    return (
        joined(real - imaginary_sine, real + imaginary_sine),
        joined(imaginary + real_sine, imaginary - real_sine),
    )


def _synthesised_by_products(
    y: jax.Array, kept: Corners, sizes: tuple[int, ...], samples: tuple[int, ...], norm: Norm
) -> jax.Array:
    """The analysis transposed: amplitudes of cosines and minus sines, and products with these, last axis first."""
    dimensions = len(kept.counts)
    real, imaginary = _pair(y, dimensions + 1)
    for axis in range(dimensions - 1):
        place = 1 + 2 * axis
        real, imaginary = _amplitudes(real, imaginary, kept, axis, sizes[axis], place)
    z = jnp.stack([real, imaginary], 2 * dimensions - 1)
    for axis in reversed(range(dimensions)):
        place = 1 + 2 * axis
        size, reach = sizes[axis], kept.reach[axis]
        is_last = axis == dimensions - 1
        matrix = half_synthesis(size, reach, norm)[0] if is_last else _waves(size, reach, norm)
        z = _product_of_pairs(matrix[:, : samples[axis]], z, place)
    return z


def _amplitudes(real: jax.Array, imaginary: jax.Array, kept: Corners, axis: int, size: int, place: int) -> Pair:
    """Along one axis, from coefficients at both signs to the complex amplitudes of cosine and minus sine, on a new axis
    before it."""
    up, down, reach = kept.nonnegative[axis], kept.negative[axis], kept.reach[axis]

    def apart(part: jax.Array) -> Pair:
        positive = jax.lax.slice_in_dim(part, 0, min(up, size - down), axis=place)  # the rest is overwritten
        negative = jnp.flip(jax.lax.slice_in_dim(part, up, up + down, axis=place), place)
        return _padded(positive, 0, reach, place), _padded(negative, 1, reach, place)

    (real_up, real_down), (imaginary_up, imaginary_down) = apart(real), apart(imaginary)
    return (
        jnp.stack([real_up + real_down, imaginary_up - imaginary_down], place),
        jnp.stack([imaginary_up + imaginary_down, real_down - real_up], place),
    )


def _padded(x: jax.Array, before: int, size: int, axis: int) -> jax.Array:
    widths = [(before, size - before - x.shape[axis]) if number == axis else (0, 0) for number in range(x.ndim)]
    return jnp.pad(x, widths)


@functools.cache
def _waves(size: int, reach: int, norm: Norm) -> np.ndarray:
    """Cosines and minus sines of the frequencies 0 ... reach - 1: (2, size, reach)."""
    cosine_and_sine = half_analysis(size, reach, "backward")[:, 0].swapaxes(1, 2)
    return read_only(inverse_factor(norm, size) * cosine_and_sine)


def _synthesised_by_fft(y: jax.Array, kept: Corners, sizes: tuple[int, ...], norm: Norm) -> jax.Array:
    spectrum = jax.lax.complex(*_pair(y, y.ndim - 2))
    whole = (*sizes[:-1], sizes[-1] // 2 + 1)
    for axis, (up, down, size) in enumerate(zip(kept.nonnegative, kept.negative, whole, strict=True), 1):
        positive = jax.lax.slice_in_dim(spectrum, 0, min(up, size - down), axis=axis)
        negative = jax.lax.slice_in_dim(spectrum, up, up + down, axis=axis)
        spectrum = jnp.concatenate([_padded(positive, 0, size - down, axis), negative], axis)
    last = len(sizes)
    if last > 1:
        spectrum = fourier.ifftn(spectrum, axes=tuple(range(1, last)), norm=norm)
    # What no real field has would be ignored by some libraries of FFTs, and lead others astray.
    own_conjugate = 2 * np.arange(whole[-1]) % sizes[-1] == 0
    spectrum = jax.lax.complex(spectrum.real, jnp.where(own_conjugate[:, None], 0, spectrum.imag))
    return fourier.irfft(spectrum, n=sizes[-1], axis=last, norm=norm)


def _product(matrices: np.ndarray, x: jax.Array, axis: int) -> jax.Array:
    """`matrices` (2, rows, samples) with `axis` of `x`, which becomes two axes: which matrix, and the row."""

    def there(x: jax.Array) -> jax.Array:
        return _contracted(matrices, [2], x, [axis])

    return _with_gradient(there, lambda y: _product_of_pairs(matrices.swapaxes(1, 2), y, axis))(x)


def _product_of_pairs(matrices: np.ndarray, x: jax.Array, axis: int) -> jax.Array:
    """`matrices` (2, samples, rows) with `axis`, which matrix, and the one behind it, the row, of `x`: their sum."""

    def there(x: jax.Array) -> jax.Array:
        return _contracted(matrices, [0, 2], x, [axis, axis + 1])

    return _with_gradient(there, lambda y: _product(matrices.swapaxes(1, 2), y, axis))(x)


def _with_gradient(
    linear: Callable[[jax.Array], jax.Array], transpose: Callable[[jax.Array], jax.Array]
) -> Callable[[jax.Array], jax.Array]:
    """`linear`, with its transpose given: that of automatic differentiation has the operands in the order for which
    XLA's CPU compiler writes transposed copies."""
    product = jax.custom_vjp(linear)
    product.defvjp(lambda x: (linear(x), None), lambda _, gradient: (transpose(gradient),))
    return product


def _contracted(matrices: np.ndarray, own: list[int], x: jax.Array, axes: list[int]) -> jax.Array:
    """The product of `own` axes of three of `matrices` with `axes` of `x`, neighbours, where what is left stands."""
    constant, place = jnp.asarray(matrices, x.dtype), axes[0]
    labels = list(range(x.ndim))
    ours = [axes[own.index(number)] if number in own else x.ndim + number for number in range(3)]
    left = [label for number, label in enumerate(ours) if number not in own]
    out = [*labels[:place], *left, *labels[axes[-1] + 1 :]]
    if target_platform() == "cpu":
        # With a matrix for every index before `place` the product keeps the order of axes, and nothing is transposed.
        constant = jnp.broadcast_to(constant, (*x.shape[:place], *constant.shape))
        ours = [*labels[:place], *ours]
    return jnp.einsum(constant, ours, x, labels, out, precision=jax.lax.Precision.HIGHEST)


def _check(sizes: tuple[int, ...], kept: Corners) -> None:
    if len(sizes) != len(kept.counts):
        raise ConfigError(
            f"A grid of {len(sizes)} axes, and modes for {len(kept.counts)}: one number for each is wanted."
        )
    most = [*sizes[:-1], sizes[-1] // 2 + 1]
    for axis, (size, up, down, limit) in enumerate(zip(sizes, kept.nonnegative, kept.negative, most, strict=True)):
        if max(up, down) > limit or up < 1:
            raise ConfigError(
                f"{max(up, down)} modes of axis {axis}, which has {size} samples, cannot be kept. Keep 1 to {limit}."
            )
