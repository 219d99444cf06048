"""The U-Net of Deep-Flow-Prediction, for the square sizes that Transform Once uses it at.

Seven convolutions of stride 2 go down to a map of few pixels, and seven layers up again, each beside the map of its
size on the way down. The sizes of kernels, paddings and steps are those of the released code, which has a network for
each side of the image.

Source: N. Thuerey, K. Weissenow, L. Prantl, X. Hu, "Deep learning methods for Reynolds-averaged Navier-Stokes
simulations of airfoil flows", AIAA Journal 58 (2020); sizes after github.com/DiffEqML/kairos.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn import initializers
from spectrax.nn.normalisation import BatchNorm, Scope
from spectrax.ops.matrices import product

_SLOPE = 0.2  # of the leaky rectifiers
_DOWN = (1, 2, 2, 4, 8, 8, 8)  # channels after each layer down, in those of the first
_UP = (8, 8, 4, 2, 2, 1)  # after each layer up but the last


class Down(NamedTuple):
    """A convolution of stride 2."""

    kernel: int
    padding: int


class Up(NamedTuple):
    """Bilinear interpolation to `factor` times the size, and a convolution of stride 1."""

    factor: int
    kernel: int
    padding: int


class Plan(NamedTuple):
    """What differs between the sides of the image: the last four layers down, and all of those up but the last.

    Attributes:
        beside: whether the last two layers down both start from the one before them.
    """

    down: tuple[Down, ...]
    up: tuple[Up, ...]
    beside: bool = False


_HALVE, _DOUBLE, _STAY = Down(4, 1), Up(2, 3, 1), Up(1, 3, 1)
PLANS: dict[int, Plan] = {
    24: Plan(
        (Down(2, 2), Down(2, 2), Down(2, 3), Down(3, 0)), (Up(2, 1, 1), Up(1, 2, 0), _STAY, _STAY, _DOUBLE, _DOUBLE)
    ),
    36: Plan(
        (Down(2, 2), Down(2, 2), Down(2, 2), Down(3, 0)),
        (Up(2, 1, 1), Up(1, 1, 0), _STAY, _STAY, Up(2, 2, 1), _DOUBLE),
    ),
    64: Plan(
        (_HALVE, Down(2, 2), Down(2, 2), Down(2, 0)), (Up(2, 1, 0), Up(1, 1, 0), _STAY, _DOUBLE, _DOUBLE, _DOUBLE)
    ),
    100: Plan(
        (_HALVE, _HALVE, Down(2, 1), Down(2, 1)),
        (_STAY, Up(1, 2, 1), _DOUBLE, _DOUBLE, Up(2, 2, 1), _DOUBLE),
        beside=True,
    ),
    128: Plan(
        (_HALVE, _HALVE, Down(2, 1), Down(2, 1)), (_STAY, Up(1, 2, 1), _DOUBLE, _DOUBLE, _DOUBLE, _DOUBLE), beside=True
    ),
    224: Plan(
        (_HALVE, Down(4, 0), Down(4, 0), Down(2, 0)),
        (Up(2, 1, 0), Up(3, 1, 0), Up(3, 5, 0), _DOUBLE, _DOUBLE, _DOUBLE),
    ),
    384: Plan(
        (_HALVE, Down(4, 0), Down(4, 0), Down(3, 0)),
        (Up(4, 1, 0), Up(3, 2, 0), Up(2, 1, 1), _DOUBLE, _DOUBLE, _DOUBLE),
    ),
    512: Plan(
        (_HALVE, Down(4, 0), Down(4, 0), Down(3, 0)),
        (Up(3, 1, 0), Up(3, 4, 0), Up(2, 1, 1), _DOUBLE, _DOUBLE, _DOUBLE),
    ),
}


class DFPNet(nnx.Module):
    """Images of one size -> images of the same.

    Args:
        side: of the square image, one of `PLANS`.
        in_channels: channels of the input.
        out_channels: channels of the output.
        channel_exponent: the first layer has two to this power channels, the widest eight times as many.
        batch_norm: see `spectrax.nn.normalisation.BatchNorm`.
        dtype: compute dtype of the convolutions; moments are float32.

    Raises:
        ConfigError: when there is no network for images of this side.
    """

    def __init__(
        self,
        side: int,
        in_channels: int,
        out_channels: int,
        channel_exponent: int,
        *,
        batch_norm: Scope = "global",
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        if side not in PLANS:
            raise ConfigError(f"There is no U-Net for {side} modes. Take one of: {', '.join(map(str, PLANS))}.")
        plan, first = PLANS[side], 2**channel_exponent
        self.beside, options = plan.beside, {"scope": batch_norm, "dtype": dtype, "rngs": rngs}
        widths = [in_channels, *(first * times for times in _DOWN)]
        last = len(_DOWN) - 1
        steps = (_HALVE, _HALVE, _HALVE, *plan.down)
        self.down = nnx.List(
            [
                DownBlock(widths[index], widths[index + 1], step, norm=0 < index < last, rectify=index > 0, **options)
                for index, step in enumerate(steps)
            ]
        )
        ups = [first * times for times in _UP]
        # The first starts from the smallest map; every other has that of the layer down of its size beside it.
        inputs = [widths[-1], *(up + skip for up, skip in zip(ups, widths[-2:1:-1], strict=False))]
        self.up = nnx.List(
            [UpBlock(wide, up, step, **options) for wide, up, step in zip(inputs, ups, plan.up, strict=True)]
        )
        self.last = _last(ups[-1] + widths[1], out_channels, dtype, rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, side, side, in_channels) -> (batch, side, side, out_channels) float32."""
        maps = []
        for index, block in enumerate(self.down):
            before = maps[-2] if self.beside and index == len(self.down) - 1 else maps[-1] if maps else x
            maps.append(block(before, train=train))
        y = maps.pop()
        for block in self.up:
            y = jnp.concatenate([block(y, train=train), maps.pop()], axis=-1)
        return self.last(jax.nn.relu(y)).astype(jnp.float32)


