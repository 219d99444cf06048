"""A process of its own that reads a MATLAB file from elsewhere: the readers can crash on a damaged one."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spectrax.core.errors import DataMissing


def printed(module: str, words: Sequence[str], path: Path, content: bytes = b"") -> Any:
    """What `python -m module words` prints, as JSON.

    Args:
        path: where the MATLAB file lies, for messages.
        content: what the module finds on standard input.

    Raises:
        DataMissing: when it ends with an error, or crashes.
    """
    done = subprocess.run([sys.executable, "-m", module, *words], input=content, capture_output=True, check=False)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if done.returncode > 0 and lines else "reading it crashed"
        raise DataMissing(f"{path} cannot be read as a MATLAB file ({reason}). Get it anew.")
    return json.loads(done.stdout)
