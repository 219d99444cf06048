"""Names and layouts of SVT's released checkpoints, and ours.

A table of rules, each a pattern of an official state-dict key, our path, and how the axes move. Written from the
published key names; the release (github.com/badripatro/svt) has no licence and none of its code is here.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spectrax.core.errors import CheckpointError

Layout = Callable[[np.ndarray], np.ndarray]


def _same(x: np.ndarray) -> np.ndarray:
    return x


def _convolution(x: np.ndarray) -> np.ndarray:
    """(out, in, height, width) -> (height, width, in, out)."""
    return x.transpose(2, 3, 1, 0)


def _depthwise(x: np.ndarray) -> np.ndarray:
    """(channels, 1, 3, 3) -> (3, 3, channels)."""
    return x[:, 0].transpose(1, 2, 0)


def _linear(x: np.ndarray) -> np.ndarray:
    """(out, in) -> (in, out)."""
    return x.T


def _channels_last(x: np.ndarray) -> np.ndarray:
    """(channels, height, width) -> (height, width, channels)."""
    return x.transpose(1, 2, 0)


def _parts_last(x: np.ndarray) -> np.ndarray:
    """(real and imaginary, ...) -> (..., real and imaginary)."""
    return np.moveaxis(x, 0, -1)


_NAMES = {
    "q": "query", "kv": "key_value", "proj": "output", "fc1": "expand", "fc2": "contract",
    "1": "first", "2": "second", "b1": "first_bias", "b2": "second_bias",
    "running_mean": "mean", "running_var": "variance", "weight": "scale", "bias": "bias",
    "norm1": "mixer_norm", "norm2": "feed_forward_norm", "head": "head", "aux_head": "token_head",
}  # fmt: skip

_BLOCK = r"block(?P<stage>\d)\.(?P<block>\d+)\."
_IN_BLOCK = "stages/{stage}/blocks/{block}/"

# (pattern of the key, our path, how the axes move). Capitalised groups are looked up in _NAMES.
_RULES: list[tuple[str, str, Layout]] = [
    (r"patch_embed1\.conv\.(?P<third>[036])\.weight", "stages/0/embedding/convolutions/{third}/kernel", _convolution),
    (
        r"patch_embed1\.conv\.(?P<third>[147])\.(?P<NAME>weight|bias|running_mean|running_var)",
        "stages/0/embedding/batch_norms/{third}/{NAME}",
        _same,
    ),
    (r"patch_embed(?P<stage>\d)\.proj\.weight", "stages/{stage}/embedding/projection/kernel", _convolution),
    (r"patch_embed(?P<stage>\d)\.proj\.bias", "stages/{stage}/embedding/projection/bias", _same),
    (r"patch_embed(?P<stage>\d)\.norm\.(?P<NAME>weight|bias)", "stages/{stage}/embedding/norm/{NAME}", _same),
    (_BLOCK + r"(?P<NORM>norm[12])\.(?P<NAME>weight|bias)", _IN_BLOCK + "{NORM}/{NAME}", _same),
    (_BLOCK + r"mlp\.(?P<LAYER>fc[12])\.weight", _IN_BLOCK + "feed_forward/{LAYER}/kernel", _linear),
    (_BLOCK + r"mlp\.(?P<LAYER>fc[12])\.bias", _IN_BLOCK + "feed_forward/{LAYER}/bias", _same),
    (_BLOCK + r"mlp\.dwconv\.dwconv\.weight", _IN_BLOCK + "feed_forward/depthwise/kernel", _depthwise),
    (_BLOCK + r"mlp\.dwconv\.dwconv\.bias", _IN_BLOCK + "feed_forward/depthwise/bias", _same),
    (_BLOCK + r"attn\.(?P<LAYER>q|kv|proj)\.weight", _IN_BLOCK + "mixer/attention/{LAYER}/kernel", _linear),
    (_BLOCK + r"attn\.(?P<LAYER>q|kv|proj)\.bias", _IN_BLOCK + "mixer/attention/{LAYER}/bias", _same),
    (_BLOCK + r"attn\.conv\.weight", _IN_BLOCK + "mixer/convolution/kernel", _depthwise),
    (_BLOCK + r"attn\.conv\.bias", _IN_BLOCK + "mixer/convolution/bias", _same),
    (_BLOCK + r"attn\.complex_weight_ll", _IN_BLOCK + "mixer/gate", _channels_last),
    (_BLOCK + r"attn\.complex_weight_lh_(?P<LAYER>b?[12])", _IN_BLOCK + "mixer/channel_mixing/{LAYER}", _parts_last),
    (_BLOCK + r"attn\.complex_weight_lh_(?P<LAYER>b?[12])_t", _IN_BLOCK + "mixer/row_mixing/{LAYER}", _parts_last),
    (r"norm(?P<stage>\d)\.(?P<NAME>weight|bias)", "stages/{stage}/norm/{NAME}", _same),
    (r"post_network\.0\.norm1\.(?P<NAME>weight|bias)", "class_block/attention_norm/{NAME}", _same),
    (r"post_network\.0\.norm2\.(?P<NAME>weight|bias)", "class_block/feed_forward_norm/{NAME}", _same),
    (r"post_network\.0\.attn\.(?P<LAYER>q|kv|proj)\.weight", "class_block/attention/{LAYER}/kernel", _linear),
    (r"post_network\.0\.attn\.(?P<LAYER>q|kv|proj)\.bias", "class_block/attention/{LAYER}/bias", _same),
    (r"post_network\.0\.mlp\.(?P<LAYER>fc[12])\.weight", "class_block/feed_forward/{LAYER}/kernel", _linear),
    (r"post_network\.0\.mlp\.(?P<LAYER>fc[12])\.bias", "class_block/feed_forward/{LAYER}/bias", _same),
    (r"(?P<LAYER>head|aux_head)\.weight", "{LAYER}/kernel", _linear),
    (r"(?P<LAYER>head|aux_head)\.bias", "{LAYER}/bias", _same),
]

# Constants of the release's wavelet modules, and a counter that our BatchNorm does not need.
_IGNORED = re.compile(r".*\.(xfm|ifm)\.[gh][01][oab]|.*\.num_batches_tracked")


def path_and_layout(key: str) -> tuple[str, Layout] | None:
    """Our path of an official key and how its array becomes ours; None for keys that hold nothing learned.

    Raises:
        CheckpointError: for a key that is not of SVT.
    """
    if _IGNORED.fullmatch(key):
        return None
    for pattern, path, layout in _RULES:
        match = re.fullmatch(pattern, key)
        if match:
            return path.format(**_translated(match.groupdict())), layout
    raise CheckpointError(f"{key} is not a key of an SVT checkpoint. Check that the file is one.")


def convert(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our paths and arrays of an official state dict. Raises `CheckpointError` for a key that is not of SVT."""
    converted = {}
    for key, array in state.items():
        rule = path_and_layout(key)
        if rule is not None:
            path, layout = rule
            converted[path] = np.ascontiguousarray(layout(np.asarray(array)))
    return converted


def _translated(groups: Mapping[str, str]) -> dict[str, Any]:
    """Captured groups as they stand in our paths: stages count from 0, every third stem layer is a convolution."""
    translated: dict[str, Any] = {}
    for name, text in groups.items():
        if name == "stage":
            translated[name] = int(text) - 1
        elif name == "third":
            translated[name] = int(text) // 3
        else:
            translated[name] = _NAMES[text] if name.isupper() else text
    return translated
