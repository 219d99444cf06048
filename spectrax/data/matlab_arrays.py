"""Arrays of MATLAB files from elsewhere, laid down as .npy files by a process of their own: their readers can crash on
a damaged file, and what is larger than memory allows is then read from disk.

Files of version 5 are read by SciPy, those of version 7.3 by h5py, which sees the axes of MATLAB in reverse.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spectrax.data import matlab_process

_AT_ONCE = 2**27  # bytes that are read of a 7.3 file at a time
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BLOCKS = (0, 512)  # where it may stand: MATLAB's own text comes before


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Of all variables of a file, in MATLAB's order of axes. Raises `DataMissing` when it is no such file."""
    return {name: tuple(shape) for name, shape in matlab_process.printed(__name__, [str(path), "shapes"], path).items()}


def arrays(path: Path, strides: Mapping[str, Sequence[int]], directory: Path) -> dict[str, np.ndarray]:
    """Some variables, float32 in MATLAB's order of axes, on disk.

    Args:
        strides: name of each to the stride along its axes, of which those that are not named have 1.
        directory: where `NAME.npy` is written.

    Raises:
        DataMissing: when it is no such file, is damaged, or a variable is no array of real numbers.
    """
    wanted = json.dumps({name: list(steps) for name, steps in strides.items()})
    matlab_process.printed(__name__, [str(path), "arrays", wanted, str(directory)], path)
    return {name: np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in strides}


def _is_hdf5(path: Path) -> bool:
    with open(path, "rb") as file:
        return any(file.seek(start) == start and file.read(8) == _SIGNATURE for start in _BLOCKS)


def _print_shapes(path: Path) -> None:
    if _is_hdf5(path):
        import h5py

        with h5py.File(path) as file:
            found = {name: value.shape[::-1] for name, value in file.items() if isinstance(value, h5py.Dataset)}
    else:
        from scipy.io import whosmat

        found = {name: shape for name, shape, _ in whosmat(path)}
    json.dump(found, sys.stdout, default=int)


def _write_arrays(path: Path, strides: Mapping[str, Sequence[int]], directory: Path) -> None:
    for name, steps in strides.items():
        target = directory / f"{name}.npy"
        (_write_version_7 if _is_hdf5(path) else _write_version_5)(path, name, steps, target)
    json.dump(list(strides), sys.stdout)


def _write_version_5(path: Path, name: str, steps: Sequence[int], target: Path) -> None:
    from scipy.io import loadmat

    array = loadmat(path, variable_names=[name])[name]
    _check(name, array.dtype)
    np.save(target, np.ascontiguousarray(array[_slices(steps)], np.float32), allow_pickle=False)


def _write_version_7(path: Path, name: str, steps: Sequence[int], target: Path) -> None:
    import h5py

    with h5py.File(path) as file:
        stored = file[name]
        _check(name, stored.dtype)
        thin = _slices([*steps, *[1] * (stored.ndim - len(steps))])
        sizes = [len(range(size)[part]) for size, part in zip(stored.shape[::-1], thin, strict=True)]
        written = np.lib.format.open_memmap(target, "w+", np.float32, tuple(sizes))
        # Along the file's first axis, MATLAB's last, in multiples of that axis's stride.
        last = thin[-1].step
        rows = last * max(1, _AT_ONCE // (last * stored.dtype.itemsize * int(np.prod(stored.shape[1:]))))
        for first in range(0, len(stored), rows):
            part = stored[first : first + rows].T[thin]
            written[..., first // last : first // last + part.shape[-1]] = part
        written.flush()


def _check(name: str, dtype: np.dtype) -> None:
    if dtype.kind not in "fiu":
        raise TypeError(f"{name} is no array of real numbers")


def _slices(steps: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(None, None, step) for step in steps)


if __name__ == "__main__":
    if sys.argv[2] == "shapes":
        _print_shapes(Path(sys.argv[1]))
    else:
        _write_arrays(Path(sys.argv[1]), json.loads(sys.argv[3]), Path(sys.argv[4]))
