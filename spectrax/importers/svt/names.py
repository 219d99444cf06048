"""Names and layouts of SVT's released checkpoints, and ours: a table that is read in both directions."""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers.svt.filters import buffers, is_filter


@dataclasses.dataclass(frozen=True)
class Layout:
    """How the axes of an array move between their order and ours."""

    to_ours: Callable[[np.ndarray], np.ndarray]
    to_official: Callable[[np.ndarray], np.ndarray]


_SAME = Layout(lambda x: x, lambda x: x)
# (out, in, height, width) and (height, width, in, out)
_CONVOLUTION = Layout(lambda x: x.transpose(2, 3, 1, 0), lambda x: x.transpose(3, 2, 0, 1))
# (channels, 1, 3, 3) and (3, 3, channels)
_DEPTHWISE = Layout(lambda x: x.squeeze(1).transpose(1, 2, 0), lambda x: x.transpose(2, 0, 1)[:, None])
# (out, in) and (in, out)
_LINEAR = Layout(lambda x: x.transpose(1, 0), lambda x: x.transpose(1, 0))
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
    "affine": {"weight": "scale", "bias": "bias"},
    "moment": {"running_mean": "mean", "running_var": "variance"},
    "block_norm": {"norm1": "mixer_norm", "norm2": "feed_forward_norm"},
    "class_norm": {"norm1": "attention_norm", "norm2": "feed_forward_norm"},
    "projection": {"q": "query", "kv": "key_value", "proj": "output"},
    "dense": {"fc1": "expand", "fc2": "contract"},
    "mixing": {"1": "first", "2": "second", "b1": "first_bias", "b2": "second_bias"},
    "head": {"head": "head", "aux_head": "token_head"},
}
_NUMBER = "block"  # the one word in braces that is the same number on both sides


@dataclasses.dataclass(frozen=True)
class Rule:
    """An official key, our path, and how the array changes; both with words in braces, see `_WORDS`."""

    key: str
    path: str
    layout: Layout


def _weight_and_bias(key: str, path: str, layout: Layout) -> list[Rule]:
    return [Rule(f"{key}.weight", f"{path}/kernel", layout), Rule(f"{key}.bias", f"{path}/bias", _SAME)]


_BLOCK, _OUR_BLOCK = "block{stage}.{block}", "stages/{stage}/blocks/{block}"
_STEM, _OUR_STEM = "patch_embed1.conv", "stages/0/embedding"

_RULES: list[Rule] = [
    Rule(f"{_STEM}.{{convolution}}.weight", f"{_OUR_STEM}/convolutions/{{convolution}}/kernel", _CONVOLUTION),
    Rule(f"{_STEM}.{{batch_norm}}.{{affine}}", f"{_OUR_STEM}/batch_norms/{{batch_norm}}/{{affine}}", _SAME),
    Rule(f"{_STEM}.{{batch_norm}}.{{moment}}", f"{_OUR_STEM}/batch_norms/{{batch_norm}}/{{moment}}", _SAME),
    *_weight_and_bias("patch_embed{stage}.proj", "stages/{stage}/embedding/projection", _CONVOLUTION),
    Rule("patch_embed{stage}.norm.{affine}", "stages/{stage}/embedding/norm/{affine}", _SAME),
    Rule("norm{stage}.{affine}", "stages/{stage}/norm/{affine}", _SAME),
    Rule(f"{_BLOCK}.{{block_norm}}.{{affine}}", f"{_OUR_BLOCK}/{{block_norm}}/{{affine}}", _SAME),
    *_weight_and_bias(f"{_BLOCK}.mlp.{{dense}}", f"{_OUR_BLOCK}/feed_forward/{{dense}}", _LINEAR),
    *_weight_and_bias(f"{_BLOCK}.mlp.dwconv.dwconv", f"{_OUR_BLOCK}/feed_forward/depthwise", _DEPTHWISE),
    *_weight_and_bias(f"{_BLOCK}.attn.{{projection}}", f"{_OUR_BLOCK}/mixer/attention/{{projection}}", _LINEAR),
    *_weight_and_bias(f"{_BLOCK}.attn.conv", f"{_OUR_BLOCK}/mixer/convolution", _DEPTHWISE),
    Rule(f"{_BLOCK}.attn.complex_weight_ll", f"{_OUR_BLOCK}/mixer/gate", _CHANNELS_LAST),
    Rule(f"{_BLOCK}.attn.complex_weight_lh_{{mixing}}", f"{_OUR_BLOCK}/mixer/channel_mixing/{{mixing}}", _PARTS_LAST),
    Rule(f"{_BLOCK}.attn.complex_weight_lh_{{mixing}}_t", f"{_OUR_BLOCK}/mixer/row_mixing/{{mixing}}", _PARTS_LAST),
    Rule("post_network.0.{class_norm}.{affine}", "class_block/{class_norm}/{affine}", _SAME),
    *_weight_and_bias("post_network.0.attn.{projection}", "class_block/attention/{projection}", _LINEAR),
    *_weight_and_bias("post_network.0.mlp.{dense}", "class_block/feed_forward/{dense}", _LINEAR),
    *_weight_and_bias("{head}", "{head}", _LINEAR),
]

