"""Checkpoints of information Koopman's networks for flows (github.com/Wenxuan52/InformationKoopman: cylinder and dam),
written from its key names. None of the released code is here.

The release saves the state dict without the operator, and that as a tensor of its own, `C_forward.pt`. Put it beside
the others as `C_forward` to have it; without it the operator is the identity until it is trained.
"""

from spectrax.importers.information_koopman.names import convert, official_name, official_state, path_and_layout
from spectrax.importers.information_koopman.outputs import outputs
from spectrax.importers.information_koopman.sizes import overrides

__all__ = ["UNSAID", "convert", "official_name", "official_state", "outputs", "overrides", "path_and_layout"]

UNSAID = "fields are square, and normalised as there"
