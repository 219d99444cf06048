"""Fourier transforms of fields so large that an axis transformed is sharded: the slab decomposition.

Fields are (batch, x, y, channels) or (batch, x, y, z, channels), sharded along x. Each device transforms its slab
along the other axes, the devices exchange parts (one all-to-all; nothing is gathered), and each transforms along x what
is now its slab along y. A second exchange brings the first layout back; `transposed=True` leaves it out, and the
spectrum stays sharded along its axis y. Gradients take as many exchanges.

`spec` says how the field is sharded, one entry per axis; None: x over the mesh axis "model", the batch over "data" and
"fsdp". In a region that runs once per device over the mesh axes of x, arrays are that device's slabs. Conventions and
`norm` are those of `numpy.fft`; computed in float32 (float64 stays float64). Without a mesh, or where the mesh axis has
size 1, these are the transforms of `spectrax.ops.fourier`.

Raised is `ConfigError`, when x or y does not divide over the devices, or another of the axes transformed is sharded.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.ops.axes import space_axes
from spectrax.ops.compute_dtype import at_least_float32
from spectrax.ops.norms import Norm, scaled
from spectrax.parallel.layout import BATCH_AXES
from spectrax.parallel.shard_local import Partition, named_axes, partition_in_force, run_on_parts, shards

_X, _Y = 1, 2
_DEFAULT = PartitionSpec(BATCH_AXES, "model")


def fftn(
    x: ArrayLike, norm: Norm = "backward", *, transposed: bool = False, spec: PartitionSpec | None = None
) -> jax.Array:
    """The transform along x, y (and z)."""
    x = at_least_float32(x)
    slabs = _slabs(x, spec)

    def local(part: jax.Array) -> jax.Array:
        part = jnp.fft.fftn(part, axes=space_axes(part)[1:])
        part = jnp.fft.fft(_to_y(part, slabs), axis=_X)
        return part if transposed else _to_x(part, slabs)

    y = run_on_parts(local, x, slabs.along_x, slabs.along_y if transposed else slabs.along_x)
    return scaled(y, norm, slabs.samples(x), inverse=False)


def ifftn(
    y: ArrayLike, norm: Norm = "backward", *, transposed: bool = False, spec: PartitionSpec | None = None
) -> jax.Array:
    """The inverse of `fftn`; `transposed` is how the spectrum comes, and the field is sharded along x."""
    y = at_least_float32(y)
    slabs = _slabs(y, spec)

    def local(part: jax.Array) -> jax.Array:
        part = jnp.fft.ifft(part if transposed else _to_y(part, slabs), axis=_X)
        return jnp.fft.ifftn(_to_x(part, slabs), axes=space_axes(part)[1:])

    x = run_on_parts(local, y, slabs.along_y if transposed else slabs.along_x, slabs.along_x)
    return scaled(x, norm, slabs.samples(x), inverse=True)


def rfftn(
    x: ArrayLike, norm: Norm = "backward", *, transposed: bool = False, spec: PartitionSpec | None = None
) -> jax.Array:
    """`fftn` of real fields; the last axis in space holds size // 2 + 1 frequencies, which need not divide."""
    x = at_least_float32(x)
    slabs = _slabs(x, spec, any_y=x.ndim == 4)

    def local(part: jax.Array) -> jax.Array:
        part = _filled_y(jnp.fft.rfftn(part, axes=space_axes(part)[1:]), slabs)
        part = jnp.fft.fft(_to_y(part, slabs), axis=_X)
        return part if transposed else _to_x(part, slabs)

    y = run_on_parts(local, x, slabs.along_x, slabs.along_y if transposed else slabs.along_x)
    y = scaled(y, norm, slabs.samples(x), inverse=False)
    return y[:, :, : x.shape[_Y] // 2 + 1] if x.ndim == 4 else y


def irfftn(
    y: ArrayLike,
    n: int | None = None,
    norm: Norm = "backward",
    *,
    transposed: bool = False,
    spec: PartitionSpec | None = None,
) -> jax.Array:
    """The inverse of `rfftn`; `n` is the size of the field's last axis in space, by default 2 (frequencies - 1)."""
    y = at_least_float32(y)
    slabs = _slabs(y, spec, any_y=y.ndim == 4)
    columns, axes = y.shape[_Y], space_axes(y)[1:]
    size = 2 * (y.shape[-2] - 1) if n is None else n

    def local(part: jax.Array) -> jax.Array:
        part = jnp.fft.ifft(part if transposed else _to_y(part, slabs), axis=_X)
        part = _to_x(part, slabs)[:, :, :columns]
        return jnp.fft.irfftn(part, s=(*part.shape[_Y:-2], size), axes=axes)

    y = _filled_y(y, slabs)
    x = run_on_parts(local, y, slabs.along_y if transposed else slabs.along_x, slabs.along_x)
    return scaled(x, norm, slabs.samples(x), inverse=True)


class _Slabs(NamedTuple):
    """Both layouts of a field, and the mesh axes over which parts are exchanged between them; () where there is one."""

    along_x: Partition
    along_y: Partition
    names: tuple[str, ...]
    by_hand: int  # how many slabs along x the program itself has made of the field

    def samples(self, x: jax.Array) -> int:
        """Of the whole field, of which `x` is what is seen here."""
        return self.by_hand * math.prod(x.shape[1:-1])


def _slabs(x: jax.Array, spec: PartitionSpec | None, any_y: bool = False) -> _Slabs:
    """The layouts of a field of this shape; with `any_y` its axis y may be of any size."""
    if x.ndim not in (4, 5):
        raise ConfigError(f"A field {list(x.shape)} is neither (batch, x, y, channels) nor (batch, x, y, z, channels).")
    along_x = partition_in_force(x, spec, _DEFAULT)
    for axis in space_axes(x)[1:]:
        if shards(along_x[axis]) > 1:
            raise ConfigError(
                f"Axis {axis} of a field {list(x.shape)} is sharded over {' and '.join(along_x[axis])}. Of the axes "
                "transformed only the first, axis 1, may be: change spec."
            )
    by_hand = _named_by_hand(spec)
    names = tuple(name for name in (*by_hand, *along_x[_X]) if shards((name,)) > 1)
    for axis, count in ((_X, shards(along_x[_X])), (_Y, 1 if any_y else shards(names))):
        if x.shape[axis] % count:
            raise ConfigError(
                f"Axis {axis} of a field {list(x.shape)} does not divide over the {count} devices of "
                f"{' and '.join(names)}. Choose a multiple of {count}, or split the field over fewer devices."
            )
    along_y = tuple({_X: (), _Y: along_x[_X]}.get(axis, split) for axis, split in enumerate(along_x))
    return _Slabs(along_x, along_y, names, shards(by_hand))


def _named_by_hand(spec: PartitionSpec | None) -> tuple[str, ...]:
    """Of the mesh axes of x those over which the program itself runs once per device."""
    entries = tuple(_DEFAULT if spec is None else spec)
    manual = jax.sharding.get_abstract_mesh().manual_axes
    return tuple(name for entry in entries[_X : _X + 1] for name in named_axes(entry) if name in manual)


def _to_y(part: jax.Array, slabs: _Slabs) -> jax.Array:
    """From a slab along x to one along y."""
    return jax.lax.all_to_all(part, slabs.names, _Y, _X, tiled=True) if slabs.names else part


def _to_x(part: jax.Array, slabs: _Slabs) -> jax.Array:
    """From a slab along y to one along x."""
    return jax.lax.all_to_all(part, slabs.names, _X, _Y, tiled=True) if slabs.names else part


def _filled_y(y: jax.Array, slabs: _Slabs) -> jax.Array:
    """Zeros at the end of y, so that it divides over the devices."""
    padding = [(0, 0)] * y.ndim
    padding[_Y] = (0, -y.shape[_Y] % shards(slabs.names))
    return jnp.pad(y, padding)
