"""The Fourier neural operator's spectral convolution: at each of the lowest frequencies a complex matrix over channels.

Source: Z. Li et al., "Fourier neural operator for parametric partial differential equations", ICLR 2021. Of its layer
`activation(W x + K x)` this is `K`: what bypasses it is the residual connection around the mixer. Our choices: four
modes of each sign, and matrices of four blocks (as in AFNO, Guibas et al., ICLR 2022, and in SVT's own mixing).

The "FNO" of SVT's ablation table is not described further; its 21.33 M parameters are the skeleton's 21.17 M and one
complex matrix per layer (21,328,880 in all) rather than one for each mode. With this layer there are 22,418,416.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.ops import truncated

BLOCKS = 4  # groups of channels
MODES = 4  # of each sign along an axis
_SCALE = 0.02  # of every initial weight


class FourierOperatorGate(nnx.Module):
    """Per-mode complex mixing of channels on the lowest modes, in float32; all other frequencies are dropped.

    Args:
        channels: a multiple of 4.
        grid: (height, width) of the map, which bounds the number of modes; weights are tied to modes, not to the grid.
        dtype: of the output.

    Raises:
        ConfigError: when `channels` is not a multiple of 4, or the map is one row.
    """

    def __init__(self, channels: int, grid: tuple[int, int], *, dtype: str = "float32", rngs: nnx.Rngs):
        if channels % BLOCKS:
            raise ConfigError(
                f"model.dims: a stage with model.spectral_layer=fno needs a multiple of {BLOCKS} channels, not "
                f"{channels}."
            )
        if grid[0] < 2:
            raise ConfigError("model.scatter_stages: a map of one row has no frequencies for model.spectral_layer=fno.")
        self.dtype = dtype
        self.modes = min(MODES, grid[0] // 2), min(MODES, grid[1] // 2 + 1)
        block = channels // BLOCKS
        shape = (2 * self.modes[0], self.modes[1], BLOCKS, block, block, 2)
        self.weight = nnx.Param(_SCALE * jax.random.normal(rngs.params(), shape))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        spectrum = truncated.rfftn(x, self.modes, norm="ortho")
        weight = jax.lax.complex(self.weight[..., 0], self.weight[..., 1])
        groups = jnp.split(spectrum, BLOCKS, axis=-1)
        mixed = [
            jnp.einsum("bhwi,hwio->bhwo", group, weight[:, :, block], precision=jax.lax.Precision.HIGHEST)
            for block, group in enumerate(groups)
        ]
        field = truncated.irfftn(jnp.concatenate(mixed, axis=-1), x.shape[1:3], norm="ortho")
        return field.astype(self.dtype)
