"""Logs of SLURM jobs: shown whole, or followed while they grow."""

import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_POLL = 0.5  # seconds between two looks at the logs
_TAIL = 8192  # bytes in which the script's last word is looked for
_OWN_LINE = re.compile(r"^\[slurm\] \S+ (.*)$", re.MULTILINE)


def show(paths: Sequence[Path]) -> bool:
    """Print the logs that are there, each under its name if there are several; False if there is none."""
    there = [path for path in paths if path.exists()]
    for path in there:
        if len(paths) > 1:
            print(f"==> {path} <==", flush=True)
        with open(path, "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    return bool(there)


def follow(paths: Sequence[Path], queued: Callable[[], bool]) -> None:
    """Print what the logs hold and what is added to them, until `queued` says that the jobs are through.

    A job that waits in the queue, the first time or again, is waited for.
    """
    positions = dict.fromkeys(paths, 0)
    named = paths[0] if len(paths) == 1 else None
    more = True
    while more:
        more = queued()  # asked before the last look, so that no last line is missed
        for path in paths:
            piece = _from(path, positions[path])
            if piece and path != named:
                print(f"==> {path} <==", flush=True)
                named = path
            positions[path] += len(piece)
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        if more:
            time.sleep(_POLL)


def last_word(log: Path) -> str | None:
    """The last line that the job's script wrote itself, without its time: how the job ended."""
    lines = _OWN_LINE.findall(_from(log, max(0, _size(log) - _TAIL)).decode(errors="replace"))
    return lines[-1] if lines else None


def _from(path: Path, position: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(position)
            return file.read()
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
