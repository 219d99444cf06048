"""SVT's spectral mixers: blending of the dual-tree wavelet coefficients of a map.

The low-pass map is gated elementwise (tensor blending), the complex bands pass through a small complex network
(Einstein blending), and the inverse transform returns to the map. No residual, no projection. All in float32.

Source: Patro & Agneeswaran, "Scattering Vision Transformer: Spectral Mixing Matters", NeurIPS 2023.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.complex_mixing import ChannelMixing, RowMixing
from spectrax.nn.depthwise import DepthwiseConv3x3
from spectrax.nn.gate_resizing import check_grid, resized_gate
from spectrax.ops.dual_tree import dual_tree_2d, inverse_dual_tree_2d

BLOCKS = 4  # groups of channels in Einstein blending


class ScatterChannel(nnx.Module):
    """Wavelet mixing across channels (the release's `SVT_channel_mixing`).

    Args:
        channels: a multiple of 4.
        grid: (height, width) of the map, to which the gate is tied; for maps of other sizes it is interpolated.

    Raises:
        ConfigError: when `channels` is not a multiple of 4.
    """

    def __init__(self, channels: int, grid: tuple[int, int], *, dtype: str = "float32", rngs: nnx.Rngs):
        if channels % BLOCKS:
            raise ConfigError(f"model.dims: a scatter stage needs a multiple of {BLOCKS} channels, not {channels}.")
        self.dtype = dtype
        even = tuple(side + side % 2 for side in grid)
        self.gate = nnx.Param(0.02 * jax.random.normal(rngs.params(), (*even, channels)))
        self.channel_mixing = ChannelMixing(channels, BLOCKS, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        low, (bands,) = dual_tree_2d(x)
        bands = self.channel_mixing(bands)
        gate = resized_gate(self.gate[...], low.shape[1:3])
        return inverse_dual_tree_2d(low * gate, [bands], size=x.shape[1:3]).astype(self.dtype)


class ScatterChannelToken(nnx.Module):
    """Half of the channels by depthwise convolution, half by wavelet mixing across channels and then along rows.

    The two halves are interleaved in the output: even channels from the convolution, odd ones from the wavelets (the
    release's `SVT_channel_token_mixing`).

    Args:
        channels: a multiple of 8.
        grid: (height, width) of the map, to which gate and row matrices are tied.

    Raises:
        ConfigError: when `channels` is not a multiple of 8.
    """

    def __init__(self, channels: int, grid: tuple[int, int], *, dtype: str = "float32", rngs: nnx.Rngs):
        if channels % (2 * BLOCKS):
            raise ConfigError(
                f"model.dims: a scatter stage with model.mixer=channel_token needs a multiple of {2 * BLOCKS} "
                f"channels, not {channels}."
            )
        self.dtype = dtype
        half = channels // 2
        even = tuple(side + side % 2 for side in grid)
        self.convolution = DepthwiseConv3x3(half, dtype=dtype, rngs=rngs)
        self.gate = nnx.Param(0.02 * jax.random.normal(rngs.params(), (*even, half)))
        self.channel_mixing = ChannelMixing(half, BLOCKS, rngs=rngs)
        self.row_mixing = RowMixing(even[0] // 2, even[1] // 2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape. Raises `ConfigError` for a map of another grid."""
        first, second = jnp.split(x, 2, axis=-1)
        convolved = self.convolution(first)
        low, (bands,) = dual_tree_2d(second)
        check_grid(low.shape[1:3], self.gate.shape[:2], "model.mixer=channel_token", "model.mixer=channel")
        bands = self.row_mixing(self.channel_mixing(bands))
        waved = inverse_dual_tree_2d(low * self.gate[...], [bands], size=x.shape[1:3]).astype(self.dtype)
        return jnp.stack([convolved, waved], axis=-1).reshape(x.shape)
