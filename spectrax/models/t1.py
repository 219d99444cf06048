"""Transform Once in two dimensions: one cosine transform, layers that act on its lowest coefficients, and a head.

Source: M. Poli, S. Massaroli, F. Berto, J. Park, T. Dao, C. Re, S. Ermon, "Transform Once: efficient operator learning
in frequency domain", NeurIPS 2022, and the code released with it (github.com/DiffEqML/kairos), whose choices are the
defaults here. In training targets are transformed and compared with the coefficients, and no inverse is computed.

In the released code the spectrum is of the field's size throughout, though layers act on its lowest part alone and the
head takes zeros to zeros. Here only that part exists, and costs do not depend on the field's size.
"""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.cosine_grid import CosineGrid, CosineLift, Output, check_output
from spectrax.nn.mode_mixing import Activation, ModeMixing, WeightInit, left_product
from spectrax.nn.sine import sine
from spectrax.ops.choices import check_choice

KeepHigh = Literal["none", "released", "all"]


class T1(nnx.Module):
    """Maps fields to fields, or to their cosine coefficients.

    Args:
        grid: (height, width) of the fields in training.
        in_channels: channels of the input.
        out_channels: channels of the output.
        modes: how many coefficients are kept along (height, width); one number for both, as in the released code, which
            takes two and heeds the first.
        width: channels in between.
        depth: layers.
        padding: zeros appended at the end of both axes.
        crop: whether they are taken off an output that is a field; the released code leaves them, and no target fits.
        activation: "sin" or "gelu", of the layers. The head's is always the sine.
        residual: whether layers add their input.
        keep_high: what of the input's coefficients beyond the modes goes on to the head: "none"; "all"; or "released",
            all but the last `modes` rows where the columns are below the modes, as that code's slices have it.
        output: "field"; or "spectrum", its coefficients, orthonormal and of type II, zero beyond the modes: both
            (batch, height, width, out_channels).
        weight_init: of the mixing across channels, see `spectrax.nn.mode_mixing.channel_scale`.
        first_layer_init_only: whether `weight_init` is for the first layer, and the others have formula 4.
        head: channels between the head's two products.
        head_scale: standard deviation of the head's initial weights. At 1e-8, as released, the first outputs are some
            1e-12, and Adam needs an epsilon no larger than its usual 1e-8 to get away from there.
        invariant: whether fields of another size than `grid` are brought to its scale, see `spectrax.nn.cosine_grid`.
        dtype: compute dtype of the layers' and the head's products; transforms and sums are float32.

    Raises:
        ConfigError: when sizes do not fit together or a word is not one of those, naming the key.
    """

    def __init__(
        self,
        *,
        grid: Sequence[int],
        in_channels: int,
        out_channels: int,
        modes: int | Sequence[int],
        width: int,
        depth: int,
        padding: int = 0,
        crop: bool = False,
        activation: Activation = "gelu",
        residual: bool = True,
        keep_high: KeepHigh = "none",
        output: Output = "spectrum",
        weight_init: WeightInit = 2,
        first_layer_init_only: bool = False,
        head: int = 128,
        head_scale: float = 1e-8,
        invariant: bool = True,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        check_choice("model.keep_high", keep_high, ("none", "released", "all"))
        check_output(output)
        self.modes, self.keep_high, self.output, self.dtype = mode_pair(modes), keep_high, output, dtype
        size = grid_pair(grid)
        CosineGrid(size, self.modes, padding)  # refuses modes that the grid does not have
        self.grid = CosineGrid(size, self.modes if keep_high == "none" else None, padding, crop, invariant)
        self.lift = CosineLift(in_channels, width, self.grid, rngs=rngs)
        options = {"activation": activation, "residual": residual, "resolution": size, "depth": depth, "dtype": dtype}
        inits = [4 if first_layer_init_only and index else weight_init for index in range(depth)]
        self.layers = nnx.List(
            [ModeMixing(width, self.modes, weight_init=init, **options, rngs=rngs) for init in inits]
        )
        self.expand = nnx.Param(head_scale * jax.random.normal(rngs.params(), (head, width)))
        self.contract = nnx.Param(head_scale * jax.random.normal(rngs.params(), (out_channels, head)))

    def __call__(self, x: jax.Array, *, train: bool = False, key: jax.Array | None = None) -> jax.Array:
        """(batch, height, width, in_channels) -> (batch, height, width, out_channels) float32, of any size."""
        del train, key  # the same in training, and nothing is drawn
        whole = self.lift(x)
        rows, columns = self.modes
        z = whole[:, :rows, :columns]
        for layer in self.layers:
            z = layer(z)
        if self.keep_high != "none":
            z = self._with_high(z, whole)
        hidden = sine(left_product(self._cast(self.expand), z.astype(self.dtype)))
        y = left_product(self._cast(self.contract), hidden.astype(self.dtype))
        return self.grid.synthesise(y, x.shape[1:3], self.output)

    def _cast(self, parameter: nnx.Param) -> jax.Array:
        return parameter[...].astype(self.dtype)

    def _with_high(self, z: jax.Array, whole: jax.Array) -> jax.Array:
        """The mixed coefficients inside those that no layer touched."""
        rows, columns = self.modes
        below = whole[:, rows:, :columns]
        if self.keep_high == "released":
            height = whole.shape[1]
            last = max(height - rows, rows)
            lost = jnp.zeros_like(whole[:, last:, :columns])
            below = jnp.concatenate([whole[:, rows:last, :columns], lost], axis=1)
        left = jnp.concatenate([z, below], axis=1)
        return jnp.concatenate([left, whole[:, :, columns:]], axis=2)


def mode_pair(modes: int | Sequence[int]) -> tuple[int, int]:
    """Modes of (height, width). Raises `ConfigError` for anything but one or two numbers."""
    pair = (modes, modes) if isinstance(modes, int) else tuple(modes)
    if len(pair) != 2:
        raise ConfigError(f"model.modes={list(pair)} should be one number, or one for each of the two axes.")
    return pair


def grid_pair(grid: Sequence[int]) -> tuple[int, int]:
    """Size of the fields. Raises `ConfigError` when they have not two axes."""
    if len(grid) != 2:
        raise ConfigError(f"model.grid={list(grid)}: Transform Once is for fields with two axes.")
    return tuple(grid)
