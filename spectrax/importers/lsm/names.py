"""Names and layouts of the released latent spectral models, and ours: a table that is read in both directions."""

from collections.abc import Mapping

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers import point_clouds
from spectrax.importers.complex_modes import MODES
from spectrax.importers.key_table import (
    AFFINE,
    CONVOLUTION,
    LINEAR,
    MOMENT,
    SAME,
    KeyTable,
    Rule,
    pointwise,
    weight_and_bias,
)

NORMALISER = "normaliser/"  # moments of the data, which the release keeps apart from its models


# What stands in braces in the table: their word and ours. Levels count from 0 in both; blocks count from 1 there, and
# so do the decoder's parts. Of a double convolution's six layers two are convolutions and two norms.
_WORDS = {
    "down": {str(level): str(level) for level in range(1, 5)},
    "up": {str(level): str(level - 1) for level in range(1, 5)},
    "process": {str(level): str(level - 1) for level in range(1, 6)},
    "convolution": {"0": "0", "3": "1"},
    "batch_norm": {"1": "0", "4": "1"},
    "affine": AFFINE,
    "moment": MOMENT,
    "attention": {"encoder_attn": "key_value", "decoder_attn": "query"},
    "projection": {"fftproject_in": "to_grid", "fftproject_out": "to_points"},
    **point_clouds.WORDS,
}


def _double_convolution(key: str, path: str) -> list[Rule]:
    return [
        Rule(f"{key}.double_conv.{{convolution}}.weight", f"{path}/convolutions/{{convolution}}/kernel", CONVOLUTION),
        Rule(f"{key}.double_conv.{{batch_norm}}.{{affine}}", f"{path}/batch_norms/{{batch_norm}}/{{affine}}", SAME),
        Rule(f"{key}.double_conv.{{batch_norm}}.{{moment}}", f"{path}/batch_norms/{{batch_norm}}/{{moment}}", SAME),
    ]


def _table(dimensions: int) -> KeyTable:
    rules = [
        *weight_and_bias("fc0", "lift", LINEAR),
        *weight_and_bias("fc1", "projection/expand", LINEAR),
        *weight_and_bias("fc2", "projection/contract", LINEAR),
        *weight_and_bias("outc.conv", "backbone/output", pointwise(dimensions)),
        *_double_convolution("inc", "backbone/encoder/0"),
        *_double_convolution("down{down}.maxpool_conv.1", "backbone/encoder/{down}"),
        *_double_convolution("up{up}.conv", "backbone/decoder/{up}"),
        Rule("process{process}.weights", "backbone/skips/{process}/transition", SAME),
        Rule("process{process}.latent", "backbone/skips/{process}/tokens", SAME),
        *weight_and_bias("process{process}.{attention}", "backbone/skips/{process}/{attention}", pointwise(dimensions)),
        Rule("{projection}.{half}", "{projection}/mixing/{half}", MODES),
        *weight_and_bias("convproject_in", "grid_coordinates", pointwise(2)),
        *weight_and_bias("convproject_out", "point_coordinates", pointwise(1)),
        *point_clouds.COORDINATE_NETWORK,
    ]
    return KeyTable("LSM", rules, _WORDS, foreign="only whole latent spectral models can be given.")


_TABLES = {dimensions: _table(dimensions) for dimensions in (2, 3)}

path_and_layout, convert, official_name = _TABLES[2].path_and_layout, _TABLES[2].convert, _TABLES[2].official_name


def official_state(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The official state dict of our paths and arrays, without moments of the data.

    Raises:
        CheckpointError: for a weight that the released code does not have, or when there is none that it needs.
    """
    first = "backbone/encoder/0/convolutions/0/kernel"
    if first not in weights or "backbone/skips/0/transition" not in weights:
        raise CheckpointError(
            "The run is none of a latent spectral model with its blocks, and the release has no other."
        )
    table = _TABLES[np.ndim(weights[first]) - 2]
    return table.official_state({path: array for path, array in weights.items() if not path.startswith(NORMALISER)})
