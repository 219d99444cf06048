"""The configuration of a checkpoint of T1 or T1U, found from its keys and shapes.

What leaves no trace in them is as in the released configurations, and can be said: `model.activation=sin`,
`model.residual=false`, `model.keep_high=released`, `model.padding=8`, `model.output=field`, `model.grid=[64,64]`.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers import words
from spectrax.importers.t1.names import LAST
from spectrax.nn.cosine_grid import COORDINATES

EXPERIMENT = "t1_navier_stokes"
_FIRST = "dfpnet.layer1.layer1_conv.weight"


def overrides(state: Mapping[str, np.ndarray], given: Sequence[str]) -> list[str]:
    """The words that compose an experiment whose model the checkpoint fits.

    Args:
        state: official keys and arrays.
        given: words of the command line, which come last and win.

    Raises:
        CheckpointError: when the state dict is not one of T1 or T1U.
    """
    name, sizes = model_sizes(state)
    found = [
        f"+experiment={EXPERIMENT}",
        f"model={name}",
        "precision=float32",
        "dataset.normalise=null",
        *words.of_model(sizes),
    ]
    return words.joined(found, given)


def model_sizes(state: Mapping[str, np.ndarray]) -> tuple[str, dict[str, object]]:
    """The model's yaml, and the arguments that shapes tell. Raises `CheckpointError` when there is neither's key."""
    channels = _size(state, "fc0.weight", 1) - COORDINATES
    if _FIRST in state:
        first = _size(state, _FIRST, 0)
        if first & (first - 1):
            raise CheckpointError(f"{_FIRST} gives {first} channels, which is no power of two, as T1U's always are.")
        return "t1u_2d", {
            "in_channels": channels,
            "out_channels": _size(state, f"{LAST}.weight", 1),
            "modes": _size(state, "op_layer.ch_mixing_1", 2),
            "channel_exponent": first.bit_length() - 1,
        }
    return "t1_2d", {
        "in_channels": channels,
        "out_channels": _size(state, "fc2", 1),
        "modes": [_size(state, "layers.0.ch_mixing_1", axis) for axis in (2, 3)],
        "width": _size(state, "layers.0.ch_mixing_1", 0),
        "depth": _depth(state),
        "head": _size(state, "fc1", 1),
    }


def _depth(state: Mapping[str, np.ndarray]) -> int:
    numbers = {int(match[1]) for key in state if (match := re.match(r"layers\.(\d+)\.", key))}
    if numbers != set(range(len(numbers))):
        absent = min(set(range(len(numbers))) - numbers)
        raise CheckpointError(f"All keys of layers.{absent} are missing, though there are later layers.")
    return len(numbers)


def _size(state: Mapping[str, np.ndarray], key: str, axis: int) -> int:
    if key not in state:
        raise CheckpointError(f"The file is no checkpoint of T1 or T1U: {key} is missing.")
    shape = np.shape(state[key])
    if len(shape) <= axis or not shape[axis]:
        raise CheckpointError(f"{key} has the shape {list(shape)}, as none of T1 has.")
    return shape[axis]
