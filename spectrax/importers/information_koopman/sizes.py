"""The configuration of a checkpoint of information Koopman's networks for flows, found from its keys and shapes."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers import words

EXPERIMENT = "information_koopman_lorenz"
_LAYERS = ("7_1", "5_1", "3_1", "3_2", "3_3")


def overrides(state: Mapping[str, np.ndarray], given: Sequence[str]) -> list[str]:
    """The words that compose an experiment whose model the checkpoint fits.

    Args:
        state: official keys and arrays.
        given: words of the command line, which come last and win.

    Raises:
        CheckpointError: when the state dict is none of information Koopman.
    """
    found = [
        f"+experiment={EXPERIMENT}",
        "model=information_koopman_flow",
        "task=information_koopman_released",
        "precision=float32",
        "dataset.normalise=null",
        *words.of_model(model_sizes(state)),
    ]
    return words.joined(found, given)


def model_sizes(state: Mapping[str, np.ndarray]) -> dict[str, object]:
    """The model's arguments that shapes tell; fields are taken to be square.

    Raises:
        CheckpointError: when a key is missing, or the shapes are none of such networks.
    """
    kernels = [_shape(state, f"ENCODER.Conv2D_size{layer}.weight", 4) for layer in _LAYERS]
    latent, numbers = _shape(state, "ENCODER.linear.weight", 2)
    channels = [kernel[0] for kernel in kernels]
    side = math.isqrt(numbers // channels[-1])
    if side**2 * channels[-1] != numbers:
        raise CheckpointError(
            f"ENCODER.linear.weight takes {numbers} numbers, which are no square map of {channels[-1]} channels: say "
            "model.field=[height,width,channels]."
        )
    side *= 2 ** (len(_LAYERS) - 1)
    field = [side, side, kernels[0][1]]
    return {
        "state": field,
        "field": field,
        "latent": latent,
        "channels": channels,
        "kernels": [kernel[2] for kernel in kernels],
    }


def _shape(state: Mapping[str, np.ndarray], key: str, axes: int) -> tuple[int, ...]:
    if key not in state:
        raise CheckpointError(f"The file is no checkpoint of information Koopman's flow networks: {key} is missing.")
    shape = np.shape(state[key])
    if len(shape) != axes:
        raise CheckpointError(f"{key} has the shape {list(shape)}, as none of information Koopman has.")
    return shape
