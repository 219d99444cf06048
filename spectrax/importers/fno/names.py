"""Names and layouts of the released Fourier neural operators, and ours: tables that are read in both directions."""

import functools
import re
from collections.abc import Mapping
from typing import Literal

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers import point_clouds
from spectrax.importers.complex_modes import MODES
from spectrax.importers.fno import modes
from spectrax.importers.key_table import AFFINE, LINEAR, SAME, KeyTable, Layout, Rule, pointwise, weight_and_bias

NORMALISER = "normaliser/"  # moments of the data, which the releases keep apart from their models
Kind = Literal["fno_classic", "fno_geo", "fno_neuralop"]

_GEO_LAYERS = 3  # between the first, which comes from points, and the last, which goes to them
_UNUSED = re.compile(r"bn(\d+)\.(weight|bias|running_mean|running_var|num_batches_tracked)")
_ASCENDING = Layout(modes.from_ascending, modes.to_ascending)


def kind_of(state: Mapping[str, np.ndarray]) -> Kind:
    """Which of the three an official state dict is of. Raises `CheckpointError` when of none."""
    if "lifting.fcs.0.weight" in state:
        return "fno_neuralop"
    if "fc0.weight" in state and "conv0.weights1" in state:
        return "fno_geo" if "b0.weight" in state else "fno_classic"
    raise CheckpointError(
        "The file is no checkpoint of a Fourier neural operator: it has neither `lifting.fcs.0.weight`, as the "
        "library's, nor `fc0.weight` and `conv0.weights1`, as the released models."
    )


