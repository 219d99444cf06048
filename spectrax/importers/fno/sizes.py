"""The configuration of a checkpoint of a Fourier neural operator, as far as keys and shapes tell it.

What leaves no trace in them has to be said where it is not the default: of all `+experiment=NAME` or `dataset=NAME`;
of the classic ones `model.padding=[...]`, in the order of the axes, or as the release has it with
`model.padding_order=released`; on points `model.latent_grid=[...]`; of the library's `model.domain_padding=0.1`,
`model.norm=instance_norm`, `model.norm_groups=2`, `model.coordinates=false`, and of skips without weights which they
are, such as `model.fno_skip=identity`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers import words
from spectrax.importers.fno.names import kind_of

_EXPERIMENTS = {"fno_classic": "fno_darcy", "fno_geo": "fno_elasticity_p", "fno_neuralop": "fno_neuralop_darcy"}
_DATA = {1: ["dataset=burgers"], 2: [], 3: ["dataset=plasticity_published"]}  # of so many axes; others can be said
_SPECTRAL = "fno_blocks.convs.0.weight.tensor"


def overrides(state: Mapping[str, np.ndarray], given: Sequence[str]) -> list[str]:
    """The words that compose an experiment whose model the checkpoint fits.

    Args:
        state: official keys and arrays.
        given: words of the command line, which come last and win.

    Raises:
        CheckpointError: when the state dict is of no Fourier neural operator.
    """
    kind, axes, sizes = model_and_sizes(state, coordinates="model.coordinates=false" not in given)
    said = words.keys(given)
    found = [
        f"+experiment={_EXPERIMENTS[kind]}",
        f"model={kind}",
        "precision=float32",
        *([] if said & {"experiment", "dataset"} else _DATA[axes]),
        "dataset.normalise=null",
        *(["model.padding=null"] if kind == "fno_classic" else []),
        *words.of_model(sizes),
    ]
    return words.joined(found, given)


def model_and_sizes(state: Mapping[str, np.ndarray], *, coordinates: bool = True) -> tuple[str, int, dict[str, object]]:
    """The option of the group "model", the axes of its grid, and its arguments but for the grid and what leaves no
    trace.

    Args:
        coordinates: whether some of the first channels of the library's model are coordinates.

    Raises:
        CheckpointError: when the state dict is of no Fourier neural operator.
    """
    kind = kind_of(state)
    if kind == "fno_neuralop":
        modes = _shape(state, _SPECTRAL)[2:]
        return kind, len(modes), _library(state, modes, coordinates)
    modes = list(_shape(state, "conv0.weights1")[2:])
    width, inputs = _shape(state, "fc0.weight")
    sizes = {
        "in_channels": inputs - (0 if kind == "fno_geo" else len(modes)),
        "out_channels": _shape(state, "fc2.weight")[0],
        "width": width,
        "modes": modes,
        "hidden": _shape(state, "fc1.weight")[0],
    }
    if kind == "fno_classic":
        sizes["layers"] = _count(state, "w{}.weight")
        return kind, len(modes), sizes
    deformation = "iphi.fc0.weight" in state
    code = {"code_size": _shape(state, "iphi.fc_code.weight")[1]} if deformation else {}
    return kind, 2, {**sizes, "deformation": deformation, **code}


def _library(state: Mapping[str, np.ndarray], modes: Sequence[int], coordinates: bool) -> dict[str, object]:
    lifted, seen = _shape(state, "lifting.fcs.0.weight")[:2]
    hidden = _shape(state, "lifting.fcs.1.weight")[0]
    inside = np.shape(state.get("fno_blocks.channel_mlp.0.fcs.0.weight", np.zeros(0)))[0]
    sizes: dict[str, object] = {
        "in_channels": seen - (len(modes) if coordinates else 0),
        "out_channels": _shape(state, "projection.fcs.1.weight")[0],
        "hidden_channels": hidden,
        "modes": [*modes[:-1], 2 * (modes[-1] - 1)],
        "layers": _count(state, "fno_blocks.convs.{}.bias"),
        "lifting_ratio": lifted / hidden,
        "projection_ratio": _shape(state, "projection.fcs.0.weight")[0] / hidden,
        "channel_mlp": inside > 0,
        "fno_skip": _skip(state, "fno_skips"),
    }
    if inside:
        sizes |= {"channel_mlp_expansion": inside / hidden, "channel_mlp_skip": _skip(state, "channel_mlp_skips")}
    return {**sizes, "norm": "group_norm" if "fno_blocks.norm.0.weight" in state else "none"}


def _skip(state: Mapping[str, np.ndarray], name: str) -> str:
    if f"fno_blocks.{name}.0.conv.weight" in state:
        return "linear"
    return "soft-gating" if f"fno_blocks.{name}.0.weight" in state else "none"


def _count(state: Mapping[str, np.ndarray], key: str) -> int:
    """How many layers there are, counted from 0."""
    number = 0
    while key.format(number) in state:
        number += 1
    return number


def _shape(state: Mapping[str, np.ndarray], key: str) -> tuple[int, ...]:
    if key not in state:
        raise CheckpointError(f"The file is no whole checkpoint of a Fourier neural operator: {key} is missing.")
    shape = np.shape(state[key])
    if len(shape) < 2 or 0 in shape:
        raise CheckpointError(f"{key} has the shape {list(shape)}, as none of FNO has.")
    return shape
