"""The way from fields to the cosine coefficients on which a network acts, and back, at any resolution.

The transform is the orthonormal one of type II, so that sums of squares are those of the field. The coefficients of a
field sampled at the centres of finer cells are those of the coarser ones times the root of the ratio of the numbers of
samples, as far as the coarser grid resolves it. So the coefficients of another resolution are brought to the scale of
training before the network sees them, and its results back to their own: what the network computes depends on the field
and not on its samples. (Samples at j / n, as of periodic data, are the centres of cells that begin half a cell earlier:
there a grid of another size shifts the field by half the difference of the cells, which no scale undoes.)
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn import initializers
from spectrax.nn.mode_mixing import left_product
from spectrax.ops import cosine, truncated
from spectrax.ops.choices import check_choice
from spectrax.ops.cosine_matrices import transform_matrix

Output = Literal["field", "spectrum"]
OUTPUTS: tuple[Output, ...] = ("field", "spectrum")
COORDINATES = 2  # channels that say where a sample lies


@dataclasses.dataclass(frozen=True)
class CosineGrid:
    """A grid of training, and how fields of this or another size are transformed.

    Attributes:
        size: (height, width) of the fields in training.
        modes: (rows, columns) of the coefficients that are kept; None: all.
        padding: zeros appended at the end of both axes, in samples of the training's grid.
        crop: whether the padding is taken off fields again.
        invariant: whether fields of another size have their coefficients scaled to those of training; the released code
            takes them as they come, with coordinates from 0 to 1 over their own samples.

    Raises:
        ConfigError: when the grid has fewer modes than are to be kept.
    """

    size: tuple[int, int]
    modes: tuple[int, int] | None
    padding: int = 0
    crop: bool = False
    invariant: bool = True

    def __post_init__(self):
        if self.padding < 0:
            raise ConfigError(f"model.padding={self.padding} should be 0 or more samples.")
        if self.modes is not None:
            self._check_modes(self.size)

    def analyse(self, x: jax.Array) -> jax.Array:
        """Fields (batch, height, width, channels) -> coefficients (channels, rows, columns, batch) float32.

        Raises:
            ConfigError: when the fields have too few samples, or the padding is no whole number of theirs.
        """
        size = x.shape[1:3]
        padded = self.padded(size)
        if self.modes is not None:
            self._check_modes(size)
        x = jnp.pad(x, [(0, 0), *[(0, whole - part) for whole, part in zip(padded, size, strict=True)], (0, 0)])
        z = truncated.dctn(x, self.modes, norm="ortho") if self.modes else cosine.dctn(x, 2, norm="ortho")
        return jnp.transpose(z, (3, 1, 2, 0)) / self._scale(size)

    def synthesise(self, z: jax.Array, size: Sequence[int], output: Output) -> jax.Array:
        """Coefficients (channels, rows, columns, batch) of the network -> (batch, height, width, channels).

        Args:
            size: of the fields that were analysed.
            output: "field", or "spectrum": the coefficients, zero beyond those that `z` holds.
        """
        padded = self.padded(size)
        z = jnp.transpose(z * self._scale(size), (3, 1, 2, 0))
        if output == "field":
            x = truncated.idctn(z, padded, norm="ortho") if self.modes else cosine.idctn(z, 2, norm="ortho")
            return x[:, : size[0], : size[1]] if self.crop else x
        beyond = [(0, whole - part) for whole, part in zip(padded, z.shape[1:3], strict=True)]
        return jnp.pad(z, [(0, 0), *beyond, (0, 0)])

    def padded(self, size: Sequence[int]) -> tuple[int, int]:
        """The size of a field with its padding: as large a part of it as in training."""
        if not self.padding or not self.invariant:
            return tuple(samples + self.padding for samples in size)
        found = [samples * (own + self.padding) / own for samples, own in zip(size, self.size, strict=True)]
        if any(one % 1 for one in found):
            raise ConfigError(
                f"model.padding={self.padding} of a grid {list(self.size)} is no whole number of samples of one "
                f"{list(size)}. Take fields of another size, or set model.invariant=false."
            )
        return tuple(map(int, found))

    def constants(self, size: Sequence[int], kept: Sequence[int]) -> np.ndarray:
        """Coefficients of the two coordinates, which go from 0 to 1 along either axis, and of one: (3, rows, columns).

        Invariant ones are those of training at every size.
        """
        size = self.size if self.invariant else size
        count = [min(whole, rows) for whole, rows in zip(self.padded(size), kept, strict=True)]
        return np.pad(_constants(tuple(size), self.padded(size), tuple(count)), _beyond(count, kept))

    def _scale(self, size: Sequence[int]) -> float:
        """Coefficients of a field of this size over those of training."""
        return math.sqrt(math.prod(size) / math.prod(self.size)) if self.invariant else 1.0

    def _check_modes(self, size: Sequence[int]) -> None:
        if not all(1 <= kept <= samples for kept, samples in zip(self.modes, self.padded(size), strict=True)):
            raise ConfigError(
                f"model.modes={list(self.modes)} cannot be kept of a field of {list(size)} samples: 1 to as many as "
                "there are samples."
            )


class CosineLift(nnx.Module):
    """A linear layer on a field's channels and its samples' coordinates, seen in the frequency domain.

    Both are linear, and the coefficients of coordinates and bias are constants, so only the field's own few channels
    are transformed. In the released code the layer comes first, and all of its outputs are.

    Args:
        in_channels: channels of the field.
        width: channels of the coefficients.
        grid: how fields are transformed.
    """

    def __init__(self, in_channels: int, width: int, grid: CosineGrid, *, rngs: nnx.Rngs):
        inputs = in_channels + COORDINATES
        uniform = functools.partial(initializers.uniform_fan_in, fan_in=inputs)
        self.grid = grid
        self.kernel = nnx.Param(uniform(rngs.params(), (width, inputs)))
        self.bias = nnx.Param(uniform(rngs.params(), (width,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Fields (batch, height, width, channels) -> coefficients (width, rows, columns, batch) float32."""
        channels = x.shape[-1]
        z = self.grid.analyse(x)
        constants = jnp.asarray(self.grid.constants(x.shape[1:3], z.shape[1:3]), jnp.float32)
        kernel = self.kernel[...]
        of_constants = jnp.concatenate([kernel[:, channels:], self.bias[...][:, None]], axis=1)
        exact = jax.lax.Precision.HIGHEST
        fixed = jnp.einsum("oi,ixy->oxy", of_constants, constants, precision=exact)
        return left_product(kernel[:, :channels], z) + fixed[..., None]


def check_output(output: Output) -> None:
    """Raise `ConfigError` when it is none of the two."""
    check_choice("model.output", output, OUTPUTS)


@functools.lru_cache(maxsize=16)
def _constants(size: tuple[int, int], padded: tuple[int, int], kept: tuple[int, int]) -> np.ndarray:
    analyses = [
        transform_matrix(whole, "cosine", 2, "ortho", rows=rows)[:, :samples]
        for samples, whole, rows in zip(size, padded, kept, strict=True)
    ]
    lines = [matrix @ np.linspace(0, 1, samples) for matrix, samples in zip(analyses, size, strict=True)]
    ones = [matrix.sum(1) for matrix in analyses]
    return np.stack([np.outer(lines[0], ones[1]), np.outer(ones[0], lines[1]), np.outer(ones[0], ones[1])])


def _beyond(count: Sequence[int], kept: Sequence[int]) -> list[tuple[int, int]]:
    return [(0, 0), *[(0, rows - held) for held, rows in zip(count, kept, strict=True)]]
