"""Real wavelet gating: every coefficient of an orthogonal wavelet transform times a learned number.

The "WGN" (wavelet gating network) of SVT's ablation table is named there, with neither wavelet nor gate described.
Here: one level of Daubechies' wavelet with four taps, and an elementwise gate on all four bands. The table's 21.59 M
parameters are fewer than the 22,176,752 of SVT-H-S with this layer (token head included): its gate was another.
"""

import jax
from flax import nnx

from spectrax.nn.gate_resizing import check_grid
from spectrax.ops.wavelet import Family, inverse_wavelet_2d, wavelet_2d

_SCALE = 0.02  # of every initial weight


class WaveletGate(nnx.Module):
    """`inverse_wavelet_2d(gate * wavelet_2d(x))`, in float32.

    Args:
        channels: of the map.
        grid: (height, width) of the map, to which the gate is tied.
        family: of the wavelet.
        dtype: of the output.
    """

    def __init__(
        self, channels: int, grid: tuple[int, int], *, family: Family = "db2", dtype: str = "float32", rngs: nnx.Rngs
    ):
        self.grid, self.family, self.dtype = tuple(grid), family, dtype
        even = tuple(side + side % 2 for side in grid)
        self.gate = nnx.Param(_SCALE * jax.random.normal(rngs.params(), (*even, channels)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape. Raises `ConfigError` for a map of another grid."""
        check_grid(x.shape[1:3], self.grid, "model.spectral_layer=wavelet", "model.spectral_layer=fno")
        bands = wavelet_2d(x, self.family) * self.gate[...]
        return inverse_wavelet_2d(bands, self.family, size=x.shape[1:3]).astype(self.dtype)