def convert(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our paths and arrays of an official state dict.

    Raises:
        CheckpointError: for a key that is of no Fourier neural operator, or an array that has not the axes of one.
    """
    kind = kind_of(state)
    if kind == "fno_classic":
        state = modes.joined(state)
    if kind == "fno_geo":
        ends = {key: array for key, array in state.items() if key.startswith(("conv0.", f"conv{_GEO_LAYERS + 1}."))}
        state = {**ends, **modes.joined({key: array for key, array in state.items() if key not in ends})}
    return _table(kind, _axes(kind, state)).convert(state)


def official_state(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The official state dict of our paths and arrays, without moments of the data; in 3-D with the batch norms that
    the released model holds and does not use.

    Raises:
        CheckpointError: for a weight that the released code does not have.
    """
    weights = {path: np.asarray(array) for path, array in weights.items() if not path.startswith(NORMALISER)}
    kind = _kind_of_paths(weights)
    first = "blocks/0/spectral/weight" if kind == "fno_neuralop" else "spectral/0/weight"
    axes = 2 if kind == "fno_geo" else weights[first].ndim - 3
    state = modes.apart(_table(kind, axes).official_state(weights))
    return {**state, **_unused_norms(state)} if kind == "fno_classic" and axes == 3 else state


def official_name(path: str) -> str:
    """The official key of our path, of layers with several arrays their beginning. Raises `CheckpointError` when the
    released codes know no such weight."""
    return _table(_kind_of_paths([path]), 2).official_name(path)


def _kind_of_paths(paths: Mapping[str, np.ndarray] | list[str]) -> Kind:
    if any(path.startswith(("lifting/", "blocks/")) for path in paths):
        return "fno_neuralop"
    geo = ("to_grid/", "to_points/", "grid_coordinates/", "point_coordinates/", "layers/", "deformation/")
    return "fno_geo" if any(path.startswith(geo) for path in paths) else "fno_classic"


def _axes(kind: Kind, state: Mapping[str, np.ndarray]) -> int:
    """Of the grid, on which pointwise layers have that many axes of one sample."""
    first = "fno_blocks.convs.0.weight.tensor" if kind == "fno_neuralop" else "conv0.weights"
    return 2 if kind == "fno_geo" or first not in state else np.ndim(state[first]) - 2


@functools.cache
def _table(kind: Kind, axes: int) -> KeyTable:
    rules, words = {"fno_classic": _classic, "fno_geo": _geo, "fno_neuralop": _neuralop}[kind](axes)
    foreign = "only whole models of the released kinds can be given."
    return KeyTable(
        "FNO", rules, words, foreign=foreign, unlearned=lambda key: kind == "fno_classic" and _is_unused(key)
    )


def _is_unused(key: str) -> bool:
    return _UNUSED.fullmatch(key) is not None


_ENDS = [
    *weight_and_bias("fc0", "lift", LINEAR),
    *weight_and_bias("fc1", "projection/expand", LINEAR),
    *weight_and_bias("fc2", "projection/contract", LINEAR),
]


def _classic(axes: int) -> tuple[list[Rule], dict[str, dict[str, str]]]:
    rules = [
        *_ENDS,
        Rule("conv{layer}.weights", "spectral/{layer}/weight", MODES),
        *weight_and_bias("w{layer}", "pointwise/{layer}", pointwise(axes)),
    ]
    return rules, {}


def _geo(axes: int) -> tuple[list[Rule], dict[str, dict[str, str]]]:
    last = _GEO_LAYERS + 1
    rules = [
        *_ENDS,
        Rule("conv0.{half}", "to_grid/mixing/{half}", MODES),
        Rule(f"conv{last}.{{half}}", "to_points/mixing/{half}", MODES),
        *weight_and_bias("b0", "grid_coordinates", pointwise(axes)),
        *weight_and_bias(f"b{last}", "point_coordinates", pointwise(1)),
        Rule("conv{inner}.weights", "layers/{inner}/spectral/weight", MODES),
        *weight_and_bias("w{inner}", "layers/{inner}/pointwise", pointwise(axes)),
        *weight_and_bias("b{inner}", "layers/{inner}/coordinates", pointwise(axes)),
        *point_clouds.COORDINATE_NETWORK,
    ]
    words = {
        **point_clouds.WORDS,
        "inner": {str(layer): str(layer - 1) for layer in range(1, last)},
    }
    return rules, words


def _neuralop(axes: int) -> tuple[list[Rule], dict[str, dict[str, str]]]:
    ones = (1,) * axes
    bias = Layout(lambda x: x.reshape(-1), lambda x: x.reshape(-1, *ones))
    gate = Layout(lambda x: x.reshape(-1), lambda x: x.reshape(1, -1, *ones))
    block = "blocks/{layer}"
    rules = [
        *weight_and_bias("lifting.fcs.{dense}", "lifting/{dense}", pointwise(1)),
        *weight_and_bias("projection.fcs.{dense}", "projection/{dense}", pointwise(1)),
        Rule("fno_blocks.convs.{layer}.weight.tensor", f"{block}/spectral/weight", _ASCENDING),
        Rule("fno_blocks.convs.{layer}.bias", f"{block}/spectral/bias", bias),
        Rule("fno_blocks.fno_skips.{layer}.conv.weight", f"{block}/skip/kernel", pointwise(1)),
        Rule("fno_blocks.fno_skips.{layer}.weight", f"{block}/skip/scale", gate),
        *weight_and_bias("fno_blocks.channel_mlp.{layer}.fcs.{dense}", f"{block}/network/{{dense}}", pointwise(1)),
        Rule("fno_blocks.channel_mlp_skips.{layer}.conv.weight", f"{block}/network_skip/kernel", pointwise(1)),
        Rule("fno_blocks.channel_mlp_skips.{layer}.weight", f"{block}/network_skip/scale", gate),
        Rule("fno_blocks.norm.{norm}.{affine}", "{norm}/{affine}", SAME),
    ]
    norms = {str(2 * layer + number): f"blocks/{layer}/norms/{number}" for layer in range(64) for number in (0, 1)}
    return rules, {"dense": {"0": "expand", "1": "contract"}, "affine": AFFINE, "norm": norms}


def _unused_norms(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As they are begun, one for each layer."""
    layers = [key.removesuffix(".bias").removeprefix("w") for key in state if re.fullmatch(r"w\d+\.bias", key)]
    channels = len(state["w0.bias"])
    one, zero = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    norm = {"weight": one, "bias": zero, "running_mean": zero, "running_var": one}
    norm["num_batches_tracked"] = np.zeros((), np.int64)
    return {f"bn{layer}.{name}": array for layer in layers for name, array in norm.items()}
