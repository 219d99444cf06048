"""The configuration of a checkpoint of a latent spectral model, as far as keys and shapes tell it."""

from collections.abc import Mapping, Sequence

import numpy as np

from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.importers import words

_EXPERIMENTS = {"lsm_2d": "lsm_darcy", "lsm_3d": "lsm_plasticity", "lsm_irregular": "lsm_elasticity_p"}


def overrides(state: Mapping[str, np.ndarray], given: Sequence[str]) -> list[str]:
    """The words that compose an experiment whose model the checkpoint fits.

    Args:
        state: official keys and arrays.
        given: words of the command line, which come last and win.

    Raises:
        CheckpointError: when the state dict is not one of LSM.
        ConfigError: when the grid has to be said.
    """
    model, sizes = model_and_sizes(state)
    said = words.keys(given)
    if model != "lsm_irregular" and not said & {"experiment", "dataset", "model.grid"}:
        example = "[85,85]" if model == "lsm_2d" else "[101,31,20]"
        raise ConfigError(
            f"The grid is not in the checkpoint: say model.grid={example}, or +experiment=NAME. Patch and padding "
            "follow from it as in the released scripts; where they are others, say model.patch=[...] and "
            "model.padding=[...], in the order of the axes (the scripts have padding from the last to the first)."
        )
    found = [
        f"+experiment={_EXPERIMENTS[model]}",
        f"model={model}",
        "precision=float32",
        "dataset.normalise=null",
        *words.of_model(sizes),
    ]
    return words.joined(found, given)


def model_and_sizes(state: Mapping[str, np.ndarray]) -> tuple[str, dict[str, object]]:
    """The option of the group "model", and its arguments but for grid, patch and padding.

    Raises:
        CheckpointError: when the state dict is not one of LSM.
    """
    dimensions = len(_shape(state, "inc.double_conv.0.weight")) - 2
    irregular = "fftproject_in.weights1" in state
    if dimensions not in (2, 3):
        raise CheckpointError(f"inc.double_conv.0.weight is a convolution of {dimensions} axes, as none of LSM has.")
    heads, tokens, _ = _shape(state, "process1.latent")
    channels, inputs = _shape(state, "fc0.weight")
    sizes: dict[str, object] = {
        "in_channels": inputs - (0 if irregular else dimensions),
        "out_channels": _shape(state, "fc2.weight")[0],
        "channels": channels,
        "tokens": tokens,
        "bases": _shape(state, "process1.weights")[1] // 2,
        "heads": heads,
        "hidden": _shape(state, "fc1.weight")[0],
    }
    if not irregular:
        return f"lsm_{dimensions}d", sizes
    deformation = "iphi.fc0.weight" in state
    code = {"code_size": _shape(state, "iphi.fc_code.weight")[1]} if deformation else {}
    modes = list(_shape(state, "fftproject_in.weights1")[2:])
    return "lsm_irregular", {**sizes, "modes": modes, "deformation": deformation, **code}


_AXES = {"process1.latent": 3, "fftproject_in.weights1": 4, "inc.double_conv.0.weight": None}  # the others have two


def _shape(state: Mapping[str, np.ndarray], key: str) -> tuple[int, ...]:
    if key not in state:
        raise CheckpointError(f"The file is no checkpoint of a latent spectral model: {key} is missing.")
    shape, axes = np.shape(state[key]), _AXES.get(key, 2)
    if axes not in (None, len(shape)) or 0 in shape:
        raise CheckpointError(f"{key} has the shape {list(shape)}, as none of LSM has.")
    return shape
