"""Latent operators by name."""

from collections.abc import Sequence
from typing import Any, Literal

from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.latent_operators.diagonal import Diagonal
from spectrax.nn.latent_operators.dissipative import Dissipative
from spectrax.nn.latent_operators.free import Free
from spectrax.nn.latent_operators.stable import Stable
from spectrax.nn.latent_operators.unitary import Unitary
from spectrax.ops.choices import check_choice

Kind = Literal["free", "stable", "unitary", "diagonal", "undamped", "dissipative"]
_RADIUS, _TIME_STEP = (0.9, 0.999), 1.0
_OF_KINDS = {  # who uses what
    "scale": ("free", "stable", "unitary", "dissipative"),
    "radius": ("diagonal",),
    "time_step": ("diagonal", "undamped", "dissipative"),
}
KINDS = ("free", "stable", "unitary", "diagonal", "undamped", "dissipative")


def make_operator(
    kind: Kind,
    size: int,
    *,
    scale: float | None = None,
    radius: Sequence[float] = _RADIUS,
    time_step: float = _TIME_STEP,
    rngs: nnx.Rngs,
) -> nnx.Module:
    """A latent operator, see `spectrax.nn.latent_operators`.

    Args:
        kind: "free": any matrix. "stable": singular values below 1. "unitary": a rotation. "diagonal": pairs with a
            damping and a frequency each; "undamped" the same without damping. "dissipative": the exponential of a
            generator that turns and damps.
        size: of the latent state.
        scale: initial singular values of "free" and "stable", and width in radians of the initial frequencies of
            "unitary" and "dissipative"; None for the kind's own.
        radius: (least, largest) initial modulus of the eigenvalues of "diagonal".
        time_step: of the data, where damping and frequency of "diagonal", "undamped" and "dissipative" are to be those
            of a unit of time.

    Raises:
        ConfigError: for another name, an odd size of pairs, a time step that is not positive, an option that the kind
            does not use.
    """
    check_choice("model.operator", kind, KINDS)
    if time_step <= 0:
        raise ConfigError(f"model.time_step={time_step} must be positive: the time between two frames, or 1.")
    check_unused(kind, scale=scale, radius=radius, time_step=time_step)
    options: dict[str, Any] = {} if scale is None else {"scale": scale}
    if kind in ("diagonal", "undamped"):
        return Diagonal(size, radius=radius, time_step=time_step, damped=kind == "diagonal", rngs=rngs)
    if kind == "dissipative":
        return Dissipative(size, time_step=time_step, **options, rngs=rngs)
    return {"free": Free, "stable": Stable, "unitary": Unitary}[kind](size, **options, rngs=rngs)


def check_unused(kind: str, *, scale: float | None, radius: Sequence[float], time_step: float) -> None:
    """Raises `ConfigError` for an option of `make_operator` that is set, and means nothing to this kind."""
    changed = {"scale": scale is not None, "radius": tuple(radius) != _RADIUS, "time_step": time_step != _TIME_STEP}
    for name, kinds in _OF_KINDS.items():
        if changed[name] and kind not in kinds:
            raise ConfigError(
                f"model.{name} means nothing to model.operator={kind}: leave it out, or choose an operator that has "
                f"it: {', '.join(kinds)}."
            )
