"""Kernels: functions of two states, alone or as radial basis functions.

Source of the scales: Colbrook and Townsend (arXiv 2111.14889) and the code beside it.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.ops.choices import check_choice

KERNELS = ("gaussian", "laplacian", "lorentzian", "multiquadric", "thin_plate", "polynomial")
POSITIVE = ("gaussian", "laplacian", "lorentzian", "polynomial")
"""Those whose matrices are positive semidefinite, as kernel methods need."""
_DIFFERENCES = 16  # coordinates, up to which squared distances are summed one by one: without cancellation


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel of a kind, at a scale d. With r the distance of two states, which may be complex:

    "gaussian" exp(-r^2 / d^2), "laplacian" exp(-r / d), "lorentzian" 1 / (1 + r^2 / d^2), "multiquadric"
    sqrt(1 + r^2 / d^2), "thin_plate" (r / d)^2 log(r / d), "polynomial" (1 + x conj(y) / d^2)^degree.

    Attributes:
        scale: d; None until it is taken from data: the mean distance of states to their mean ("polynomial": to 0).
        degree: of "polynomial".

    Raises:
        ConfigError: when there is no such kind, or the scale is not positive.
    """

    kind: str = "gaussian"
    scale: float | None = None
    degree: int = 2

    def __post_init__(self) -> None:
        check_choice("kernel", self.kind, KERNELS)
        if self.scale is not None and not self.scale > 0:
            raise ConfigError(
                f"scale={self.scale}: the scale of a kernel is positive. Leave it out to take it from data."
            )

    def fitted(self, x: np.ndarray) -> "Kernel":
        """The kernel at the scale of states like these (rows, dimension), where none was given."""
        if self.scale is not None:
            return self
        centre = 0 if self.kind == "polynomial" else x.mean(0)
        scale = float(np.linalg.norm(x - centre, axis=1).mean())
        if scale == 0:
            raise ConfigError("The scale of a kernel cannot be taken from states that are all the same. Give scale.")
        return dataclasses.replace(self, scale=scale)

    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Values (rows of x, rows of y), complex of "polynomial" at complex states; traceable."""
        if self.scale is None:
            raise ConfigError("The kernel has no scale yet. Give scale, or call .fitted(x).")
        if self.kind == "polynomial":
            return (1 + x @ y.conj().T / self.scale**2) ** self.degree
        return _RADIAL[self.kind](squared_distances(x, y) / self.scale**2)


def squared_distances(x: jax.Array, y: jax.Array) -> jax.Array:
    """|x - y|^2 (rows of x, rows of y). Of many coordinates by a product of matrices, good to about 1e-16 |x|^2."""
    if jnp.iscomplexobj(x) or jnp.iscomplexobj(y):
        x, y = in_real_coordinates(x), in_real_coordinates(y)
    if x.shape[1] <= _DIFFERENCES:
        return sum((x[:, None, axis] - y[None, :, axis]) ** 2 for axis in range(x.shape[1]))
    centre = y.mean(0)  # what cancels is then as small as it can be
    x, y = x - centre, y - centre
    squares = jnp.sum(x**2, 1)[:, None] + jnp.sum(y**2, 1)[None] - 2 * (x @ y.T)
    return jnp.maximum(squares, 0)


def in_real_coordinates(x: Any) -> Any:
    """Real parts beside imaginary parts (rows, 2 dimension), NumPy or JAX: distances are the same."""
    return (np if isinstance(x, np.ndarray) else jnp).concatenate([x.real, x.imag], axis=1)


def in_complex_coordinates(x: np.ndarray) -> np.ndarray:
    """What `in_real_coordinates` makes real, complex again."""
    real, imaginary = np.split(x, 2, axis=1)
    return real + 1j * imaginary


def _thin_plate(squares: jax.Array) -> jax.Array:
    """r^2 log r, with 0 at 0."""
    positive = squares > 0
    return jnp.where(positive, squares * jnp.log(jnp.where(positive, squares, 1)) / 2, 0)


_RADIAL = {
    "gaussian": lambda squares: jnp.exp(-squares),
    "laplacian": lambda squares: jnp.exp(-jnp.sqrt(squares)),
    "lorentzian": lambda squares: 1 / (1 + squares),
    "multiquadric": lambda squares: jnp.sqrt(1 + squares),
    "thin_plate": _thin_plate,
}
