"""A U-Net between fields on a grid: latent spectral models without their blocks, to compare them with.

Source: O. Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015, with the
skeleton of the released code of H. Wu et al., "Solving high-dimensional PDEs with latent spectral models", ICML 2023.
"""

from collections.abc import Sequence
from typing import Literal

import jax
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.field_ends import Projection, cropped, padded_at_end, with_coordinates
from spectrax.nn.linear import uniform_linear
from spectrax.nn.normalisation import Scope
from spectrax.nn.unet_blocks import UNetBackbone, level_sizes


class UNet(nnx.Module):
    """Coordinates beside the field, a linear layer, five levels of convolutions, and a network at each point.

    Args:
        grid: sizes of the field's two or three axes; other sizes may be given later.
        in_channels, out_channels: of the fields.
        channels: of the first level; the others have 2, 4, 8 and 8 times as many.
        padding: zeros behind each axis of space, taken off again at the end; null: none.
        hidden: channels of the last network.
        batch_norm: "global" normalises by the whole batch, "device" by each device's part of it.
        dtype: compute dtype; parameters and moments are float32.

    Raises:
        ConfigError: when sizes do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        grid: Sequence[int],
        in_channels: int,
        out_channels: int,
        channels: int,
        padding: Sequence[int] | None = None,
        hidden: int = 128,
        batch_norm: Scope = "global",
        dtype: Literal["float32", "bfloat16"] = "float32",
        rngs: nnx.Rngs,
    ):
        dimensions = check_dimensions(grid, padding=padding)
        self.padding = (0,) * dimensions if padding is None else tuple(padding)
        level_sizes([size + more for size, more in zip(grid, self.padding, strict=True)])
        self.lift = uniform_linear(in_channels + dimensions, channels, dtype=dtype, rngs=rngs)
        self.backbone = UNetBackbone(channels, dimensions, scope=batch_norm, dtype=dtype, rngs=rngs)
        self.projection = Projection(channels, hidden, out_channels, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool, key: jax.Array | None = None) -> jax.Array:
        """(batch, *space, in_channels) -> (batch, *space, out_channels) float32."""
        padded = padded_at_end(self.lift(with_coordinates(x)), self.padding)
        return self.projection(cropped(self.backbone(padded, train=train), x.shape[1:-1]))


def check_dimensions(grid: Sequence[int], **others: Sequence[int] | None) -> int:
    """How many axes the grid has. Raises `ConfigError` when it is not two or three, or another key has not as many."""
    if len(grid) not in (2, 3):
        raise ConfigError(f"model.grid={list(grid)} must have two or three axes.")
    for name, sizes in others.items():
        if sizes is not None and (len(sizes) != len(grid) or min(sizes) < 0):
            raise ConfigError(
                f"model.{name}={list(sizes)} must hold a number from 0 for each axis of model.grid={list(grid)}."
            )
    return len(grid)
