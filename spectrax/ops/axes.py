"""The axes of arrays (batch, *space, channels) along which a transform goes."""

from collections.abc import Sequence

import jax
from numpy.lib.array_utils import normalize_axis_tuple


def space_axes(x: jax.Array, axes: Sequence[int] | None = None) -> tuple[int, ...]:
    """`axes`, counted from the front; None: all but the first and the last. Raises `AxisError` for one not there."""
    return tuple(range(1, x.ndim - 1)) if axes is None else normalize_axis_tuple(axes, x.ndim)
