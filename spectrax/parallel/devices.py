"""What the computation runs on, in words for people and in values for records."""

import glob
import platform

import jax

from spectrax.parallel.accelerators import accelerator


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
    chosen = jax.config.jax_platforms == "cpu"
    if glob.glob("/dev/nvidia[0-9]*"):
        kind, extra = "An NVIDIA GPU is", "cuda"
    elif glob.glob("/dev/accel[0-9]*") or (glob.glob("/dev/vfio/[0-9]*") and not chosen):
        kind, extra = "A TPU seems", "tpu"  # vfio serves other hardware too
    else:
        return None
    advice = "Unset JAX_PLATFORMS to use it." if chosen else f"Install the extra: pip install -e '.[{extra}]'."
    return f"{kind} present but JAX runs on the CPU. {advice}"


def peak_flops(dtype: str) -> float | None:
    """Published operations per second of all devices together in `dtype`; None where it is not known."""
    known = accelerator(jax.devices()[0].device_kind)
    return None if known is None or dtype not in known.flops else known.flops[dtype] * jax.device_count()


def target_platform() -> str:
    """For which platform what is traced here will be compiled: that of the mesh in force, whose devices need not be
    here; without a mesh, the one that JAX uses."""
    device = jax.sharding.get_abstract_mesh().abstract_device
    return device.platform if device is not None else jax.default_backend()
