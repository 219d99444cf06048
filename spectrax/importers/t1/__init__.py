"""Checkpoints of T1 and T1U by the released code (github.com/DiffEqML/kairos), written from its key names.

The two are told apart by their keys. None of the released code is here.
"""

from spectrax.importers.t1.names import convert, official_name, official_state, path_and_layout
from spectrax.importers.t1.outputs import outputs
from spectrax.importers.t1.sizes import overrides

__all__ = ["UNSAID", "convert", "official_name", "official_state", "outputs", "overrides", "path_and_layout"]

UNSAID = "activation and residual are right (model.activation=sin, model.residual=false)"
