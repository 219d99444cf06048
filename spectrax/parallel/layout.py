"""Where arrays lie: a named mesh of devices, and for each array the axes over which it is split.

Three axes: over "data" and "fsdp" batches are split; over "fsdp" also parameters and optimizer state, each along its
largest axis; over "model" what the rules name. All are there always, most of them of size 1, so nothing else has to ask
which kind of parallelism is in force.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from spectrax.core.errors import ConfigError
from spectrax.core.trees import path_string

AXES = ("data", "fsdp", "model")
BATCH_AXES = ("data", "fsdp")


@dataclasses.dataclass(frozen=True)
class Rule:
    """Parameters whose path matches are split over mesh axes.

    Attributes:
        pattern: regular expression, searched for in the path, such as `feed_forward/expand/kernel$`.
        partition: mesh axis or None for each of the parameter's last axes: `("model",)` splits the last one.
    """

    pattern: str
    partition: tuple[str | None, ...]


@dataclasses.dataclass(frozen=True)
class Layout:
    """The devices of a run and how its arrays are spread over them.

    Attributes:
        mesh: all three axes, each Auto.
        rules: for parameters, and for whatever of the train state is kept for each parameter, such as moments; the
            first that matches decides.
        fsdp_minimum: parameters with fewer elements are not split over "fsdp".
    """

    mesh: Mesh
    rules: tuple[Rule, ...] = ()
    fsdp_minimum: int = 4096

    @property
    def batch_shards(self) -> int:
        """Into how many parts a batch is split."""
        return math.prod(self.mesh.shape[axis] for axis in BATCH_AXES)

    @property
    def whole(self) -> NamedSharding:
        """Every device holds the whole array."""
        return NamedSharding(self.mesh, PartitionSpec())

    def batch(self, axis: int = 0) -> NamedSharding:
        """The array's axis number `axis` is split as batches are."""
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, BATCH_AXES))

    @property
    def apart(self) -> NamedSharding:
        """The array's only axis has one element for each device."""
        return NamedSharding(self.mesh, PartitionSpec(AXES))

    def said_by_each(self, value: int) -> jax.Array:
        """int32 (devices,): what each process says, once for each of its devices."""
        return _arrived(
            jax.make_array_from_callback((self.mesh.size,), self.apart, lambda _: np.full(1, value, np.int32))
        )

    def state(self, tree: Any) -> Any:
        """Shapes of parameters or of a train state, with their shardings. Raises `ConfigError`, see `partition`."""

        def placed(path: tuple[Any, ...], leaf: Any) -> jax.ShapeDtypeStruct:
            sharding = NamedSharding(self.mesh, self.partition(path_string(path), leaf.shape))
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

        return jax.tree_util.tree_map_with_path(placed, tree)

    def gathered(self, tree: Any) -> Any:
        """Parameters as a step computes with them: whole but for what rules split; traced.

        Said outright, because XLA may otherwise move activations to the parts of a parameter instead. The gradient of
        this is a reduction to the parts.
        """

        def gather(path: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
            ruled = PartitionSpec(*self._ruled(path_string(path), leaf.shape))
            return jax.lax.with_sharding_constraint(leaf, NamedSharding(self.mesh, ruled))

        if self.mesh.shape["fsdp"] == 1:
            return tree
        return jax.tree_util.tree_map_with_path(gather, tree)

    def partition(self, path: str, shape: tuple[int, ...]) -> PartitionSpec:
        """The mesh axes of a parameter's axes: those of its rule, and "fsdp" on the largest of the others.

        Raises:
            ConfigError: when a rule splits an axis that does not divide.
        """
        split = self._ruled(path, shape)
        parts = self.mesh.shape["fsdp"]
        # Statistics are small, and a step reads them wherever a layer does: split, each place would gather its own.
        if parts > 1 and math.prod(shape) >= self.fsdp_minimum and not path.startswith("statistics/"):
            free = [axis for axis, taken in enumerate(split) if taken is None and shape[axis] % parts == 0]
            if free:
                split[max(free, key=lambda axis: (shape[axis], axis))] = "fsdp"
        return PartitionSpec(*split)

    @functools.cached_property
    def process_share(self) -> tuple[int, int]:
        """(index, count): which part of each batch this process feeds, of how many.

        Raises:
            ConfigError: when a process's devices hold no contiguous part of equal size.
        """
        shards = self.batch_shards
        placed = self.batch().addressable_devices_indices_map((shards,))
        mine = sorted({index[0].indices(shards)[0] for index in placed.values()})
        count = shards // len(mine)
        if mine != list(range(mine[0], mine[0] + len(mine))) or mine[0] % len(mine):
            raise ConfigError(
                f"mesh: the devices of process {jax.process_index()} do not stand side by side along data x fsdp. "
                "Choose mesh.model so that it divides the devices of one process, or is a multiple of them."
            )
        return mine[0] // len(mine), count

    def put_share(self, tree: Any, axis: int = 0) -> Any:
        """Device arrays of which each process gives its share along the batch axis number `axis`."""
        return self._put(tree, self.batch(axis), axis)

    def put_batch(self, tree: Any) -> Any:
        """A batch on the devices, of which every process holds the whole."""
        if jax.process_count() == 1:
            return jax.device_put(tree, self.batch())
        index, count = self.process_share

        def mine(leaf: np.ndarray) -> np.ndarray:
            size = leaf.shape[0] // count
            return leaf[index * size : (index + 1) * size]

        return self.put_share(jax.tree.map(mine, tree))

    def put_whole(self, tree: Any) -> Any:
        """Arrays that every process holds, whole on every device."""
        return self._put(tree, self.whole, None)

    def readable(self, tree: Any) -> Any:
        """The same arrays, every one of which this process can read whole; all processes must ask for them."""
        if all(leaf.is_fully_addressable or leaf.is_fully_replicated for leaf in jax.tree.leaves(tree)):
            return tree
        return jax.jit(_same, out_shardings=self.whole)(tree)

    def _put(self, tree: Any, sharding: NamedSharding, axis: int | None) -> Any:
        if jax.process_count() == 1:
            return jax.device_put(tree, sharding)
        count = 1 if axis is None else self.process_share[1]

        def put(leaf: Any) -> jax.Array:
            shape = [size * (count if number == axis else 1) for number, size in enumerate(np.shape(leaf))]
            return jax.make_array_from_process_local_data(sharding, np.asarray(leaf), tuple(shape))

        return _arrived(jax.tree.map(put, tree))

    def _ruled(self, path: str, shape: tuple[int, ...]) -> list[str | None]:
        """The partition of the first rule that matches; what is kept for a parameter under its path need not have its
        shape."""
        rule = next((rule for rule in self.rules if re.search(rule.pattern, path)), None)
        if rule is None or len(rule.partition) > len(shape):
            return [None] * len(shape)
        split = [*[None] * (len(shape) - len(rule.partition)), *rule.partition]
        for axis, name in enumerate(split):
            if name is not None and shape[axis] % self.mesh.shape[name]:
                if path.startswith("optimizer/"):  # a factored moment, say
                    return [None] * len(shape)
                raise ConfigError(
                    f"mesh.rules: {rule.pattern!r} splits axis {axis} of {path} {list(shape)} over mesh.{name}="
                    f"{self.mesh.shape[name]}, which does not divide it. Change that size, or the rule."
                )
        return split


def _same(tree: Any) -> Any:
    return tree  # a function with a name: JAX compiles it once for the same arrays


def _arrived(tree: Any) -> Any:
    """Arrays of several processes, on CPUs once they are there. A program that waits for its inputs runs beside the
    next one, whatever `jax_cpu_enable_async_dispatch` says, and the two mix up what they send.
    """
    return jax.block_until_ready(tree) if jax.default_backend() == "cpu" else tree


def make_layout(
    data: int = -1,
    fsdp: int = 1,
    model: int = 1,
    rules: Sequence[Sequence[Any]] = (),
    fsdp_minimum: int = 4096,
    devices: Sequence[jax.Device] | None = None,
) -> Layout:
    """A layout over the devices of all processes.

    Args:
        data, fsdp, model: sizes of the mesh's axes; one of them may be -1, which takes what the others leave.
        rules: pairs (pattern, partition), see `Rule`.
        fsdp_minimum: see `Layout`.
        devices: instead of those of this run, such as those of a topology that is not here.

    Raises:
        ConfigError: when the sizes do not fit the devices, or a rule makes no sense.
    """
    devices = list(jax.devices() if devices is None else devices)
    sizes = _sizes({"data": data, "fsdp": fsdp, "model": model}, len(devices))
    chosen = devices[: math.prod(sizes)]
    if len(chosen) < len(devices) and jax.process_count() > 1:
        raise ConfigError(
            f"mesh: {len(chosen)} of {len(devices)} devices are used; in a run of several processes all of them are. "
            "Set one of mesh.data, mesh.fsdp and mesh.model to -1."
        )
    arranged = _arranged(sizes, chosen, is_part=len(chosen) < len(devices))
    mesh = Mesh(arranged, AXES, axis_types=(AxisType.Auto,) * len(AXES))
    return Layout(mesh, tuple(_rule(*given) for given in rules), fsdp_minimum)


def check_batch(layout: Layout, batch_size: int, key: str, parts: int = 1) -> None:
    """Raises `ConfigError` when a global batch of so many micro-batches cannot be split evenly; `key` names it for the
    message."""
    unit = layout.batch_shards * parts
    if batch_size % unit:
        nearest = max(unit, round(batch_size / unit) * unit)
        each = f" in {parts} micro-batches" if parts > 1 else ""
        raise ConfigError(
            f"{key}={batch_size} does not divide over {layout.batch_shards} devices{each}. Nearest: {key}={nearest}."
        )


def _arranged(sizes: tuple[int, ...], devices: list[Any], is_part: bool) -> np.ndarray:
    """(data, fsdp, model) of devices: along the links between chips; slices of a pod and machines with GPUs apart along
    one axis of the batch; and devices of one process side by side, since each process feeds one part of a batch."""
    if is_part:  # nothing is known of the links of a part
        return np.asarray(devices).reshape(sizes)
    slices = len({getattr(device, "slice_index", 0) for device in devices})
    across = next((axis for axis in range(len(BATCH_AXES)) if sizes[axis] % slices == 0), None)
    if across is None:
        raise ConfigError(
            f"mesh: neither mesh.data={sizes[0]} nor mesh.fsdp={sizes[1]} divides over {slices} slices or machines. "
            "Choose one that does."
        )
    if slices == 1:
        found = mesh_utils.create_device_mesh(sizes, devices, allow_split_physical_axes=True)
    else:
        outer = [slices if axis == across else 1 for axis in range(len(sizes))]
        inner = [size // more for size, more in zip(sizes, outer, strict=True)]
        found = mesh_utils.create_hybrid_device_mesh(inner, outer, devices, allow_split_physical_axes=True)
    groups = found.reshape(-1, sizes[-1])  # devices that share a layer stay together
    order = sorted(range(len(groups)), key=lambda group: groups[group, 0].process_index)
    return groups[order].reshape(sizes)


def _sizes(wanted: dict[str, int], available: int) -> tuple[int, ...]:
    said = ", ".join(f"mesh.{name}={size}" for name, size in wanted.items())
    open_axes = [name for name, size in wanted.items() if size == -1]
    if len(open_axes) > 1 or any(size < 1 for size in wanted.values() if size != -1):
        raise ConfigError(f"{said}: sizes are at least 1, and one of them may be -1.")
    fixed = math.prod(size for size in wanted.values() if size != -1)
    if fixed > available or (open_axes and available % fixed):
        raise ConfigError(f"{said} needs {_needed(fixed, bool(open_axes))}, but there {_are(available)}.")
    filled = {name: available // fixed if size == -1 else size for name, size in wanted.items()}
    return tuple(filled[name] for name in AXES)


def _needed(fixed: int, is_open: bool) -> str:
    return f"a multiple of {fixed} devices" if is_open else f"{fixed} devices"


def _are(available: int) -> str:
    return f"is {available} device here" if available == 1 else f"are {available} devices here"


def _rule(pattern: str, partition: Sequence[str | None]) -> Rule:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"mesh.rules: {pattern!r} is no regular expression ({error}).") from None
    unknown = [axis for axis in partition if axis not in (None, *AXES)]
    if unknown:
        raise ConfigError(f"mesh.rules: {pattern!r} names the mesh axis {unknown[0]!r}. There are: {', '.join(AXES)}.")
    return Rule(pattern, tuple(partition))
