"""The global filter: every frequency of every channel times a learned complex number.

Source: Rao et al., "Global filter networks for image classification", NeurIPS 2021; no transform mixes channels, and a
filter is as large as the map.

The "FN" of SVT's ablation table is not described further. Its 21.17 M parameters are those of the SVT-H-S skeleton with
token head and nothing that is learned in the scatter stages (21,173,232), as if its transform were FNet's without
weights; with this filter there are 22,226,928.
"""

import jax
from flax import nnx

from spectrax.nn.gate_resizing import check_grid
from spectrax.ops import fourier

_SCALE = 0.02  # of every initial weight, as in the source


class FourierGate(nnx.Module):
    """`irfft2(weight * rfft2(x))`, in float32.

    Args:
        channels: of the map.
        grid: (height, width) of the map, to which the filter is tied.
        dtype: of the output.
    """

    def __init__(self, channels: int, grid: tuple[int, int], *, dtype: str = "float32", rngs: nnx.Rngs):
        self.grid, self.dtype = tuple(grid), dtype
        height, width = grid
        shape = (height, width // 2 + 1, channels, 2)
        self.weight = nnx.Param(_SCALE * jax.random.normal(rngs.params(), shape))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape. Raises `ConfigError` for a map of another grid."""
        check_grid(x.shape[1:3], self.grid, "model.spectral_layer=fourier", "model.spectral_layer=fno")
        spectrum = fourier.rfft2(x, norm="ortho")
        spectrum = spectrum * jax.lax.complex(self.weight[..., 0], self.weight[..., 1])
        return fourier.irfft2(spectrum, s=x.shape[1:3], norm="ortho").astype(self.dtype)
