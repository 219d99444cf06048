"""What the computation runs on, in words for people and in values for records."""

import glob
import platform

import jax


def describe_devices() -> str:
    """One line such as "1 CPU device (x86_64, 2 cores)" or "8 TPU v5 lite devices"."""
    devices = jax.devices()
    kind = devices[0].device_kind
    if devices[0].platform == "cpu":
        import os

        kind = "CPU"
        detail = f" ({platform.machine()}, {len(os.sched_getaffinity(0))} cores)"
    else:
        detail = ""
    return f"{len(devices)} {kind} device{'s' if len(devices) > 1 else ''}{detail}"


def idle_accelerator() -> str | None:
    """A warning when JAX runs on the CPU while the machine shows an accelerator; None when all is well."""
    if jax.default_backend() != "cpu":
        return None
    if glob.glob("/dev/nvidia[0-9]*"):
        return "An NVIDIA GPU is present but JAX runs on the CPU. Install the extra: pip install -e '.[cuda]'."
    if glob.glob("/dev/accel[0-9]*") or glob.glob("/dev/vfio/[0-9]*"):
        return "A TPU seems present but JAX runs on the CPU. Install the extra: pip install -e '.[tpu]'."
    return None
