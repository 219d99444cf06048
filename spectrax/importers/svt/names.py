"""Names and layouts of SVT's released checkpoints, and ours: a table that is read in both directions."""

from collections.abc import Mapping

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers.key_table import (
    AFFINE,
    CONVOLUTION,
    LINEAR,
    MOMENT,
    SAME,
    KeyTable,
    Layout,
    Rule,
    weight_and_bias,
)
from spectrax.importers.svt.filters import buffers, is_filter

# (channels, 1, 3, 3) and (3, 3, channels)
_DEPTHWISE = Layout(lambda x: x.squeeze(1).transpose(1, 2, 0), lambda x: x.transpose(2, 0, 1)[:, None])
# (channels, height, width) and (height, width, channels)
_CHANNELS_LAST = Layout(lambda x: x.transpose(1, 2, 0), lambda x: x.transpose(2, 0, 1))
# (real and imaginary, ...) and (..., real and imaginary)
_PARTS_LAST = Layout(lambda x: np.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, -1, 0))

# What stands in braces in the table: their word and ours. Stages count from 1 and from 0; of the stem's layers every
# third is a convolution, and the one after it a norm.
_WORDS = {
    "stage": {str(stage): str(stage - 1) for stage in range(1, 5)},
    "convolution": {"0": "0", "3": "1", "6": "2"},
    "batch_norm": {"1": "0", "4": "1", "7": "2"},
    "affine": AFFINE,
    "moment": MOMENT,
    "block_norm": {"norm1": "mixer_norm", "norm2": "feed_forward_norm"},
    "class_norm": {"norm1": "attention_norm", "norm2": "feed_forward_norm"},
    "projection": {"q": "query", "kv": "key_value", "proj": "output"},
    "dense": {"fc1": "expand", "fc2": "contract"},
    "mixing": {"1": "first", "2": "second", "b1": "first_bias", "b2": "second_bias"},
    "head": {"head": "head", "aux_head": "token_head"},
}

_BLOCK, _OUR_BLOCK = "block{stage}.{block}", "stages/{stage}/blocks/{block}"
_STEM, _OUR_STEM = "patch_embed1.conv", "stages/0/embedding"

_RULES: list[Rule] = [
    Rule(f"{_STEM}.{{convolution}}.weight", f"{_OUR_STEM}/convolutions/{{convolution}}/kernel", CONVOLUTION),
    Rule(f"{_STEM}.{{batch_norm}}.{{affine}}", f"{_OUR_STEM}/batch_norms/{{batch_norm}}/{{affine}}", SAME),
    Rule(f"{_STEM}.{{batch_norm}}.{{moment}}", f"{_OUR_STEM}/batch_norms/{{batch_norm}}/{{moment}}", SAME),
    *weight_and_bias("patch_embed{stage}.proj", "stages/{stage}/embedding/projection", CONVOLUTION),
    Rule("patch_embed{stage}.norm.{affine}", "stages/{stage}/embedding/norm/{affine}", SAME),
    Rule("norm{stage}.{affine}", "stages/{stage}/norm/{affine}", SAME),
    Rule(f"{_BLOCK}.{{block_norm}}.{{affine}}", f"{_OUR_BLOCK}/{{block_norm}}/{{affine}}", SAME),
    *weight_and_bias(f"{_BLOCK}.mlp.{{dense}}", f"{_OUR_BLOCK}/feed_forward/{{dense}}", LINEAR),
    *weight_and_bias(f"{_BLOCK}.mlp.dwconv.dwconv", f"{_OUR_BLOCK}/feed_forward/depthwise", _DEPTHWISE),
    *weight_and_bias(f"{_BLOCK}.attn.{{projection}}", f"{_OUR_BLOCK}/mixer/attention/{{projection}}", LINEAR),
    *weight_and_bias(f"{_BLOCK}.attn.conv", f"{_OUR_BLOCK}/mixer/convolution", _DEPTHWISE),
    Rule(f"{_BLOCK}.attn.complex_weight_ll", f"{_OUR_BLOCK}/mixer/gate", _CHANNELS_LAST),
    Rule(f"{_BLOCK}.attn.complex_weight_lh_{{mixing}}", f"{_OUR_BLOCK}/mixer/channel_mixing/{{mixing}}", _PARTS_LAST),
    Rule(f"{_BLOCK}.attn.complex_weight_lh_{{mixing}}_t", f"{_OUR_BLOCK}/mixer/row_mixing/{{mixing}}", _PARTS_LAST),
    Rule("post_network.0.{class_norm}.{affine}", "class_block/{class_norm}/{affine}", SAME),
    *weight_and_bias("post_network.0.attn.{projection}", "class_block/attention/{projection}", LINEAR),
    *weight_and_bias("post_network.0.mlp.{dense}", "class_block/feed_forward/{dense}", LINEAR),
    *weight_and_bias("{head}", "{head}", LINEAR),
]

_TABLE = KeyTable("SVT", _RULES, _WORDS, foreign="only its own mixers can be given.", unlearned=is_filter)

path_and_layout, convert, official_name = _TABLE.path_and_layout, _TABLE.convert, _TABLE.official_name


def official_state(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The official state dict of our paths and arrays, with the constants that the released code wants.

    Raises:
        CheckpointError: for a weight that the released code does not have.
    """
    for path in weights:
        mixer, _, name = path.rpartition("/")
        if name == "gate" and f"{mixer}/channel_mixing/first" not in weights:
            raise CheckpointError(f"{mixer} is not SVT's own mixer, and the released code has no other.")
    state = _TABLE.official_state(weights)
    return {**state, **buffers(list(state))}
