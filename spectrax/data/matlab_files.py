"""MATLAB files from elsewhere, read in a process of their own: SciPy's reader can crash on a damaged one."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from spectrax.core.errors import DataMissing


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
    words = [sys.executable, "-m", __name__, *names]
    done = subprocess.run(words, input=content, capture_output=True, check=False)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if done.returncode > 0 and lines else "reading it crashed"
        raise DataMissing(f"{path} is not a whole MATLAB file ({reason}). Download it anew.")
    return json.loads(done.stdout)


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