class DownBlock(nnx.Module):
    """Leaky rectifier -> convolution of stride 2 -> batch normalisation; the first and the last are optional."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        step: Down,
        *,
        norm: bool,
        rectify: bool,
        scope: Scope,
        dtype: str,
        rngs: nnx.Rngs,
    ):
        self.rectify = rectify
        self.convolution = _convolution(inputs, outputs, step.kernel, step.padding, 2, dtype, rngs)
        self.norm = BatchNorm(outputs, scope=scope, dtype=dtype) if norm else None

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, height, width, inputs) -> (batch, about half the height, and width, outputs)."""
        y = self.convolution(jax.nn.leaky_relu(x, _SLOPE) if self.rectify else x)
        return y if self.norm is None else self.norm(y, train=train)


class UpBlock(nnx.Module):
    """Rectifier -> bilinear interpolation -> convolution -> batch normalisation."""

    def __init__(self, inputs: int, outputs: int, step: Up, *, scope: Scope, dtype: str, rngs: nnx.Rngs):
        self.factor = step.factor
        self.convolution = _convolution(inputs, outputs, step.kernel, step.padding, 1, dtype, rngs)
        self.norm = BatchNorm(outputs, scope=scope, dtype=dtype)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, height, width, inputs) -> (batch, factor times the height, and width, outputs), but for borders."""
        return self.norm(self.convolution(_enlarged(jax.nn.relu(x), self.factor)), train=train)


def _convolution(
    inputs: int, outputs: int, kernel: int, padding: int, stride: int, dtype: str, rngs: nnx.Rngs
) -> nnx.Conv:
    uniform = functools.partial(initializers.uniform_fan_in, fan_in=inputs * kernel**2)
    return nnx.Conv(
        inputs, outputs, (kernel, kernel), strides=stride, padding=padding, kernel_init=uniform, bias_init=uniform,
        dtype=dtype, rngs=rngs,
    )  # fmt: skip


def _last(inputs: int, outputs: int, dtype: str, rngs: nnx.Rngs) -> nnx.ConvTranspose:
    """PyTorch's transposed convolution of kernel 4, stride 2 and padding 1, which doubles a size."""
    uniform = functools.partial(initializers.uniform_fan_in, fan_in=outputs * 4**2)  # as it counts for transposed ones
    return nnx.ConvTranspose(
        inputs, outputs, (4, 4), strides=(2, 2), padding=((2, 2), (2, 2)), kernel_init=uniform, bias_init=uniform,
        dtype=dtype, rngs=rngs,
    )  # fmt: skip


def _enlarged(x: jax.Array, factor: int) -> jax.Array:
    """Bilinear interpolation at the centres of smaller pixels, constant beyond the outermost centres."""
    for axis in (1, 2) if factor > 1 else ():
        x = product(x, _interpolation(x.shape[axis], factor), axis)
    return x


@functools.cache
def _interpolation(size: int, factor: int) -> np.ndarray:
    """(factor * size, size)."""
    at = np.clip((np.arange(factor * size) + 0.5) / factor - 0.5, 0, size - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(size)), 0)
