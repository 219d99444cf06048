"""Checkpoints of consistent Koopman autoencoders by the released code (github.com/erichson/koopmanAE), written from its
key names. None of the released code is here.
"""

from spectrax.importers.consistent_koopman.names import convert, official_name, official_state, path_and_layout
from spectrax.importers.consistent_koopman.outputs import outputs
from spectrax.importers.consistent_koopman.sizes import overrides

__all__ = ["UNSAID", "convert", "official_name", "official_state", "outputs", "overrides", "path_and_layout"]

UNSAID = "states are flattened as there (row by row), and within [-1, 1]"
