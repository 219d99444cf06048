"""Names and layouts of the released networks for flows, and ours: a table that is read in both directions."""

from collections.abc import Mapping

import numpy as np

from spectrax.importers.key_table import (
    CONVOLUTION,
    LINEAR,
    SAME,
    TRANSPOSED_CONVOLUTION,
    KeyTable,
    Rule,
    pointwise,
    weight_and_bias,
)

OPERATOR = "C_forward"
_COUNT = "operator/count"  # of batches that the mean is of: neither saved there nor needed
_ENCODER = {"7_1": "0", "5_1": "1", "3_1": "2", "3_2": "3", "3_3": "4"}
_DECODER = {"3_1": "0", "3_2": "1", "3_3": "2", "5_1": "3", "7_1": "4"}
_TABLE = KeyTable(
    "information Koopman",
    [
        *weight_and_bias("ENCODER.Conv2D_size{encoder}", "encoder/convolutions/{encoder}", CONVOLUTION),
        *weight_and_bias("ENCODER.linear", "encoder/output", LINEAR),
        *weight_and_bias("DECODER.linear", "decoder/input", LINEAR),
        *weight_and_bias(
            "DECODER.ConvTranspose2D_size{decoder}", "decoder/convolutions/{decoder}", TRANSPOSED_CONVOLUTION
        ),
        *weight_and_bias("DECODER.output_conv.{point}", "decoder/points/{point}", pointwise(2)),
        Rule(OPERATOR, "operator/mean", SAME),
    ],
    {"encoder": _ENCODER, "decoder": _DECODER, "point": {"0": "0", "2": "1", "4": "2"}},
    foreign="only autoencoders of flows with five layers and model.operator=batch were released.",
)
path_and_layout = _TABLE.path_and_layout
official_name = _TABLE.official_name


def convert(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our paths and arrays of an official state dict, the operator's memory among them.

    Raises:
        CheckpointError: for a key that is not of the system, or an array that has not the axes of one.
    """
    converted = _TABLE.convert(state)
    if "operator/mean" in converted:
        return {**converted, _COUNT: np.float32(1)}
    bias = converted.get("encoder/output/bias", np.zeros(0))
    return {**converted, "operator/mean": np.eye(len(bias), dtype=np.float32), _COUNT: np.float32(0)}


def official_state(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The official state dict of our paths and arrays, with the remembered operator as `C_forward`.

    Raises:
        CheckpointError: for a weight that the released code does not have.
    """
    return _TABLE.official_state({path: array for path, array in weights.items() if path != _COUNT})
