"""Complex weights of modes in the order of the released codes, and as our real arrays (*modes, in, out, 2).

The classic models have a weight for each corner of the spectrum, numbered with the sign of the first axis changing
first; ours is one, along each axis the frequencies from zero up before those below zero. The library has one weight
too, its frequencies in ascending order.
"""

import re
from collections.abc import Mapping

import numpy as np

from spectrax.core.errors import CheckpointError
from spectrax.importers.complex_modes import to_complex, to_pairs

_CORNER = re.compile(r"(.*\.weights)(\d)")


def joined(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state with the corners `NAME.weights1`, ... of each layer as one array `NAME.weights`: (in, out, *modes)
    complex.

    Raises:
        CheckpointError: when corners are missing, or do not fit together.
    """
    rest, layers = {}, {}
    for key, array in state.items():
        match = _CORNER.fullmatch(key)
        if match is None:
            rest[key] = array
        else:
            layers.setdefault(match[1], {})[int(match[2])] = np.asarray(array)
    return {**rest, **{name: _one(name, corners) for name, corners in layers.items()}}


def _one(name: str, corners: Mapping[int, np.ndarray]) -> np.ndarray:
    axes = next(iter(corners.values())).ndim - 2
    if not 1 <= axes <= 3 or sorted(corners) != list(range(1, 2 ** (axes - 1) + 1)):
        numbers = ", ".join(map(str, sorted(corners)))
        raise CheckpointError(f"{name} has the corners {numbers} of {axes} axes, as no Fourier layer has.")
    parts = [corners[number] for number in sorted(corners)]
    if any(part.shape != parts[0].shape or not np.iscomplexobj(part) for part in parts):
        raise CheckpointError(f"{name}: all corners should be complex and have the same shape.")
    for axis in range(axes - 1):
        parts = [np.concatenate(parts[place : place + 2], axis + 2) for place in range(0, len(parts), 2)]
    return parts[0]


def apart(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `joined`."""
    found = {}
    for key, array in state.items():
        if not key.endswith(".weights"):
            found[key] = array
            continue
        parts = [array]
        for axis in reversed(range(2, array.ndim - 1)):
            parts = [half for part in parts for half in np.split(part, 2, axis)]
        found |= {f"{key}{number}": np.ascontiguousarray(part) for number, part in enumerate(parts, 1)}
    return found


def from_ascending(x: np.ndarray) -> np.ndarray:
    """The library's complex (in, out, *modes) -> real (*modes, in, out, 2), frequencies in our order."""
    x = to_pairs(x)
    return np.fft.ifftshift(x, axes=range(x.ndim - 4))


def to_ascending(x: np.ndarray) -> np.ndarray:
    """The inverse of `from_ascending`."""
    return to_complex(np.fft.fftshift(x, axes=range(x.ndim - 4)))
