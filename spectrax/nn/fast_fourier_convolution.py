"""Fast Fourier convolution: half of the channels see their neighbours, the other half the whole map by its spectrum.

Source: L. Chi, B. Jiang, Y. Mu, "Fast Fourier convolution", NeurIPS 2020: four paths between a local and a global half,
three of them 3x3 convolutions, the fourth the spectral transform. Our choices: both halves are equal, as in the
source's ResNets; its second, "local" Fourier unit over quarters of the map is left out; and there is no BatchNorm,
since blocks of this skeleton normalise what they give to their mixer (a LayerNorm within would make all frequencies
equally strong).

SVT-H-S has 21,737,456 parameters with this layer (token head included); SVT's ablation table says 21.53 M and 0.6 G
multiply-adds more than with the other layers.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn import initializers
from spectrax.ops import fourier

_pointwise = nnx.initializers.he_normal()  # of convolutions of one position


class FastFourierConvolution(nnx.Module):
    """The local and the global half of a map (the first and the second half of its channels), each from both.

    Args:
        channels: a multiple of 4.
        dtype: compute dtype of the convolutions; the spectrum is float32.

    Raises:
        ConfigError: when `channels` is not a multiple of 4.
    """

    def __init__(self, channels: int, *, dtype: str = "float32", rngs: nnx.Rngs):
        if channels % 4:
            raise ConfigError(
                f"model.dims: a stage with model.spectral_layer=ffc needs a multiple of 4 channels, not {channels}."
            )
        half = channels // 2
        self.local_to_local = _convolution(half, dtype=dtype, rngs=rngs)
        self.local_to_global = _convolution(half, dtype=dtype, rngs=rngs)
        self.global_to_local = _convolution(half, dtype=dtype, rngs=rngs)
        self.global_to_global = SpectralTransform(half, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        near, far = jnp.split(x, 2, axis=-1)
        local = self.local_to_local(near) + self.global_to_local(far)
        whole = self.local_to_global(near) + self.global_to_global(far)
        return jnp.concatenate([local, whole], axis=-1)


class SpectralTransform(nnx.Module):
    """Half as many channels, a Fourier unit with a residual around it, and all channels again."""

    def __init__(self, channels: int, *, dtype: str, rngs: nnx.Rngs):
        options = {"use_bias": False, "dtype": dtype, "kernel_init": _pointwise, "rngs": rngs}
        self.reduce = nnx.Linear(channels, channels // 2, **options)
        self.fourier_unit = FourierUnit(channels // 2, rngs=rngs)
        self.expand = nnx.Linear(channels // 2, channels, **options)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        x = jax.nn.relu(self.reduce(x))
        return self.expand(x + self.fourier_unit(x).astype(x.dtype))


class FourierUnit(nnx.Module):
    """One linear map and a ReLU on the real and imaginary parts of all channels at a frequency, in float32.

    As in the source the map is real, over twice the channels: more than a complex matrix, which would tie its parts.
    """

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.mixing = nnx.Linear(
            2 * channels,
            2 * channels,
            use_bias=False,
            kernel_init=_pointwise,
            precision=jax.lax.Precision.HIGHEST,
            rngs=rngs,
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape, float32."""
        spectrum = fourier.rfft2(x, norm="ortho")
        parts = jax.nn.relu(self.mixing(jnp.concatenate([spectrum.real, spectrum.imag], axis=-1)))
        spectrum = jax.lax.complex(*jnp.split(parts, 2, axis=-1))
        return fourier.irfft2(spectrum, s=x.shape[1:3], norm="ortho")


def _convolution(channels: int, *, dtype: str, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(
        channels,
        channels,
        (3, 3),
        padding=1,
        use_bias=False,
        dtype=dtype,
        kernel_init=initializers.convolution,
        rngs=rngs,
    )
