"""Cosine and sine transforms of types I to IV along one axis, in two forms of the same linear map.

* "matmul": one product with the (size, size) matrix, at full float32 precision.
* "fft": a real FFT of the samples reordered (types II and III: J. Makhoul, "A fast cosine transform in one and two
  dimensions", IEEE Trans. ASSP 28 (1980)) or extended (I, IV), and a rotation.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.ops.choices import check_choice
from spectrax.ops.cosine_matrices import Family, normalisation, transform_matrix
from spectrax.ops.matrices import product
from spectrax.ops.norms import Norm
from spectrax.parallel.devices import target_platform

Form = Literal["matmul", "fft"]
FORMS: tuple[Form, ...] = ("matmul", "fft")


def choose_form(size: int) -> Form:
    """The faster form for an axis of `size` samples: on CPU as measured (two cores, with gradient), on accelerators,
    where products are cheap and FFTs are not, an estimate."""
    return "matmul" if size <= (96 if target_platform() == "cpu" else 256) else "fft"


def transform_axis(
    x: jax.Array, axis: int, family: Family, kind: int, norm: Norm, form: Form | None = None
) -> jax.Array:
    """The transform of type `kind` of real `x` along `axis`, which keeps its size; `form` None chooses by size.

    Raises:
        ConfigError: when `form` or `norm` is unknown.
    """
    size = x.shape[axis]
    axis %= x.ndim
    form = choose_form(size) if form is None else form
    check_choice("form", form, FORMS)
    if form == "matmul":
        return product(x, transform_matrix(size, family, kind, norm), axis)
    before, after = (_along(factors, x, axis) for factors in normalisation(size, family, kind, norm))
    return _by_fft(x * before, axis, family, kind) * after


def _by_fft(x: jax.Array, axis: int, family: Family, kind: int) -> jax.Array:
    if family == "cosine":
        return {1: _cosine_1, 2: _cosine_2, 3: _cosine_3, 4: _cosine_4}[kind](x, axis)
    if kind == 1:
        return _sine_1(x, axis)
    # The others are cosine transforms of the same type, with signs alternating on one side and reversed on the other.
    signs = _along((-1.0) ** np.arange(x.shape[axis]), x, axis)
    if kind == 2:
        return jnp.flip(_cosine_2(x * signs, axis), axis)
    return {3: _cosine_3, 4: _cosine_4}[kind](jnp.flip(x, axis), axis) * signs


def _cosine_1(x: jax.Array, axis: int) -> jax.Array:
    inner = jax.lax.slice_in_dim(x, 1, x.shape[axis] - 1, axis=axis)
    return jnp.fft.rfft(jnp.concatenate([x, jnp.flip(inner, axis)], axis), axis=axis).real


def _sine_1(x: jax.Array, axis: int) -> jax.Array:
    zero = jnp.zeros_like(jax.lax.slice_in_dim(x, 0, 1, axis=axis))
    odd = jnp.concatenate([zero, x, zero, -jnp.flip(x, axis)], axis)
    return -jax.lax.slice_in_dim(jnp.fft.rfft(odd, axis=axis).imag, 1, x.shape[axis] + 1, axis=axis)


def _cosine_2(x: jax.Array, axis: int) -> jax.Array:
    size = x.shape[axis]
    even = jax.lax.slice_in_dim(x, 0, size, 2, axis)
    odd = jax.lax.slice_in_dim(x, 1, size, 2, axis)
    spectrum = jnp.fft.rfft(jnp.concatenate([even, jnp.flip(odd, axis)], axis), axis=axis)
    rotated = 2 * spectrum * _along(_quarter_turns(size), spectrum, axis)
    upper = -jax.lax.slice_in_dim(rotated.imag, 1, (size + 1) // 2, axis=axis)
    return jnp.concatenate([rotated.real, jnp.flip(upper, axis)], axis)


def _cosine_3(x: jax.Array, axis: int) -> jax.Array:
    """`_cosine_2` backwards, times 2 size."""
    size = x.shape[axis]
    zero = jnp.zeros_like(jax.lax.slice_in_dim(x, 0, 1, axis=axis))
    mirrored = jnp.concatenate([zero, jnp.flip(x, axis)], axis)
    lower, upper = (jax.lax.slice_in_dim(part, 0, size // 2 + 1, axis=axis) for part in (x, mirrored))
    rotated = jax.lax.complex(lower, -upper)
    spectrum = size * rotated * _along(_quarter_turns(size).conj(), rotated, axis)
    samples = jnp.fft.irfft(spectrum, size, axis)
    even = jax.lax.slice_in_dim(samples, 0, (size + 1) // 2, axis=axis)
    odd = jnp.flip(jax.lax.slice_in_dim(samples, (size + 1) // 2, size, axis=axis), axis)
    return _spread(even, axis, 0, size) + _spread(odd, axis, 1, size)


def _cosine_4(x: jax.Array, axis: int) -> jax.Array:
    """Every second result of type II of twice as many samples, of which the later half are zero."""
    size = x.shape[axis]
    doubled = jnp.concatenate([x, jnp.zeros_like(x)], axis)
    return jax.lax.slice_in_dim(_cosine_2(doubled, axis), 1, 2 * size, 2, axis)


def _quarter_turns(size: int) -> np.ndarray:
    return np.exp(-0.5j * np.pi * np.arange(size // 2 + 1) / size)


def _spread(x: jax.Array, axis: int, first: int, size: int) -> jax.Array:
    """The samples at every second place from `first`, zeros between and after, `size` in all."""
    count = x.shape[axis]
    if not count:
        return jnp.zeros([size if number == axis else n for number, n in enumerate(x.shape)], x.dtype)
    padding = [(0, 0, 0)] * x.ndim
    padding[axis] = (first, size - first - (2 * count - 1), 1)
    return jax.lax.pad(x, jnp.zeros((), x.dtype), padding)


def _along(factors: np.ndarray, x: jax.Array, axis: int) -> jax.Array:
    """Constants (size,) as an array that multiplies `x` along `axis` in its precision."""
    return jnp.asarray(factors, x.dtype).reshape([-1 if number == axis else 1 for number in range(x.ndim)])
