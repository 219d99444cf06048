"""Complex weights of modes as the released codes hold them, and as our real arrays."""

import numpy as np

from spectrax.importers.key_table import Layout


def to_pairs(x: np.ndarray) -> np.ndarray:
    """Complex (in, out, *modes) -> real (*modes, in, out, 2). Raises `ValueError` for any other array."""
    if not np.iscomplexobj(x) or x.ndim < 3:
        raise ValueError
    x = np.moveaxis(x, (0, 1), (-2, -1))
    return np.stack([x.real, x.imag], axis=-1).astype(np.float32)


def to_complex(x: np.ndarray) -> np.ndarray:
    """The inverse of `to_pairs`."""
    return np.moveaxis(x[..., 0] + np.complex64(1j) * x[..., 1], (-2, -1), (0, 1))


MODES = Layout(to_pairs, to_complex)
