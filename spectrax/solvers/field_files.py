"""Arrays in .npz files, for solvers that are given their fields in one and leave what they found in another."""

import os
from collections.abc import Sequence

import numpy as np

from spectrax.core.array_files import UNREADABLE
from spectrax.core.errors import DataMissing, UnreadableFile
from spectrax.core.files import atomic_write, told_if_unwritable


def read_arrays(source: str | os.PathLike[str], needed: Sequence[str], optional: Sequence[str] = ()) -> dict:
    """Real arrays of an .npz file by name, those of `optional` that it has.

    Raises:
        DataMissing: when there is no such file.
        UnreadableFile: when it is no .npz file, holds Python objects, or lacks a name of `needed`.
    """
    try:
        archive = np.load(source, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        with archive:
            missing = [name for name in needed if name not in archive.files]
            if missing:
                raise UnreadableFile(
                    f"{os.fspath(source)} has no array {missing[0]!r}, only {sorted(archive.files)}. Save it with "
                    f"numpy.savez(file, {missing[0]}=...)."
                )
            found = {name: archive[name] for name in (*needed, *optional) if name in archive.files}
    except FileNotFoundError as error:
        raise DataMissing(f"There is no file {os.fspath(source)}. Name an .npz file that numpy.savez wrote.") from error
    except UNREADABLE as error:
        raise UnreadableFile(
            f"{os.fspath(source)} is not an .npz file of arrays ({error}). Write it with numpy.savez."
        ) from error
    for name, array in found.items():
        if array.dtype.kind not in "fiu":
            raise UnreadableFile(f"The array {name!r} of {os.fspath(source)} is {array.dtype}. Save real numbers.")
    return found


def write_arrays(target: str | os.PathLike[str], **arrays: np.ndarray | float | str) -> None:
    """An .npz file named exactly `target`, wholly there or not at all.

    Raises:
        RunDirectoryError: when it cannot be written.
    """
    with told_if_unwritable(target), atomic_write(target) as file:
        np.savez(file, **arrays)
