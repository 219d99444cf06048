"""The configuration of an SVT checkpoint, found from its keys and shapes."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.importers import words

_HEAD_WIDTH = 32  # channels of an attention head in all released models; the number of heads is in no shape
_USUAL_SIDE = 224  # of the image, where no gate tells
_NUM_HEADS = "model.num_heads="  # the release's name for what is `model.heads` here
_IMAGENET = {"num_classes": 1000, "in_channels": 3}


def overrides(state: Mapping[str, np.ndarray], given: Sequence[str]) -> list[str]:
    """The words that compose an experiment whose model the checkpoint fits.

    Args:
        state: official keys and arrays.
        given: words of the command line, which come last and win; `model.num_heads=[...]` among them.

    Raises:
        CheckpointError: when the state dict is not one of SVT.
        ConfigError: when the heads have to be said.
    """
    sizes = model_sizes(state)
    given = [f"model.heads={word.removeprefix(_NUM_HEADS)}" if word.startswith(_NUM_HEADS) else word for word in given]
    said = words.keys(given)
    side, classes, channels = (sizes.pop(name) for name in ("image_size", "num_classes", "in_channels"))
    heads = [] if "model.heads" in said else [f"model.heads={_heads(sizes['dims'])}"]
    found = [
        "+experiment=svt_imagenet_plain",
        "model=svt_h_s",
        "precision=float32",
        *([] if said & {"experiment", "dataset"} else _data(classes, channels)),
        f"dataset.image_size={side}",
        *words.of_model(sizes),
        *heads,
    ]
    return words.joined(found, given)


def model_sizes(state: Mapping[str, np.ndarray]) -> dict[str, object]:
    """Arguments of `spectrax.models.svt.SVT` but for the heads. Raises `CheckpointError` when it is not one of SVT."""
    dims = [_size(state, f"patch_embed{stage}.proj.bias", 0) for stage in range(1, 5)]
    depths = [_depth(state, stage) for stage in range(1, 5)]
    hidden = [_size(state, f"block{s}.0.mlp.fc1.weight", 0) if depths[s - 1] else None for s in range(1, 5)]
    hidden[3] = hidden[3] or _size(state, "post_network.0.mlp.fc1.weight", 0)
    gates = [f"block{stage}.0.attn.complex_weight_ll" in state for stage in range(1, 5)]
    scatter = max((stage for stage, gate in enumerate(gates, start=1) if gate), default=0)
    return {
        "image_size": _image_side(state, gates),
        "num_classes": _size(state, "head.weight", 0),
        "in_channels": _size(state, "patch_embed1.conv.0.weight", 1),
        "stem_width": _size(state, "patch_embed1.conv.0.weight", 0),
        "dims": dims,
        "depths": depths,
        "ffn_ratios": [_ratio(wide, dim) for wide, dim in zip(hidden, dims, strict=True)],
        "scatter_stages": scatter,
        "mixer": "channel_token" if any(key.endswith(".attn.conv.weight") for key in state) else "channel",
        "token_label": "aux_head.weight" in state,
    }


def _size(state: Mapping[str, np.ndarray], key: str, axis: int) -> int:
    if key not in state:
        raise CheckpointError(f"The file is no checkpoint of SVT's hierarchical family: {key} is missing.")
    shape = np.shape(state[key])
    if len(shape) <= axis or not shape[axis]:
        raise CheckpointError(f"{key} has the shape {list(shape)}, as none of SVT has.")
    return shape[axis]


def _depth(state: Mapping[str, np.ndarray], stage: int) -> int:
    numbers = {int(match[1]) for key in state if (match := re.match(rf"block{stage}\.(\d+)\.", key))}
    if numbers != set(range(len(numbers))):
        absent = min(set(range(len(numbers))) - numbers)
        raise CheckpointError(f"All keys of block{stage}.{absent} are missing, though there are later blocks.")
    return len(numbers)


def _image_side(state: Mapping[str, np.ndarray], gates: Sequence[bool]) -> int:
    """Of the square image: the first stage's map has a quarter of its side, each later one half of the one before."""
    if not any(gates):
        return _USUAL_SIDE
    stage = gates.index(True) + 1
    key = f"block{stage}.0.attn.complex_weight_ll"
    height, width = (_size(state, key, axis) for axis in (1, 2))
    if height != width:
        raise CheckpointError(f"{key} is for a map of {height}x{width}: only square images are known here.")
    return height * 2 ** (stage + 1)


def _ratio(hidden: int | None, dim: int) -> float:
    """Hidden channels over channels, so that the model, which rounds down, finds them again."""
    if hidden is None:
        return 4  # of a stage without blocks: unused
    return hidden // dim if hidden % dim == 0 else (hidden + 0.5) / dim


def _heads(dims: Sequence[int]) -> str:
    odd = [dim for dim in dims if dim % _HEAD_WIDTH]
    if odd:
        raise ConfigError(
            f"The heads are not in the checkpoint, and its {odd[0]} channels are no multiple of {_HEAD_WIDTH}: say "
            "them, one number for each stage, such as model.num_heads=[2,4,10,14]."
        )
    return words.text([dim // _HEAD_WIDTH for dim in dims])


def _data(classes: int, channels: int) -> list[str]:
    """ImageNet for weights that fit it, else a folder of pictures that need not be there yet."""
    if {"num_classes": classes, "in_channels": channels} == _IMAGENET:
        return []
    folder = ["dataset=image_folder", "dataset.image_dir=pictures"]
    return [*folder, f"dataset.num_classes={classes}", f"dataset.channels={channels}"]
