"""Small MATLAB files from elsewhere, such as lists of pictures, read in a process of their own into plain values."""

import io
import json
import sys
from pathlib import Path
from typing import Any

from spectrax.data import matlab_process


def variables(content: bytes, path: Path, *names: str) -> dict[str, Any]:
    """Those of the named variables that are in a MATLAB file.

    Args:
        content: of the file.
        path: where it lies, for messages.

    Returns:
        Numbers and strings, lists of them for arrays, dicts for records; sides of length 1 are left out.

    Raises:
        DataMissing: when it is no such file, or damaged.
    """
    return matlab_process.printed(__name__, names, path, content)


def _print_variables(names: list[str]) -> None:
    """Of the file on standard input, as JSON."""
    from scipy.io import loadmat

    found = loadmat(io.BytesIO(sys.stdin.buffer.read()), squeeze_me=True, variable_names=names)
    json.dump({name: _plain(found[name]) for name in names if name in found}, sys.stdout, default=str)


def _plain(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value] if value.ndim else _plain(value[()])
    if isinstance(value, np.void) and value.dtype.names:
        return {name: _plain(value[name]) for name in value.dtype.names}
    return value.item() if isinstance(value, np.generic) else value


if __name__ == "__main__":
    _print_variables(sys.argv[1:])
