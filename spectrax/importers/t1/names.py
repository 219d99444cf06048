"""Names and layouts of T1's and T1U's released checkpoints, and ours: a table that is read in both directions."""

from spectrax.importers.key_table import (
    AFFINE,
    CONVOLUTION,
    LINEAR,
    MOMENT,
    SAME,
    TRANSPOSED_CONVOLUTION,
    KeyTable,
    Layout,
    Rule,
    weight_and_bias,
)

DOWN = ("layer1", "layer2", "layer2b", "layer3", "layer4", "layer5", "layer6")
UP = ("dlayer6", "dlayer5", "dlayer4", "dlayer3", "dlayer2b", "dlayer2")
LAST = "dfpnet.dlayer1.dlayer1_tconv"

# (in, out, rows, columns) and (rows, columns, out, in)
_ACROSS_CHANNELS = Layout(lambda x: x.transpose(2, 3, 1, 0), lambda x: x.transpose(3, 2, 0, 1))
# (in, out, channels) and (channels, out, in)
_ACROSS_AXIS = Layout(lambda x: x.transpose(2, 1, 0), lambda x: x.transpose(2, 1, 0))


def _mixing(key: str, path: str) -> list[Rule]:
    return [
        Rule(f"{key}.ch_mixing_1", f"{path}/across_channels", _ACROSS_CHANNELS),
        Rule(f"{key}.spatial_mixing_1", f"{path}/across_rows", _ACROSS_AXIS),
        Rule(f"{key}.spatial_mixing_2", f"{path}/across_columns", _ACROSS_AXIS),
    ]


def _block(name: str, kind: str, path: str) -> list[Rule]:
    prefix = f"dfpnet.{name}.{name}"
    return [
        *weight_and_bias(f"{prefix}_{kind}", f"{path}/convolution", CONVOLUTION),
        Rule(f"{prefix}_bn.{{affine}}", f"{path}/norm/{{affine}}", SAME),
        Rule(f"{prefix}_bn.{{moment}}", f"{path}/norm/{{moment}}", SAME),
    ]


_RULES = [
    Rule("fc0.weight", "lift/kernel", SAME),
    Rule("fc0.bias", "lift/bias", SAME),
    *_mixing("layers.{layer}", "layers/{layer}"),
    Rule("fc1", "expand", LINEAR),
    Rule("fc2", "contract", LINEAR),
    *_mixing("op_layer", "operator/0"),
    *[rule for index, name in enumerate(DOWN) for rule in _block(name, "conv", f"network/down/{index}")],
    *[rule for index, name in enumerate(UP) for rule in _block(name, "tconv", f"network/up/{index}")],
    *weight_and_bias(LAST, "network/last", TRANSPOSED_CONVOLUTION),
]

_TABLE = KeyTable(
    "T1", _RULES, {"affine": AFFINE, "moment": MOMENT}, foreign="it is neither one of T1 nor of T1U with its layer."
)
path_and_layout = _TABLE.path_and_layout
convert = _TABLE.convert
official_name = _TABLE.official_name
official_state = _TABLE.official_state
