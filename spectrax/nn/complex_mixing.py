"""Two-layer complex networks with ReLU on both parts ("Einstein blending"), across channels and along rows.

A complex product with weights W = R + iI is one real product of [real, imaginary] with [[R, I], [-I, R]]. Complex
weights are stored as real arrays with a trailing axis of 2, since JAX's gradient of a complex parameter is the
conjugate of PyTorch's and plain optimizers diverge on it. Everything computes in float32.

Source: Patro & Agneeswaran, "Scattering Vision Transformer", NeurIPS 2023 (after AFNO, Guibas et al., ICLR 2022).
"""

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.nn.linear import product
from spectrax.ops.dual_tree import ComplexBands
from spectrax.parallel.devices import target_platform

_SCALE = 0.02  # of every initial weight and bias


class ChannelMixing(nnx.Module):
    """Mixes channels within `blocks` contiguous groups, the same at all positions and orientations.

    Args:
        channels: a multiple of `blocks`.
        blocks: number of groups, each with its own weights.
    """

    def __init__(self, channels: int, blocks: int, *, rngs: nnx.Rngs):
        width = channels // blocks
        self.first = _parameter(rngs, (blocks, width, width, 2))
        self.first_bias = _parameter(rngs, (blocks, width, 2))
        self.second = _parameter(rngs, (blocks, width, width, 2))
        self.second_bias = _parameter(rngs, (blocks, width, 2))

    def __call__(self, bands: ComplexBands) -> ComplexBands:
        """Parts (batch, height, width, 6, channels) -> the same."""
        blocks = self.first_bias.shape[0]
        mixed = []
        # One product per group: faster than a batched product, whose batch axis would have to be brought to the front.
        groups = zip(*[jnp.split(part, blocks, axis=-1) for part in bands], strict=True)
        for block, group in enumerate(groups):
            x = jnp.concatenate(group, axis=-1)
            x = jax.nn.relu(_product(x, self.first[block]) + _joined(self.first_bias[block]))
            x = _product(x, self.second[block]) + _joined(self.second_bias[block])
            mixed.append(jnp.split(x, 2, axis=-1))
        return ComplexBands(*[jnp.concatenate(parts, axis=-1) for parts in zip(*mixed, strict=True)])


class RowMixing(nnx.Module):
    """Mixes positions along each row of a band with the row's own matrix, shared by channels and orientations.

    The mixing is along the width only: `y[h, k] = sum_w x[h, w] T[h, w, k]`.

    Args:
        rows, columns: size of the band maps.
    """

    def __init__(self, rows: int, columns: int, *, rngs: nnx.Rngs):
        self.first = _parameter(rngs, (rows, columns, columns, 2))
        self.first_bias = _parameter(rngs, (rows, columns, 2))
        self.second = _parameter(rngs, (rows, columns, columns, 2))
        self.second_bias = _parameter(rngs, (rows, columns, 2))

    def __call__(self, bands: ComplexBands) -> ComplexBands:
        """Parts (batch, rows, columns, 6, channels) -> the same."""
        x = jnp.concatenate(bands, axis=2)
        x = jax.nn.relu(_along_rows(x, self.first[...], self.first_bias[...]))
        x = _along_rows(x, self.second[...], self.second_bias[...])
        return ComplexBands(*jnp.split(x, 2, axis=2))


def _parameter(rngs: nnx.Rngs, shape: tuple[int, ...]) -> nnx.Param:
    return nnx.Param(_SCALE * jax.random.normal(rngs.params(), shape))


def _real_form(weight: jax.Array) -> jax.Array:
    """(..., d, d, 2) -> the real matrix (..., 2d, 2d) that acts on [real, imaginary] rows from the right."""
    real, imaginary = weight[..., 0], weight[..., 1]
    top = jnp.concatenate([real, imaginary], axis=-1)
    return jnp.concatenate([top, jnp.concatenate([-imaginary, real], axis=-1)], axis=-2)


def _joined(bias: jax.Array) -> jax.Array:
    """(..., d, 2) -> (..., 2d), real parts first."""
    return jnp.concatenate([bias[..., 0], bias[..., 1]], axis=-1)


def _along_rows(x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    matrices, options = _real_form(weight), {"precision": jax.lax.Precision.HIGHEST}
    if target_platform() == "cpu":
        # With matrices for every image the product keeps the order of axes, and nothing is transposed: forward and
        # backward take half the time.
        turned = jnp.swapaxes(matrices, 1, 2)
        each = jnp.broadcast_to(turned, (x.shape[0], *turned.shape))
        mixed = jax.lax.dot_general(each, x, (((3,), (2,)), ((0, 1), (0, 1))), **options)
    else:
        mixed = jnp.einsum("bhwoc,hwk->bhkoc", x, matrices, **options)
    return mixed + _joined(bias)[:, :, None, None]


def _product(x: jax.Array, weight: jax.Array) -> jax.Array:
    return product(x, _real_form(weight), jax.lax.Precision.HIGHEST)
