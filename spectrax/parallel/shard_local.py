"""Running a function on each device's own part of an array, where XLA would gather the whole of it.

Under `jit` XLA does not partition FFTs, sorts of rows and some convolutions: although every example is transformed by
itself, it gathers the whole batch on every device, and once more for the gradient. Here such a function runs inside
`jax.shard_map` over the mesh in force, on parts that the caller describes by a `PartitionSpec`, one entry per axis of
the array. Without a mesh, on one device, and in a region that runs once per device already (`pmap`, `shard_map`), the
function is called directly.

In a region by hand over some mesh axes, what the others split is a region within it, which JAX (0.10) cannot
differentiate when the function multiplies by constants: there the FFTs can be, cosine transforms by FFT cannot.
"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec
from numpy.lib.array_utils import normalize_axis_tuple

from spectrax.core.errors import ConfigError
from spectrax.parallel.layout import BATCH_AXES

Partition = tuple[tuple[str, ...], ...]  # for each axis of an array, the mesh axes that split it
_BATCH = PartitionSpec(BATCH_AXES)


def run_shard_locally(
    function: Callable[[jax.Array], jax.Array],
    x: jax.Array,
    local_axes: int | Sequence[int],
    spec: PartitionSpec | None = None,
) -> jax.Array:
    """`function(x)`, computed by each device on its own part of `x`.

    What `spec` says is split is not gathered, nor is it for the gradient. An axis that is split although `spec` does
    not say so is gathered first.

    Args:
        function: keeps the number of axes, and treats what lies along all but `local_axes` independently.
        x: any number of axes. Split axes that do not divide over the mesh are padded with zeros, and cut afterwards.
        local_axes: along which `function` works.
        spec: how `x` is split. None: axis 0, the batch, as batches are (over "data" and "fsdp"), and no other axis; on
            a mesh of Explicit axes, as the type of `x` says. Under `jax.vmap` it describes the array without the mapped
            axis; a mapped axis that is split is named to `vmap`: `spmd_axis_name=("data", "fsdp")`.

    Returns:
        What `function` returns, split like `x`.

    Raises:
        ConfigError: when a local axis is split over several devices, or `spec` names what the mesh does not have.
    """
    partition = partition_in_force(x, spec)
    for axis in normalize_axis_tuple(local_axes, x.ndim):
        if shards(partition[axis]) > 1:
            raise ConfigError(_not_local(axis, x.shape, partition[axis], spec))
    return run_on_parts(function, x, partition, partition)


def partition_in_force(x: jax.Array, spec: PartitionSpec | None, default: PartitionSpec = _BATCH) -> Partition:
    """The mesh axes that split each axis of `x` here, without those over which the program runs by hand already.

    Args:
        spec: as in `run_shard_locally`; None: `default`, less what the mesh does not have.

    Raises:
        ConfigError: when `spec` has too many entries or names an axis that the mesh does not have.
    """
    mesh, free = jax.sharding.get_abstract_mesh(), _free_axes()
    if not free:
        return ((),) * x.ndim
    if spec is None and mesh.are_all_axes_explicit:
        spec = jax.typeof(x).sharding.spec
    elif spec is None:
        spec = PartitionSpec(*[tuple(name for name in named_axes(entry) if name in mesh.shape) for entry in default])
    if len(spec) > x.ndim:
        raise ConfigError(f"spec={spec} has {len(spec)} entries for an array of {x.ndim} axes. Give one for each axis.")
    named = [named_axes(entry) for entry in spec] + [()] * (x.ndim - len(spec))
    unknown = [name for names in named for name in names if name not in mesh.shape]
    if unknown:
        raise ConfigError(f"spec={spec} names the mesh axis {unknown[0]!r}. There are: {', '.join(mesh.axis_names)}.")
    return tuple(tuple(name for name in names if name in free) for names in named)


def run_on_parts(
    function: Callable[[jax.Array], jax.Array], x: jax.Array, before: Partition, after: Partition
) -> jax.Array:
    """`function` on each device's part, where collectives over mesh axes may be called; `x` split as `before` says,
    the result as `after` does. Axes that do not divide are padded with zeros, and cut in the result."""
    free = _free_axes()
    inside = len(free) < len(jax.sharding.get_abstract_mesh().axis_names)
    if shards(free) == 1 or (inside and not any(before)):
        return function(x)
    padding = [-size % shards(names) for size, names in zip(x.shape, before, strict=True)]
    padded = jnp.pad(x, [(0, more) for more in padding]) if any(padding) else x
    # With the check of what varies over which mesh axes, the gradient needs no sum over those that split nothing.
    run = jax.shard_map(
        function,
        in_specs=PartitionSpec(*before),
        out_specs=PartitionSpec(*after),
        axis_names=set(free),
        check_vma=True,
    )
    result = run(padded)
    for axis, more in enumerate(padding):
        if more:
            result = jax.lax.slice_in_dim(result, 0, x.shape[axis], axis=axis)
    return result


def named_axes(entry: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The mesh axes that one entry of a `PartitionSpec` names."""
    return () if entry is None else (entry,) if isinstance(entry, str) else tuple(entry)


def shards(names: Sequence[str]) -> int:
    """Into how many parts the named axes of the mesh in force split an array's axis; an axis not there has size 1."""
    sizes = jax.sharding.get_abstract_mesh().shape
    return math.prod(sizes.get(name, 1) for name in names)


def _free_axes() -> tuple[str, ...]:
    """Mesh axes over which XLA, not the program, splits arrays here."""
    mesh = jax.sharding.get_abstract_mesh()
    types = zip(mesh.axis_names, mesh.axis_types, strict=True)
    return tuple(name for name, kind in types if kind != AxisType.Manual)


def _not_local(axis: int, shape: tuple[int, ...], names: tuple[str, ...], spec: PartitionSpec | None) -> str:
    over = " and ".join(repr(name) for name in names)
    what = f"Axis {axis} of an array {list(shape)} is sharded over {over}, and a transform along it needs it whole."
    if spec is None and axis == 0:
        return f"{what} If it is not the batch, say how the array is sharded: spec=PartitionSpec(...)."
    return f"{what} Keep it local (mesh.rules, or spec=...), or use spectrax.ops.distributed."
