"""Fourier transforms of arrays (batch, *space, channels) that lie on many devices: none of them gathers the batch.

The functions, their arguments and their conventions are those of `numpy.fft`, but for the default axes: those between
the batch and the channels. They compute in float32 (float64 stays float64) and return complex64 or float32, whatever
the precision of the model around them. `norm` is "backward", "ortho" or "forward".

`spec` says how the array is sharded, one entry per axis; None: the batch, axis 0, over the mesh axes "data" and "fsdp",
everything else local. With channels split too: `spec=PartitionSpec(("data", "fsdp"), None, None, "model")`. The axes
transformed have to be local, otherwise `ConfigError` is raised; for fields sharded along a transformed axis see
`spectrax.ops.distributed`. Where only a few modes are kept, `spectrax.ops.truncated` costs less.
"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike

from spectrax.ops.axes import space_axes
from spectrax.ops.compute_dtype import at_least_float32
from spectrax.ops.norms import Norm, scaled
from spectrax.parallel.shard_local import run_shard_locally

Sizes = Sequence[int] | None  # to which the axes are cut, or padded with zeros; None: as in NumPy
Axes = Sequence[int] | None  # None: all between the first and the last
Spec = PartitionSpec | None


def fft(x: ArrayLike, n: int | None = None, axis: int = -2, norm: Norm = "backward", *, spec: Spec = None) -> jax.Array:
    """The discrete Fourier transform along one axis, cut or padded with zeros to `n` samples."""
    return _transform(jnp.fft.fftn, x, _one(n), (axis,), norm, spec)


def ifft(
    x: ArrayLike, n: int | None = None, axis: int = -2, norm: Norm = "backward", *, spec: Spec = None
) -> jax.Array:
    """The inverse of `fft`."""
    return _transform(jnp.fft.ifftn, x, _one(n), (axis,), norm, spec)


def rfft(
    x: ArrayLike, n: int | None = None, axis: int = -2, norm: Norm = "backward", *, spec: Spec = None
) -> jax.Array:
    """`fft` of real samples: the n // 2 + 1 frequencies from zero up."""
    return _transform(jnp.fft.rfftn, x, _one(n), (axis,), norm, spec)


def irfft(
    x: ArrayLike, n: int | None = None, axis: int = -2, norm: Norm = "backward", *, spec: Spec = None
) -> jax.Array:
    """The inverse of `rfft`: `n` real samples, by default an even number, 2 (frequencies - 1)."""
    return _transform(jnp.fft.irfftn, x, _one(n), (axis,), norm, spec)


def fft2(
    x: ArrayLike, s: Sizes = None, axes: Axes = (-3, -2), norm: Norm = "backward", *, spec: Spec = None
) -> jax.Array:
    """`fft` along two axes, cut or padded with zeros to the sizes `s`."""
    return _transform(jnp.fft.fftn, x, s, axes, norm, spec)


def ifft2(
    x: ArrayLike, s: Sizes = None, axes: Axes = (-3, -2), norm: Norm = "backward", *, spec: Spec = None
) -> jax.Array:
    """The inverse of `fft2`."""
    return _transform(jnp.fft.ifftn, x, s, axes, norm, spec)


def rfft2(
    x: ArrayLike, s: Sizes = None, axes: Axes = (-3, -2), norm: Norm = "backward", *, spec: Spec = None
) -> jax.Array:
    """`fft2` of real samples; the second of `axes` holds the frequencies from zero up, size // 2 + 1 of them."""
    return _transform(jnp.fft.rfftn, x, s, axes, norm, spec)


def irfft2(
    x: ArrayLike, s: Sizes = None, axes: Axes = (-3, -2), norm: Norm = "backward", *, spec: Spec = None
) -> jax.Array:
    """The inverse of `rfft2`. Give `s` where the second axis had an odd size: the default is 2 (frequencies - 1)."""
    return _transform(jnp.fft.irfftn, x, s, axes, norm, spec)


def fftn(x: ArrayLike, s: Sizes = None, axes: Axes = None, norm: Norm = "backward", *, spec: Spec = None) -> jax.Array:
    """`fft` along several axes, by default all between the first and the last."""
    return _transform(jnp.fft.fftn, x, s, axes, norm, spec)


def ifftn(x: ArrayLike, s: Sizes = None, axes: Axes = None, norm: Norm = "backward", *, spec: Spec = None) -> jax.Array:
    """The inverse of `fftn`."""
    return _transform(jnp.fft.ifftn, x, s, axes, norm, spec)


def rfftn(x: ArrayLike, s: Sizes = None, axes: Axes = None, norm: Norm = "backward", *, spec: Spec = None) -> jax.Array:
    """`fftn` of real samples; the last of `axes` holds the frequencies from zero up, size // 2 + 1 of them."""
    return _transform(jnp.fft.rfftn, x, s, axes, norm, spec)


def irfftn(
    x: ArrayLike, s: Sizes = None, axes: Axes = None, norm: Norm = "backward", *, spec: Spec = None
) -> jax.Array:
    """The inverse of `rfftn`. Give `s` where the last axis had an odd size: the default is 2 (frequencies - 1)."""
    return _transform(jnp.fft.irfftn, x, s, axes, norm, spec)


def _transform(
    transform: Callable[..., jax.Array], x: ArrayLike, s: Sizes, axes: Axes, norm: Norm, spec: Spec
) -> jax.Array:
    x = at_least_float32(x)
    axes = space_axes(x, axes)
    y = run_shard_locally(lambda part: transform(part, s=s, axes=axes), x, axes, spec)
    field = x if transform is jnp.fft.rfftn else y  # of which the spectrum may be a half
    samples = math.prod([field.shape[axis] for axis in axes] if s is None else s)
    return scaled(y, norm, samples, inverse=transform in (jnp.fft.ifftn, jnp.fft.irfftn))


def _one(n: int | None) -> tuple[int] | None:
    return None if n is None else (n,)
