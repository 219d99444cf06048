"""What the scatter stages of SVT mix by: its own wavelet mixers, or a peer of the paper's ablation in their place."""

from typing import Literal

from flax import nnx

from spectrax.nn.fast_fourier_convolution import FastFourierConvolution
from spectrax.nn.fourier_gate import FourierGate
from spectrax.nn.fourier_operator_gate import FourierOperatorGate
from spectrax.nn.scattering import ScatterChannel, ScatterChannelToken
from spectrax.nn.wavelet_gate import WaveletGate
from spectrax.ops.choices import check_choice

SpectralLayer = Literal["dtcwt", "fourier", "fno", "wavelet", "ffc", "attention"]
Mixer = Literal["channel", "channel_token"]
_SCATTER = {"channel": ScatterChannel, "channel_token": ScatterChannelToken}
_GATES = {"fourier": FourierGate, "fno": FourierOperatorGate, "wavelet": WaveletGate}


def spectral_mixer(
    layer: SpectralLayer, mixer: Mixer, channels: int, grid: tuple[int, int], *, dtype: str, rngs: nnx.Rngs
) -> nnx.Module:
    """A mixer (batch, height, width, channels) -> the same shape, for maps of size `grid`; attention is the model's.

    Args:
        mixer: the kind of wavelet mixing of "dtcwt"; the other layers have one kind.

    Raises:
        ConfigError: for a name that is not known, or channels that do not divide into groups.
    """
    check_choice("model.spectral_layer", layer, ("dtcwt", *_GATES, "ffc", "attention"))
    if layer == "ffc":
        return FastFourierConvolution(channels, dtype=dtype, rngs=rngs)
    check_choice("model.mixer", mixer, _SCATTER)
    make = _SCATTER[mixer] if layer == "dtcwt" else _GATES[layer]
    return make(channels, grid, dtype=dtype, rngs=rngs)
