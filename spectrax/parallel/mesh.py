"""The named device mesh and the two shardings that data parallelism needs."""

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from spectrax.core.errors import ConfigError


def make_mesh(data: int = -1) -> Mesh:
    """A mesh over the devices of all processes with the axis "data", over which batches are split.

    Args:
        data: how many devices to use; -1 takes all of them.

    Raises:
        ConfigError: when there are fewer devices than asked for.
    """
    devices = jax.devices()
    count = len(devices) if data == -1 else data
    if not 1 <= count <= len(devices):
        raise ConfigError(f"mesh.data={data}, but this machine has {len(devices)} device(s). Use mesh.data=-1 for all.")
    return jax.make_mesh((count,), ("data",), axis_types=(AxisType.Auto,), devices=devices[:count])


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds the whole array."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh, batch_axis: int = 0) -> NamedSharding:
    """The array's axis number `batch_axis` is split over the mesh."""
    return NamedSharding(mesh, PartitionSpec(*[None] * batch_axis, "data"))


def check_batch(mesh: Mesh, batch_size: int, key: str) -> None:
    """Raises `ConfigError` when a global batch cannot be split evenly; `key` names it for the message."""
    devices = mesh.shape["data"]
    if batch_size % devices:
        nearest = max(devices, round(batch_size / devices) * devices)
        raise ConfigError(f"{key}={batch_size} does not divide over {devices} devices. Nearest: {key}={nearest}.")
