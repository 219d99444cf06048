"""T1U: Transform Once with a U-Net on the lowest cosine coefficients, looked at as an image.

Source: as `spectrax.models.t1`. The released network cannot return a field (it names a variable that is not there);
here it can, and its inputs need not be square.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.models.dfp_net import DFPNet
from spectrax.models.t1 import grid_pair
from spectrax.nn.cosine_grid import COORDINATES, CosineGrid, CosineLift, Output, check_output
from spectrax.nn.mode_mixing import Activation, ModeMixing, WeightInit
from spectrax.nn.normalisation import Scope


class T1U(nnx.Module):
    """Maps fields to fields, or to their cosine coefficients.

    Args:
        grid: (height, width) of the fields in training.
        in_channels: channels of the input.
        out_channels: channels of the output.
        modes: how many coefficients are kept along each axis, one of `spectrax.models.dfp_net.PLANS`.
        channel_exponent: the U-Net's first layer has two to this power channels.
        operator_layer: whether a layer of `spectrax.models.t1.T1` comes before the U-Net.
        activation: "sin" or "gelu", of that layer.
        residual: whether that layer adds its input.
        weight_init: of that layer; in the released code 2 always, whatever it is given.
        output: as in `T1`.
        invariant: as in `T1`.
        batch_norm: see `spectrax.nn.normalisation.BatchNorm`.
        dtype: compute dtype of products and convolutions; transforms, sums and moments are float32.

    Raises:
        ConfigError: when there is no U-Net for these modes, or a word is not one of those, naming the key.
    """

    def __init__(
        self,
        *,
        grid: Sequence[int],
        in_channels: int,
        out_channels: int,
        modes: int,
        channel_exponent: int,
        operator_layer: bool = True,
        activation: Activation = "gelu",
        residual: bool = True,
        weight_init: WeightInit = 2,
        output: Output = "spectrum",
        invariant: bool = True,
        batch_norm: Scope = "global",
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        check_output(output)
        self.output = output
        size, width = grid_pair(grid), in_channels + COORDINATES
        self.grid = CosineGrid(size, (modes, modes), invariant=invariant)
        self.lift = CosineLift(in_channels, width, self.grid, rngs=rngs)
        options = {"activation": activation, "residual": residual, "resolution": size, "depth": 1, "dtype": dtype}
        make = functools.partial(ModeMixing, width, (modes, modes), weight_init=weight_init, **options)
        self.operator = nnx.List([make(rngs=rngs)] if operator_layer else [])
        options = {"batch_norm": batch_norm, "dtype": dtype, "rngs": rngs}
        self.network = DFPNet(modes, width, out_channels, channel_exponent, **options)

    def __call__(self, x: jax.Array, *, train: bool = False, key: jax.Array | None = None) -> jax.Array:
        """(batch, height, width, in_channels) -> (batch, height, width, out_channels) float32, of any size."""
        del key  # nothing is drawn
        z = self.lift(x)
        for layer in self.operator:
            z = layer(z)
        y = self.network(jnp.transpose(z, (3, 1, 2, 0)), train=train)
        return self.grid.synthesise(jnp.transpose(y, (3, 1, 2, 0)), x.shape[1:3], self.output)
