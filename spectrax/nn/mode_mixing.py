"""Transform Once's layer: learnt mixing of the lowest cosine coefficients, over channels and along each axis.

Coefficients are laid out (channels, rows, columns, batch): each of its three products is then a batch of plain matrix
products, for which no weights are turned, and coefficients only in whole rows of examples. Examples have an axis of
their own throughout.

Source: M. Poli et al., "Transform Once: efficient operator learning in frequency domain", NeurIPS 2022.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.gelu import plain_gelu
from spectrax.nn.sine import sine
from spectrax.ops.choices import check_choice

Activation = Literal["sin", "gelu"]
ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {"sin": sine, "gelu": plain_gelu}
WeightInit = Literal[1, 2, 3, 4, "variance_preserving"]
_GROWTH = 0.125  # by at most about this share the variance grows through all residual layers together


class ModeMixing(nnx.Module):
    """`z + across_columns(across_rows(activation(across_channels(z))))` of coefficients z.

    Across channels with a matrix for each frequency; across rows, and across columns, with a matrix for each channel.
    No biases.

    Args:
        width: channels.
        modes: (rows, columns) of the coefficients.
        activation: "sin" or "gelu" (exact).
        residual: whether the input is added.
        weight_init: see `channel_scale`.
        resolution: (height, width) of the fields, which the released formula 2 reads.
        depth: layers of the network, which "variance_preserving" reads.
        dtype: compute dtype of the products; sums, and what is added up over layers, are float32.

    Raises:
        ConfigError: when the activation or the initialisation is not one of those.
    """

    def __init__(
        self,
        width: int,
        modes: Sequence[int],
        *,
        activation: Activation,
        residual: bool,
        weight_init: WeightInit,
        resolution: Sequence[int],
        depth: int,
        dtype: str = "float32",
        rngs: nnx.Rngs,
    ):
        check_choice("model.activation", activation, ACTIVATIONS)
        self.activation, self.residual, self.dtype = activation, residual, dtype
        rows, columns = modes
        scale = channel_scale(
            weight_init, width, modes, resolution, activation=activation, residual=residual, depth=depth
        )
        self.across_channels = _normal(rngs, (rows, columns, width, width), scale)
        self.across_rows = _normal(rngs, (width, rows, rows), rows**-0.5)
        self.across_columns = _normal(rngs, (width, columns, columns), columns**-0.5)

    def __call__(self, z: jax.Array) -> jax.Array:
        """(channels, rows, columns, batch) float32 -> the same."""
        channels_inside = jnp.transpose(z, (1, 2, 0, 3))
        mixed = ACTIVATIONS[self.activation](self._product(self.across_channels, channels_inside, 2))
        mixed = jnp.transpose(mixed, (2, 0, 1, 3))
        # Either axis may be mixed first. Columns are: with matrices for every row as well their product keeps the order
        # of axes, and of what it gives the compiler does not undo the order for the next one's gradient.
        columns = self.across_columns[...]
        for_each_row = jnp.broadcast_to(columns[:, None], (*mixed.shape[:2], *columns.shape[1:]))
        mixed = self._product(for_each_row, mixed, 2)
        mixed = self._product(self.across_rows, mixed, 1)
        return z + mixed if self.residual else mixed

    def _product(self, matrices: nnx.Param | jax.Array, x: jax.Array, shared: int) -> jax.Array:
        return left_product(matrices[...].astype(self.dtype), x.astype(self.dtype), shared)


def channel_scale(
    weight_init: WeightInit,
    width: int,
    modes: Sequence[int],
    resolution: Sequence[int],
    *,
    activation: Activation,
    residual: bool,
    depth: int,
) -> float:
    """Standard deviation of the initial weights across channels, whose distribution is normal.

    * 1, 2, 3, 4: the released formulas `1 / width^2`, `sqrt(height * width of the field / (rows * columns) / width)`,
      1e-8 and `sqrt(1 / width)`. The release calls 2 variance-preserving: with the input added back, eight layers
      multiply the deviation by some 200.
    * "variance_preserving": what a layer adds has a small share of its input's variance, which so grows by no more than
      an eighth through all `depth` residual layers, however many. (The weights across rows and columns keep the mean
      square, and their signs make what is added independent of the input; GELU keeps a quarter to a half of the mean
      square, the sine at most all.) Without the input added back: He et al. for GELU, exact for large coefficients, and
      `sqrt(1 / width)` for the sine, exact for small ones.

    Raises:
        ConfigError: when it is none of these.
    """
    frequencies = math.prod(modes)
    released = {1: width**-2.0, 2: math.sqrt(math.prod(resolution) / frequencies / width), 3: 1e-8, 4: width**-0.5}
    if weight_init in released:
        return released[weight_init]
    if weight_init != "variance_preserving":
        raise ConfigError(f"model.weight_init={weight_init} is none of: 1, 2, 3, 4, variance_preserving.")
    kept = 0.5 if activation == "gelu" else 1.0
    if residual:
        return math.sqrt(_GROWTH / (kept * depth * width))
    return math.sqrt(1 / (kept * width))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def left_product(matrices: jax.Array, x: jax.Array, shared: int = 0) -> jax.Array:
    """Matrices (*shared, outputs, inputs) times x (*shared, inputs, *others) -> (*shared, outputs, *others) float32.

    Automatic differentiation would lay the gradient of `x` out in another order and turn it back.

    Args:
        shared: how many leading axes, of equal sizes, both have.
    """
    together = tuple(range(shared))
    return _dot(matrices, x, (((shared + 1,), (shared,)), (together, together)))


def _forward(matrices: jax.Array, x: jax.Array, shared: int) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return left_product(matrices, x, shared), (matrices, x)


def _backward(shared: int, saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    matrices, x = saved
    gradient = gradient.astype(x.dtype)
    together, others = tuple(range(shared)), tuple(range(shared + 1, x.ndim))
    of_x = _dot(matrices, gradient, (((shared,), (shared,)), (together, together)))
    outputs, inputs = matrices.shape[-2:]
    # Of two arrays that are summed over several axes the compiler turns the second, so the larger one comes first.
    first, second = (gradient, x) if outputs >= inputs else (x, gradient)
    of_matrices = _dot(first, second, ((others, others), (together, together)))
    if outputs < inputs:
        of_matrices = jnp.swapaxes(of_matrices, -2, -1)
    return of_matrices.astype(matrices.dtype), of_x.astype(x.dtype)


left_product.defvjp(_forward, _backward)


def _dot(left: jax.Array, right: jax.Array, dimensions: jax.lax.DotDimensionNumbers) -> jax.Array:
    return jax.lax.dot_general(left, right, dimensions, preferred_element_type=jnp.float32)


def _normal(rngs: nnx.Rngs, shape: tuple[int, ...], scale: float) -> nnx.Param:
    return nnx.Param(scale * jax.random.normal(rngs.params(), shape))
