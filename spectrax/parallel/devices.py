"""What the computation runs on, in words for people and in values for records."""

import glob
import platform

import jax

# Dense peak operations per second of a device, as the makers publish them, by the start of JAX's name of its kind:
# in bfloat16, and in float32 as its matrix units do it (TF32 on NVIDIA; TPUs multiply float32 in several bfloat16
# passes, so theirs is not stated).
_PEAKS = {
    "NVIDIA H200": {"bfloat16": 989e12, "float32": 495e12},
    "NVIDIA H100 PCIe": {"bfloat16": 756e12, "float32": 378e12},
    "NVIDIA H100": {"bfloat16": 989e12, "float32": 495e12},
    "NVIDIA A100": {"bfloat16": 312e12, "float32": 156e12},
    "TPU v6": {"bfloat16": 918e12},
    "TPU v5 lite": {"bfloat16": 197e12},
    "TPU v5": {"bfloat16": 459e12},
    "TPU v4": {"bfloat16": 275e12},
}


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
    kind = jax.devices()[0].device_kind
    known = next((peaks for name, peaks in _PEAKS.items() if kind.startswith(name)), {})
    return known[dtype] * jax.device_count() if dtype in known else None
