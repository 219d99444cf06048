"""What accelerators can do at best, as their makers publish it."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """One device (of a TPU: a chip). Rates are per second, bytes are bytes.

    Attributes:
        kind: how JAX's name of the device begins; `accelerator` takes the first that fits.
        flops: dense peak by dtype; in float32 as the matrix units do it (TF32 on NVIDIA; TPUs multiply float32 in
            several bfloat16 passes, so theirs is not stated).
        source: where these figures are published.
        memory: bytes of main memory that a program may use, as the compiler says; a little less than is published.
        memory_bandwidth: between main memory and the chip.
        link_bandwidth: of all links to other chips together, both directions added.
        topology: the name in topologies such as "v5e:4x4"; "" for what has none.
        axes: of a topology.
    """

    kind: str
    flops: Mapping[str, float]
    source: str
    memory: int | None = None
    memory_bandwidth: float | None = None
    link_bandwidth: float | None = None
    topology: str = ""
    axes: int = 0


_NVIDIA = "https://www.nvidia.com/en-us/data-center"
_TPU = "https://cloud.google.com/tpu/docs"

ACCELERATORS = (
    Accelerator("NVIDIA H200 NVL", {"bfloat16": 835.5e12, "float32": 417.5e12}, f"{_NVIDIA}/h200"),
    Accelerator("NVIDIA H200", {"bfloat16": 989e12, "float32": 495e12}, f"{_NVIDIA}/h200"),
    Accelerator("NVIDIA H100 PCIe", {"bfloat16": 756e12, "float32": 378e12}, f"{_NVIDIA}/h100"),
    Accelerator("NVIDIA H100 NVL", {"bfloat16": 835.5e12, "float32": 417.5e12}, f"{_NVIDIA}/h100"),
    Accelerator("NVIDIA H100", {"bfloat16": 989e12, "float32": 495e12}, f"{_NVIDIA}/h100"),
    Accelerator("NVIDIA A100", {"bfloat16": 312e12, "float32": 156e12}, f"{_NVIDIA}/a100"),
    Accelerator("TPU v6", {"bfloat16": 918e12}, f"{_TPU}/v6e", int(31.25 * 2**30), 1600e9, 800e9, "v6e", 2),
    Accelerator("TPU v5 lite", {"bfloat16": 197e12}, f"{_TPU}/v5e", int(15.75 * 2**30), 819e9, 400e9, "v5e", 2),
    Accelerator("TPU v5", {"bfloat16": 459e12}, f"{_TPU}/v5p", int(95.74 * 2**30), 2765e9, 1200e9, "v5p", 3),
    Accelerator("TPU v4", {"bfloat16": 275e12}, f"{_TPU}/v4"),
)


def accelerator(kind: str) -> Accelerator | None:
    """The accelerator that JAX calls `kind`; None where it is not in the table."""
    return next((known for known in ACCELERATORS if kind.startswith(known.kind)), None)
