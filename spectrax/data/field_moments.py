"""Means and deviations of fields over many examples, in float64 and without holding them all."""

from collections.abc import Iterator

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Normalisation

_AT_ONCE = 2**26  # bytes of float64 that are held


def moments(array: np.ndarray, normalisation: Normalisation | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and unbiased deviation (n - 1) of examples, float32.

    Args:
        array: (examples, *space, channels); may lie on disk, and is read twice.

    Returns:
        Two arrays (*space, channels) for "location", two (channels,) for "channel".

    Raises:
        ConfigError: for one example alone, which has no deviation.
    """
    axes = (0,) if normalisation == "location" else tuple(range(array.ndim - 1))
    count = int(np.prod([array.shape[axis] for axis in axes]))
    if count < 2:
        raise ConfigError("One training example has no deviation: take more with dataset.train_examples.")
    # Two passes: the difference of large squares would lose what varies little about a large mean.
    mean = sum(part.sum(axes) for part in _parts(array)) / count
    variance = sum(np.square(part - mean).sum(axes) for part in _parts(array)) / (count - 1)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


def _parts(array: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, _AT_ONCE // (8 * int(np.prod(array.shape[1:]))))
    for first in range(0, len(array), rows):
        yield np.asarray(array[first : first + rows], np.float64)
