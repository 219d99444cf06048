"""Names and layouts of released consistent Koopman autoencoders, and ours: a table that is read in both directions.

Their operators act on columns, ours on rows: both are the transposes of linear layers' weights.
"""

from spectrax.importers.key_table import LINEAR, KeyTable, Rule, weight_and_bias

_LAYERS = {"1": "0", "2": "1", "3": "2"}
_TABLE = KeyTable(
    "consistent Koopman autoencoder",
    [
        *weight_and_bias("{part}.fc{layer}", "{part}/layers/{layer}", LINEAR),
        Rule("dynamics.dynamics.weight", "operator/kernel", LINEAR),
        Rule("backdynamics.dynamics.weight", "backward_operator/kernel", LINEAR),
    ],
    {"layer": _LAYERS, "part": {"encoder": "encoder", "decoder": "decoder"}},
    foreign="it has three layers in encoder and decoder, and two operators.",
)
path_and_layout = _TABLE.path_and_layout
convert = _TABLE.convert
official_name = _TABLE.official_name
official_state = _TABLE.official_state
