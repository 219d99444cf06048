"""SVT's released checkpoints (github.com/badripatro/svt), written from the published key names.

The release has no licence, and none of its code is here.
"""

from spectrax.importers.svt.names import convert, official_name, official_state, path_and_layout
from spectrax.importers.svt.outputs import outputs
from spectrax.importers.svt.sizes import overrides

__all__ = ["UNSAID", "convert", "official_name", "official_state", "outputs", "overrides", "path_and_layout"]

UNSAID = "the heads are right (model.num_heads=[...])"
