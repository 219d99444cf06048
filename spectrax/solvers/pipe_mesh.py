"""Curved pipes of the pipe benchmark: a vertical displacement of the rectangle, cubic along the axis.

The parametrisation is that of the inverse design released with Li, Huang, Liu & Anandkumar, "Fourier neural operator
with learned deformations for PDEs on general geometries" (2022): length 10, width 1, a centreline of four cubic Hermite
elements with nine free nodal values and slopes, here uniform in [-1, 1]. Which prior made the published data is not on
record, so that sets made with this one are approximations.
"""

import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.solvers.random_fields import uniform_noise

LENGTH, WIDTH = 10.0, 1.0
ELEMENTS = 4  # of the centreline


def pipe_shape(seed: int, index: int, bound: float = 1.0) -> np.ndarray:
    """The shape (10,) of example `index`: value and slope of the centreline at five nodes, the first value 0.

    The nine others are uniform in [-bound, bound). Slopes are those on the reference element [0, 1], not divided by its
    length 2.5, as in the released design script.
    """
    shape = bound * (2 * uniform_noise(seed, index, (2 * ELEMENTS + 2,)) - 1)
    shape[0] = 0.0
    return shape


def centreline(shapes: ArrayLike, x: ArrayLike) -> np.ndarray:
    """Ordinates (..., points) of the centrelines of `shapes` (..., 10) at abscissae `x` (points,) in [0, 10]."""
    shapes, x = np.asarray(shapes, np.float64), np.asarray(x, np.float64)
    if shapes.shape[-1:] != (2 * ELEMENTS + 2,):
        raise ConfigError(f"A pipe's shape has {2 * ELEMENTS + 2} numbers, not the array shape {shapes.shape}.")
    element = np.clip(np.floor(x * ELEMENTS / LENGTH).astype(int), 0, ELEMENTS - 1)
    t = x * ELEMENTS / LENGTH - element
    return (
        (1 - 3 * t**2 + 2 * t**3) * shapes[..., 2 * element]
        + (t - 2 * t**2 + t**3) * shapes[..., 2 * element + 1]
        + (3 * t**2 - 2 * t**3) * shapes[..., 2 * element + 2]
        + (t**3 - t**2) * shapes[..., 2 * element + 3]
    )


def pipe_mesh(shapes: ArrayLike, size: tuple[int, int] = (129, 129)) -> np.ndarray:
    """Grid points (..., along, across, 2) of the pipes `shapes` (..., 10): x from inlet to outlet, y from below."""
    x, offset = np.linspace(0, LENGTH, size[0]), np.linspace(-WIDTH / 2, WIDTH / 2, size[1])
    y = centreline(shapes, x)[..., None] + offset
    return np.stack([np.broadcast_to(x[:, None], y.shape), y], -1)
