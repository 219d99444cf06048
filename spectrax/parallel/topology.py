"""Slices of TPUs that are not here: "v5e:16x16" as devices that programs can be compiled for, on any machine.

libtpu, the TPU compiler's library, comes with the extra `tpu`; no TPU is needed. One process at a time may use it: the
library locks a file until the process ends.
"""

import contextlib
import dataclasses
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from spectrax.core.errors import ConfigError
from spectrax.parallel.accelerators import ACCELERATORS, Accelerator

_BUSY = "multi-process lockfile"
_ASKING_AGAIN = 2.0  # seconds
# Left to itself, libtpu asks a cloud's metadata server for these, and complains.
_NOT_IN_A_CLOUD = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
}
_EXAMPLES = ("v5e:16x16", "v5p:4x4x4", "v6e:8x8")


@dataclasses.dataclass(frozen=True)
class Topology:
    """A slice of a TPU pod.

    Attributes:
        chip: what it is made of.
        sizes: chips along each axis.
    """

    chip: Accelerator
    sizes: tuple[int, ...]

    @property
    def name(self) -> str:
        """As libtpu and users write it."""
        return f"{self.chip.topology}:{'x'.join(map(str, self.sizes))}"

    @property
    def chips(self) -> int:
        """How many there are."""
        return math.prod(self.sizes)


def parse(text: str) -> Topology:
    """ "v5e:16x16" as a topology. Raises `ConfigError` with the forms that are valid."""
    name, _, sizes = text.partition(":")
    chip = next((known for known in ACCELERATORS if known.topology and known.topology == name), None)
    found = re.fullmatch(r"[1-9]\d*(?:x[1-9]\d*)*", sizes)
    numbers = tuple(int(size) for size in sizes.split("x")) if found else ()
    if chip is None or len(numbers) != chip.axes:
        raise ConfigError(_refusal(text))
    return Topology(chip, numbers)


def compiler_version() -> str:
    """The version of libtpu. Raises `ConfigError` naming the extra where it is not installed."""
    import importlib.metadata

    try:
        return importlib.metadata.version("libtpu")
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(
            "topology= needs libtpu, the TPU compiler, which runs on any Linux machine and needs no TPU. Install the "
            "extra: pip install 'spectrax[tpu]'."
        ) from None


def devices(topology: Topology, waiting: Callable[[], None] = lambda: None) -> Sequence[Any]:
    """Descriptions of its chips, for a mesh that programs are compiled for; nothing runs on them.

    Must come before this process uses JAX, which it keeps to the CPU: the TPU of this machine, if there is one, belongs
    to whatever runs on it.

    Args:
        waiting: called again and again while another process has the compiler.

    Raises:
        ConfigError: when libtpu is not installed, does not know such a slice, or fails; with what it says.
    """
    compiler_version()
    keep_to_cpu()
    from jax.errors import JaxRuntimeError
    from jax.experimental import topologies

    while True:
        try:
            return topologies.get_topology_desc(topology.name, "tpu").devices
        except JaxRuntimeError as error:
            if _BUSY not in str(error):
                said = first_line(str(error))
                raise ConfigError(f"{_refusal(topology.name)} The compiler says: {said}") from error
        waiting()
        time.sleep(_ASKING_AGAIN)


def first_line(said: str) -> str:
    """Of what the compiler says, which may go on for pages; "nothing" when it says nothing."""
    return said.strip().partition("\n")[0] or "nothing"


def keep_to_cpu() -> None:
    """Have JAX use the CPU alone, and libtpu not look for the cloud machine that it usually lives on."""
    import jax

    for name, value in _NOT_IN_A_CLOUD.items():
        os.environ.setdefault(name, value)
    with contextlib.suppress(RuntimeError):  # backends that are there already stay
        jax.config.update("jax_platforms", "cpu")


def _refusal(text: str) -> str:
    forms = ", ".join(_EXAMPLES)
    return (
        f"topology={text} is not a slice that the compiler knows. Give the chip and its numbers along each axis: "
        f"{forms} (v5e and v6e: two axes up to 16x16; v5p: three, multiples of 2x2x1)."
    )
