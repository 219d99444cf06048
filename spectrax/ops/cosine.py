"""Cosine and sine transforms of arrays (batch, *space, channels) that lie on many devices: none gathers the batch.

Types I to IV with the conventions of `scipy.fft`; `norm` is "backward", "ortho" or "forward". They compute in float32
(float64 stays float64), whatever the precision of the model around them; of complex arrays both parts are transformed.

`spec` says how the array is sharded, as in `spectrax.ops.fourier`. `form` is how an axis is transformed, "matmul" or
"fft"; None chooses by its size and the backend, and both give the same numbers. Raised is `ConfigError`, when an axis
is too short, a type is not one of 1 to 4, a norm or a form is unknown, or an axis transformed is sharded.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.ops.axes import space_axes
from spectrax.ops.compute_dtype import at_least_float32
from spectrax.ops.cosine_axis import Form, transform_axis
from spectrax.ops.cosine_matrices import Family
from spectrax.ops.norms import Norm, opposite
from spectrax.parallel.shard_local import run_shard_locally

_INVERSE_TYPE = {1: 1, 2: 3, 3: 2, 4: 4}


def dct(
    x: ArrayLike,
    type: int = 2,
    axis: int = -2,
    norm: Norm = "backward",
    *,
    spec: PartitionSpec | None = None,
    form: Form | None = None,
) -> jax.Array:
    """The discrete cosine transform along one axis."""
    return _transform(x, "cosine", type, (axis,), norm, spec, form)


def idct(
    x: ArrayLike,
    type: int = 2,
    axis: int = -2,
    norm: Norm = "backward",
    *,
    spec: PartitionSpec | None = None,
    form: Form | None = None,
) -> jax.Array:
    """The inverse of `dct` with the same type and norm."""
    return _inverse(x, "cosine", type, (axis,), norm, spec, form)


def dctn(
    x: ArrayLike,
    type: int = 2,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
    *,
    spec: PartitionSpec | None = None,
    form: Form | None = None,
) -> jax.Array:
    """`dct` along several axes, by default all between the first and the last."""
    return _transform(x, "cosine", type, axes, norm, spec, form)


def idctn(
    x: ArrayLike,
    type: int = 2,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
    *,
    spec: PartitionSpec | None = None,
    form: Form | None = None,
) -> jax.Array:
    """The inverse of `dctn` with the same type and norm."""
    return _inverse(x, "cosine", type, axes, norm, spec, form)


def dst(
    x: ArrayLike,
    type: int = 2,
    axis: int = -2,
    norm: Norm = "backward",
    *,
    spec: PartitionSpec | None = None,
    form: Form | None = None,
) -> jax.Array:
    """The discrete sine transform along one axis."""
    return _transform(x, "sine", type, (axis,), norm, spec, form)


def idst(
    x: ArrayLike,
    type: int = 2,
    axis: int = -2,
    norm: Norm = "backward",
    *,
    spec: PartitionSpec | None = None,
    form: Form | None = None,
) -> jax.Array:
    """The inverse of `dst` with the same type and norm."""
    return _inverse(x, "sine", type, (axis,), norm, spec, form)


def dstn(
    x: ArrayLike,
    type: int = 2,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
    *,
    spec: PartitionSpec | None = None,
    form: Form | None = None,
) -> jax.Array:
    """`dst` along several axes, by default all between the first and the last."""
    return _transform(x, "sine", type, axes, norm, spec, form)


def idstn(
    x: ArrayLike,
    type: int = 2,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
    *,
    spec: PartitionSpec | None = None,
    form: Form | None = None,
) -> jax.Array:
    """The inverse of `dstn` with the same type and norm."""
    return _inverse(x, "sine", type, axes, norm, spec, form)


def _inverse(
    x: ArrayLike,
    family: Family,
    kind: int,
    axes: Sequence[int] | None,
    norm: Norm,
    spec: PartitionSpec | None,
    form: Form | None,
) -> jax.Array:
    """The transform of the inverse type, with the norm that the other direction leaves."""
    return _transform(x, family, _INVERSE_TYPE.get(kind, kind), axes, opposite(norm), spec, form)


def _transform(
    x: ArrayLike,
    family: Family,
    kind: int,
    axes: Sequence[int] | None,
    norm: Norm,
    spec: PartitionSpec | None,
    form: Form | None,
) -> jax.Array:
    x = at_least_float32(x)
    axes = space_axes(x, axes)
    _check(x, family, kind, axes)

    def local(part: jax.Array) -> jax.Array:
        if jnp.iscomplexobj(part):
            return jax.lax.complex(local(part.real), local(part.imag))
        for axis in axes:
            part = transform_axis(part, axis, family, kind, norm, form)
        return part

    return run_shard_locally(local, x, axes, spec)


def _check(x: jax.Array, family: Family, kind: int, axes: Sequence[int]) -> None:
    if kind not in _INVERSE_TYPE:
        raise ConfigError(f"There is no {family} transform of type {kind!r}. Types are 1, 2, 3 and 4.")
    shortest = 2 if family == "cosine" and kind == 1 else 1
    for axis in axes:
        if x.shape[axis] < shortest:
            raise ConfigError(
                f"Axis {axis} of an array {list(x.shape)} is too short for a {family} transform of type {kind}, which "
                f"needs {shortest} samples or more."
            )
