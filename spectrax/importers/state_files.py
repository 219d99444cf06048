"""Files of named tensors: `.safetensors`, and what PyTorch saves, of which nothing but tensors is ever opened."""

import importlib.util
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.core.files import atomic_write, told_if_unwritable

SAFETENSORS = (".safetensors",)
TORCH = (".pth", ".pt", ".tar", ".bin", ".ckpt")
_WRAPPERS = (("model", "state_dict"), ("model.state_dict",), ("state_dict",), ("model",))  # the first that is there
_NO_TENSORS = ("_metadata",)  # neuralop's arguments of the model
# What stands in there: named in the file, and here nothing but a name.
_NEVER_CALLED = ("torch._C._nn.gelu", "neuralop.layers.spectral_convolution.SpectralConv")
_PARALLEL = "module."  # what PyTorch's data parallelism puts before every key


def read(path: Path) -> dict[str, np.ndarray]:
    """Keys and arrays of a state dict, whatever it is wrapped in; floating-point numbers become float32.

    Raises:
        CheckpointError: when the file is not there, is damaged, or holds more than tensors.
        ConfigError: when its ending is not known, or PyTorch is needed and not installed.
    """
    check_ending("source", path)
    if not path.is_file():
        raise CheckpointError(f"source={path} is not there. Give a file that ends in {', '.join(SAFETENSORS + TORCH)}.")
    state = _read_safetensors(path) if path.suffix in SAFETENSORS else _read_torch(path)
    if state and all(key.startswith(_PARALLEL) for key in state):
        state = {key.removeprefix(_PARALLEL): array for key, array in state.items()}
    return {key: np.asarray(array, np.float32) if _is_floating(array) else array for key, array in state.items()}


def write(path: Path, state: Mapping[str, np.ndarray]) -> None:
    """Write a state dict, atomically; of PyTorch's kind nothing but the tensors.

    Raises:
        ConfigError: when the ending is not known, or PyTorch is needed and not installed.
        RunDirectoryError: when it cannot be written.
    """
    check_ending("output", path)
    with told_if_unwritable(path), atomic_write(path) as file:
        if path.suffix in SAFETENSORS:
            from safetensors.numpy import save

            file.write(save(dict(state), metadata={"format": "pt"}))
        else:
            torch = _torch(path)
            torch.save({key: torch.from_numpy(np.array(array)) for key, array in state.items()}, file)


def check_ending(key: str, path: Path) -> None:
    """Raises `ConfigError` for an ending that is not known, or needs PyTorch where there is none."""
    if path.suffix in TORCH:
        _torch(path)
    elif path.suffix not in SAFETENSORS:
        raise ConfigError(f"{key}={path} should end in one of {', '.join(SAFETENSORS + TORCH)}.")


def _torch(path: Path) -> Any:
    if importlib.util.find_spec("torch") is None:
        raise ConfigError(
            f"{path} is a file of PyTorch's, and PyTorch is not installed: python -m pip install 'spectrax[torch]', or "
            "give a .safetensors file."
        )
    import torch

    return torch


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    import jax
    from safetensors import SafetensorError, safe_open

    try:
        # NumPy alone has no bfloat16; as arrays of JAX on the CPU all types can be read.
        with jax.default_device(jax.local_devices(backend="cpu")[0]), safe_open(path, framework="flax") as file:
            return {key: np.asarray(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a whole .safetensors file ({_first_line(error)}).") from error


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    torch = _torch(path)
    import argparse

    try:
        # A namespace of settings, which training scripts save beside the weights, does nothing when it is opened.
        known = [argparse.Namespace, *((_Unopened, name) for name in _NEVER_CALLED)]
        with torch.serialization.safe_globals(known):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} was not opened: it is damaged, or holds more than tensors, which could run a program here. Save "
            "its state dict alone, as .safetensors."
        ) from error
    except Exception as error:  # of a damaged file PyTorch's reader says anything
        raise CheckpointError(f"{path} is not a whole file of PyTorch's ({_first_line(error)}).") from error
    tensors = {key: value for key, value in _unwrapped(path, content).items() if key not in _NO_TENSORS}
    return {key: _array(path, key, value) for key, value in tensors.items()}


class _Unopened:
    """In place of a class or function that a file names."""


def _unwrapped(path: Path, content: Any) -> Mapping[str, Any]:
    for keys in _WRAPPERS:
        inner = content
        for key in keys:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, Mapping):
            return inner
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds no state dict: names and tensors are wanted, or those as `state_dict`.")
    return content


def _array(path: Path, key: Any, value: Any) -> np.ndarray:
    if not isinstance(key, str) or not hasattr(value, "detach"):
        raise CheckpointError(f"{path}: {key} is no tensor. Give a file with a state dict, alone or as `state_dict`.")
    value = value.detach()
    return (value.float() if value.is_floating_point() else value).numpy()


def _is_floating(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
