"""Checkpoints of latent spectral models (github.com/thuml/Latent-Spectral-Models, MIT), of all three kinds.

The release saves the state dict of an irregular model without that of its coordinate network; put the latter's keys
beside the others, each with `iphi.` before it. Its normalisers are in neither, and are made anew from the data.
"""

from spectrax.importers.lsm.names import convert, official_name, official_state, path_and_layout
from spectrax.importers.lsm.outputs import outputs
from spectrax.importers.lsm.sizes import overrides

__all__ = ["UNSAID", "convert", "official_name", "official_state", "outputs", "overrides", "path_and_layout"]

UNSAID = "grid, patch and padding are right (model.grid=[...], model.patch=[...], model.padding=[...])"