_COUNTER = ".num_batches_tracked"  # of each BatchNorm; ours needs none


def path_and_layout(key: str) -> tuple[str, Layout] | None:
    """Our path of an official key and how its array becomes ours; None for keys that hold nothing learned.

    Raises:
        CheckpointError: for a key that is not of SVT.
    """
    if is_filter(key) or key.endswith(_COUNTER):
        return None
    for rule in _RULES:
        path = _translated(key, rule.key, rule.path, to_ours=True)
        if path is not None:
            return path, rule.layout
    raise CheckpointError(f"{key} is not a key of an SVT checkpoint. Check that the file is one.")


def convert(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our paths and arrays of an official state dict.

    Raises:
        CheckpointError: for a key that is not of SVT, or an array that has not the axes of one.
    """
    converted = {}
    for key, array in state.items():
        rule = path_and_layout(key)
        if rule is None:
            continue
        path, layout = rule
        try:
            converted[path] = np.ascontiguousarray(layout.to_ours(np.asarray(array)))
        except (ValueError, IndexError) as error:
            raise CheckpointError(f"{key} has the shape {list(np.shape(array))}, as none of SVT has.") from error
    return converted


def official_name(path: str) -> str:
    """The official key of our path. Raises `CheckpointError` when the released code knows no such weight."""
    return _key_and_layout(path)[0]


def official_state(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The official state dict of our paths and arrays, with the constants that the released code wants.

    Raises:
        CheckpointError: for a weight that the released code does not have.
    """
    for path in weights:
        mixer, _, name = path.rpartition("/")
        if name == "gate" and f"{mixer}/channel_mixing/first" not in weights:
            raise CheckpointError(f"{mixer} is not SVT's own mixer, and the released code has no other.")
    state = {}
    for path, array in weights.items():
        key, layout = _key_and_layout(path)
        state[key] = np.ascontiguousarray(layout.to_official(np.asarray(array)))
    means = [key for key in state if key.endswith(".running_mean")]
    counters = {key.replace(".running_mean", _COUNTER): np.zeros((), np.int64) for key in means}
    return {**state, **counters, **buffers(list(state))}


def _key_and_layout(path: str) -> tuple[str, Layout]:
    for rule in _RULES:
        key = _translated(path, rule.path, rule.key, to_ours=False)
        if key is not None:
            return key, rule.layout
    raise CheckpointError(f"{path} is a weight that the released SVT does not have: only its own mixers can be given.")


def _translated(text: str, template: str, other: str, to_ours: bool) -> str | None:
    """`text`, if it is of the form of `template`, in the form of `other`."""
    match = _pattern(template, to_ours).fullmatch(text)
    if match is None:
        return None
    words = _words(to_ours)
    return other.format(**{name: words.get(name, {}).get(word, word) for name, word in match.groupdict().items()})


@functools.cache
def _pattern(template: str, to_ours: bool) -> re.Pattern[str]:
    words = _words(to_ours)

    def matched(part: str) -> str:
        name = part.strip("{}")
        if part == name:
            return re.escape(part)
        return rf"(?P<{name}>\d+)" if name == _NUMBER else f"(?P<{name}>{'|'.join(words[name])})"

    return re.compile("".join(matched(part) for part in re.split(r"(\{\w+\})", template)))


def _words(to_ours: bool) -> dict[str, dict[str, str]]:
    if to_ours:
        return _WORDS
    return {name: {ours: theirs for theirs, ours in words.items()} for name, words in _WORDS.items()}
