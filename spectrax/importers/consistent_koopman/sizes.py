"""The configuration of a checkpoint of a consistent Koopman autoencoder, found from its keys and shapes."""

from collections.abc import Mapping, Sequence

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers import words

EXPERIMENT = "koopman_pendulum"


def overrides(state: Mapping[str, np.ndarray], given: Sequence[str]) -> list[str]:
    """The words that compose an experiment whose model the checkpoint fits.

    Args:
        state: official keys and arrays.
        given: words of the command line, which come last and win.

    Raises:
        CheckpointError: when the state dict is none of a consistent Koopman autoencoder.
    """
    found = [
        f"+experiment={EXPERIMENT}",
        "model=consistent_koopman",
        "task=consistent_koopman",
        "precision=float32",
        "dataset.normalise=null",
        *words.of_model(model_sizes(state)),
    ]
    return words.joined(found, given)


def model_sizes(state: Mapping[str, np.ndarray]) -> dict[str, object]:
    """The model's arguments that shapes tell. Raises `CheckpointError` when a key is missing."""
    width, numbers = _shape(state, "encoder.fc1.weight")
    return {"state": [numbers], "latent": _shape(state, "dynamics.dynamics.weight")[0], "width": width}


def _shape(state: Mapping[str, np.ndarray], key: str) -> tuple[int, int]:
    if key not in state:
        raise CheckpointError(f"The file is no checkpoint of a consistent Koopman autoencoder: {key} is missing.")
    shape = np.shape(state[key])
    if len(shape) != 2:
        raise CheckpointError(f"{key} has the shape {list(shape)}, as none of a consistent Koopman autoencoder has.")
    return shape
