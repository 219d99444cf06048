"""A converted model against what the authors' code gave for the same inputs."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.core.errors import CheckpointError

Outputs = Callable[[Any, Any], Mapping[str, Any]]
"""`(model, inputs)` -> named arrays in the authors' layout, "output" among them; traced."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """Of one array, how far it is from the authors'.

    Attributes:
        largest: the largest absolute difference.
        relative: that over the standard deviation of the authors', or over their largest absolute value where all are
            equal.
    """

    name: str
    largest: float
    relative: float


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name, "input" and "output" among them. Raises `CheckpointError` when they are not to be had."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # of a damaged file NumPy's reader says anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"verify={path} is no .npz file of plain arrays ({reason}).") from error
    absent = [name for name in ("input", "output") if name not in arrays]
    if absent:
        raise CheckpointError(f"verify={path} holds no array {absent[0]!r}: it needs `input` and `output`.")
    return {name: array.astype(np.float32) for name, array in arrays.items() if array.dtype.kind in "fiu"}


def differences(arrays: Mapping[str, np.ndarray], outputs: Outputs, model: Any) -> list[Difference]:
    """What there is of the authors' `outputs`, compared: "output" last, what comes before it by name.

    Beside "input" there may be "code", which describes an example's geometry; outputs are then asked of both by name.
    A map may be given as tokens too: (batch, height * width, channels) instead of (batch, channels, height, width).

    Raises:
        CheckpointError: when the input is none of the model's, or an array has another shape.
    """
    import jax

    given = {name: arrays[name] for name in ("input", "code") if name in arrays}
    try:
        with jax.default_matmul_precision("highest"):
            found = jax.jit(lambda inputs: outputs(model, inputs))(given if len(given) > 1 else arrays["input"])
    except (TypeError, ValueError) as error:
        shape = list(arrays["input"].shape)
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"verify: the model takes no `input` of the shape {shape} ({reason}). Give it in the layout of the "
            "authors' code, such as (batch, channels, height, width), and at the size that the weights are for."
        ) from error
    names = [*sorted(found.keys() & arrays.keys() - {"output"}), "output"]
    return [_difference(name, np.asarray(found[name]), arrays[name]) for name in names]


def _difference(name: str, ours: np.ndarray, theirs: np.ndarray) -> Difference:
    if theirs.ndim == 3 and ours.ndim == 4:
        ours = ours.reshape(*ours.shape[:2], -1).swapaxes(1, 2)
    if ours.shape != theirs.shape:
        raise CheckpointError(
            f"verify: `{name}` has the shape {list(theirs.shape)} where the model gives {list(ours.shape)}."
        )
    largest = float(np.max(np.abs(ours - theirs), initial=0.0))
    scale = _scale(theirs)
    return Difference(name, largest, largest / scale if scale else largest)


def _scale(theirs: np.ndarray) -> float:
    """What they vary by: a mean far from zero, as of a pressure, would hide what differs."""
    least, most = float(np.min(theirs, initial=np.inf)), float(np.max(theirs, initial=-np.inf))
    if least >= most:
        return float(np.max(np.abs(theirs), initial=0.0))
    return float(np.std(theirs, dtype=np.float64))
