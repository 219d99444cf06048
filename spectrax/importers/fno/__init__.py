"""Checkpoints of Fourier neural operators of three kinds, which are told apart by their keys.

* `fno_classic`: the original scripts' and H. Wu et al.'s (github.com/thuml/Latent-Spectral-Models, MIT) in 1, 2 and 3
  dimensions. The 3-D models hold batch norms that they never apply: they are left out, and made anew on the way back.
* `fno_geo`: Wu et al.'s on clouds of points. The release saves its state dict without that of the coordinate network;
  put the latter's keys beside the others, each with `iphi.` before it.
* `fno_neuralop`: the library's (github.com/neuraloperator/neuraloperator, MIT), with dense weights.

Normalisers of data are in none of them.
"""

from spectrax.importers.fno.names import convert, official_name, official_state
from spectrax.importers.fno.outputs import outputs
from spectrax.importers.fno.sizes import overrides

__all__ = ["UNSAID", "convert", "official_name", "official_state", "outputs", "overrides"]

UNSAID = "grid and padding are right (model.grid=[...], model.padding=[...])"
