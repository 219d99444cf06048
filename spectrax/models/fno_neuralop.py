"""The Fourier neural operator of the library neuralop as it is today: another network than the paper's `fno_classic`.

Source: J. Kossaifi et al., "A library for learning neural operators", 2024, and its code of June 2026. What it has
besides and is not here: factorised and separable weights, complex data, adaptive and batch norm, preactivation, local
convolutions as a skip, changes of resolution inside the network, fewer modes than weights.
"""

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.field_ends import Projection, with_coordinates
from spectrax.nn.gelu import gelu
from spectrax.nn.group_norm import GroupNorm
from spectrax.nn.linear import uniform_linear
from spectrax.nn.spectral_convolution import SpectralConvolution, centred, complex_normal
from spectrax.ops.choices import check_choice

Skip = Literal["linear", "soft-gating", "identity", "none"]
_SKIPS = ("linear", "soft-gating", "identity", "none")
Norm = Literal["none", "group_norm", "instance_norm"]
_NORMS = ("none", "group_norm", "instance_norm")


class NeuralopFNO(nnx.Module):
    """Coordinates appended, a network of two layers at every point, blocks, and again two layers at every point.

    Any grid is taken; on one with fewer modes than are kept the library's share of the weights is used.

    Args:
        grid: sizes of the training grid, of which only their number counts.
        in_channels, out_channels: of the fields, without coordinates.
        hidden_channels: of every block.
        modes: for each axis how many in all are kept, of both signs, of an even number one more below zero; of the
            last axis n // 2 + 1, since its negative ones follow. One number: for all axes.
        layers: blocks.
        lifting_ratio, projection_ratio: channels inside the first and the last network over `hidden_channels`.
        coordinates: append each axis's coordinate i / n.
        channel_mlp: each block has a network at every point, `channel_mlp_expansion` times as wide inside.
        fno_skip, channel_mlp_skip: what goes around the convolution, and around convolution and network: a linear layer
            without bias, a factor for each channel, the input itself, or nothing.
        norm: after the convolution, and after the network and its skip.
        norm_groups: of the group norm.
        domain_padding: zeros on both sides of each axis, as a share of its size; one number or one for each axis.
        dtype: compute dtype; parameters, norms and transforms are float32.

    Raises:
        ConfigError: when sizes do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        grid: Sequence[int],
        in_channels: int,
        out_channels: int,
        hidden_channels: int,
        modes: int | Sequence[int],
        layers: int = 4,
        lifting_ratio: float = 2,
        projection_ratio: float = 2,
        coordinates: bool = True,
        channel_mlp: bool = True,
        channel_mlp_expansion: float = 0.5,
        fno_skip: Skip = "linear",
        channel_mlp_skip: Skip = "soft-gating",
        norm: Norm = "none",
        norm_groups: int = 1,
        domain_padding: float | Sequence[float] = 0.0,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        self.axes, self.coordinates, self.dtype = len(grid), coordinates, dtype
        modes = (modes,) * self.axes if isinstance(modes, int) else tuple(modes)
        shares = (domain_padding,) * self.axes if isinstance(domain_padding, int | float) else tuple(domain_padding)
        for name, values in {"modes": modes, "domain_padding": shares}.items():
            if len(values) != self.axes:
                raise ConfigError(f"model.{name}={list(values)} for {self.axes} axes: give one number or one for each.")
        self.domain_padding = shares
        options: dict[str, Any] = {"dtype": dtype, "rngs": rngs}
        seen = in_channels + (self.axes if coordinates else 0)
        self.lifting = Projection(seen, int(lifting_ratio * hidden_channels), hidden_channels, **options)
        inside = round(channel_mlp_expansion * hidden_channels) if channel_mlp else 0
        self.blocks = nnx.List(
            [
                Block(hidden_channels, modes, inside, fno_skip, channel_mlp_skip, norm, norm_groups, **options)
                for _ in range(layers)
            ]
        )
        self.projection = Projection(hidden_channels, int(projection_ratio * hidden_channels), out_channels, **options)

    def __call__(self, x: jax.Array, *, train: bool = False, key: jax.Array | None = None) -> jax.Array:
        """(batch, *grid, in_channels) -> (batch, *grid, out_channels) float32."""
        del train, key  # nothing is drawn, and nothing differs in training
        if x.ndim != self.axes + 2:
            raise ConfigError(f"A field of the shape {list(x.shape)}: (batch, {self.axes} axes, channels) is wanted.")
        sizes = x.shape[1:-1]
        margins = [round(share * size) for share, size in zip(self.domain_padding, sizes, strict=True)]
        x = self.lifting(with_coordinates(x, closed=False) if self.coordinates else x).astype(self.dtype)
        x = jnp.pad(x, [(0, 0), *[(margin, margin) for margin in margins], (0, 0)])
        for number, block in enumerate(self.blocks, 1):
            x = block(x, last=number == len(self.blocks))
        starts = (0, *margins, 0)
        ends = (x.shape[0], *[margin + size for margin, size in zip(margins, sizes, strict=True)], x.shape[-1])
        return self.projection(jax.lax.slice(x, starts, ends))


class Block(nnx.Module):
    """`y = gelu(norm(K x) + skip(x))`, then `gelu(norm(network(y) + skip(x)))`: the second skip too begins at the
    block's input. The last block has neither activation.

    Args:
        inside: channels of the network at every point; 0: none.
    """

    def __init__(
        self,
        channels: int,
        modes: Sequence[int],
        inside: int,
        fno_skip: Skip,
        channel_mlp_skip: Skip,
        norm: Norm,
        norm_groups: int,
        *,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        check_choice("model.norm", norm, _NORMS)
        self.dtype = dtype
        options: dict[str, Any] = {"dtype": dtype, "rngs": rngs}
        self.spectral = SpectralConvolution(
            channels, channels, centred(modes), norm="forward", initial=complex_normal, bias=True, cut=True, rngs=rngs
        )
        self.skip = _skip("model.fno_skip", fno_skip, channels, **options)
        self.network = Projection(channels, inside, channels, **options) if inside else None
        self.network_skip = (
            _skip("model.channel_mlp_skip", channel_mlp_skip, channels, **options) if inside else _Nothing()
        )
        groups = {"group_norm": norm_groups, "instance_norm": channels}.get(norm)
        self.norms = nnx.List(
            [GroupNorm(channels, groups, affine=norm == "group_norm", dtype=dtype) for _ in range(2)]
            if groups is not None
            else []
        )

    def __call__(self, x: jax.Array, *, last: bool) -> jax.Array:
        """(batch, *space, channels) -> the same shape."""
        y = self._normal(0, self.spectral(x).astype(self.dtype)) + self.skip(x)
        y = y if last else gelu(y)
        if self.network is not None:
            y = self.network(y).astype(self.dtype) + self.network_skip(x)
        y = self._normal(1, y)
        return y if last else gelu(y)

    def _normal(self, number: int, x: jax.Array) -> jax.Array:
        return self.norms[number](x) if len(self.norms) else x


class SoftGate(nnx.Module):
    """A factor for each channel, initially 1."""

    def __init__(self, channels: int, *, dtype: str = "float32"):
        self.dtype = dtype
        self.scale = nnx.Param(jnp.ones((channels,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., channels) -> the same shape."""
        return x * self.scale[...].astype(self.dtype)


class _Identity(nnx.Module):
    def __call__(self, x: jax.Array) -> jax.Array:
        return x


class _Nothing(nnx.Module):
    def __call__(self, x: jax.Array) -> float:
        return 0.0


def _skip(name: str, kind: Skip, channels: int, *, dtype: str, rngs: nnx.Rngs) -> nnx.Module:
    check_choice(name, kind, _SKIPS)
    if kind == "linear":
        return uniform_linear(channels, channels, bias=False, dtype=dtype, rngs=rngs)
    if kind == "soft-gating":
        return SoftGate(channels, dtype=dtype)
    return _Identity() if kind == "identity" else _Nothing()
