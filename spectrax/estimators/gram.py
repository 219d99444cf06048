"""Gram matrices of a dictionary, added up over batches and devices.

With PX, PY (M, N) the dictionary at states and at their images and W the quadrature weights: G = PX* W PX,
A = PX* W PY, L = PY* W PY. They square the condition number, so they are added up in float64; where there is none, in
float32 with what rounding lost kept beside.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core.errors import ConfigError

SUMS = ("G", "A", "L", "state", "weight")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class GramState:
    """Sums over snapshots so far: a pytree.

    Attributes:
        G: (N, N).
        A: (N, N).
        L: (N, N), or None where it is not wanted: half of the work.
        state: (N, dimension), PX* W X: what the state's coefficients are found from.
        weight: sum of the weights; pairs without weights count 1 each.
        count: how many pairs.
        lost: by the names of the others, what float32 sums have lost to rounding; {} in float64.
    """

    G: Any
    A: Any
    L: Any
    state: Any
    weight: Any
    count: Any
    lost: dict[str, Any]

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the sums that are added up."""
        return tuple(name for name in SUMS if getattr(self, name) is not None)

    def means(self, weighted: bool) -> GramState:
        """On the host in float64, with what was lost added again; without weights, over the number of pairs.

        Args:
            weighted: quadrature weights went in, which make integrals of sums as they are.

        Raises:
            ConfigError: when no pair went in.
        """
        if not int(self.count):
            raise ConfigError("No pairs went into these Gram matrices. Update them first.")
        over = 1 if weighted else int(self.count)
        found: dict[str, Any] = {name: None for name in SUMS}
        for name in self.kept:
            found[name] = (_double(getattr(self, name)) + _double(self.lost.get(name, 0))) / over
        return GramState(**found, count=int(self.count), lost={})


def empty(
    size: int,
    dimension: int,
    dtype: Any = np.float64,
    state_dtype: Any = None,
    compensated: bool = False,
    images: bool = True,
) -> GramState:
    """No snapshots yet.

    Args:
        size: N.
        dtype: of the dictionary's values.
        state_dtype: of states; None: as the dictionary's.
        compensated: keep what rounding loses: for float32.
        images: whether L is added up.

    Raises:
        ConfigError: in float32 without compensation.
    """
    dtype = np.dtype(dtype)
    if dtype.itemsize // (1 + (dtype.kind == "c")) < 8 and not compensated:
        raise ConfigError(
            f"Gram matrices in {dtype.name} lose all small singular values. Compute in float64 "
            "(spectrax.estimators.precision.double_precision), or keep what is lost: compensated=True."
        )
    crossed = jnp.promote_types(dtype, dtype if state_dtype is None else state_dtype)
    real = np.zeros((), dtype).real.dtype
    square = jnp.zeros((size, size), dtype)
    sums: dict[str, Any] = {"G": square, "A": square, "weight": jnp.zeros((), real)}
    sums["state"] = jnp.zeros((size, dimension), crossed)
    if images:
        sums["L"] = square
    lost = {name: jnp.zeros_like(total) for name, total in sums.items()} if compensated else {}
    return GramState(**{"L": None, **sums}, count=jnp.zeros((), jnp.int32), lost=lost)


def update(gram: GramState, px: jax.Array, py: jax.Array, x: jax.Array, weights: jax.Array | None = None) -> GramState:
    """The sums with more snapshots; traceable.

    Args:
        px, py: (rows, N), the dictionary at states and at their images.
        x: (rows, dimension), the states.
        weights: (rows,); rows of weight 0 count nothing. None: 1 each.
    """
    weights = jnp.ones(len(px), gram.weight.dtype) if weights is None else weights.astype(gram.weight.dtype)
    weighted = (px * weights[:, None]).conj().T
    parts = {
        "G": _product(weighted, px),
        "A": _product(weighted, py),
        "state": _product(weighted, x),
        "weight": weights.sum(),
    }
    if gram.L is not None:
        parts["L"] = _product((py * weights[:, None]).conj().T, py)
    return _added(gram, parts, {}, jnp.count_nonzero(weights))


def merge(first: GramState, second: GramState) -> GramState:
    """The sums over both; traceable."""
    parts = {name: getattr(second, name) for name in first.kept}
    return _added(first, parts, second.lost, second.count)


def _added(gram: GramState, parts: dict[str, Any], lost: dict[str, Any], count: Any) -> GramState:
    sums: dict[str, Any] = {name: None for name in SUMS}
    left = {}
    for name in gram.kept:
        total, part = getattr(gram, name), parts[name].astype(getattr(gram, name).dtype)
        sums[name] = total + part
        if gram.lost:
            left[name] = gram.lost[name] + _rounding(total, part, sums[name]) + lost.get(name, 0)
    return GramState(**sums, count=gram.count + count.astype(jnp.int32), lost=left)


def _rounding(first: jax.Array, second: jax.Array, total: jax.Array) -> jax.Array:
    """What the sum of two numbers lost, exactly (Knuth's two-sum)."""
    kept = total - first
    return (first - (total - kept)) + (second - kept)


def _product(left: jax.Array, right: jax.Array) -> jax.Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)  # or accelerators round float32 to less


def _double(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
