"""The run that another one begins with: which of its weights those are, found without JAX."""

import contextlib
import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from spectrax.core import remote
from spectrax.core.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etils import epath


@dataclasses.dataclass(frozen=True)
class Origin:
    """A checkpoint to begin with.

    Attributes:
        step: the run's best, or its last where nothing chose.
        digest: twelve hexadecimal digits that are the same for the same weights, wherever they lie.
    """

    step: int
    digest: str


def find(run: str) -> Origin:
    """The weights of a run, by what its checkpoints say of themselves.

    Args:
        run: the directory, or gs://BUCKET/PATH.

    Raises:
        CheckpointError: when there is no checkpoint.
        RunDirectoryError: when the bucket cannot be read.
    """
    home = remote.place(run) if remote.is_remote(run) else Path(run).expanduser()
    with remote.told(run, "read"):
        records = dict(_records(home / "checkpoints"))
    if not records:
        raise CheckpointError(f"init_from={run} holds no checkpoint to begin with. Give the directory of a run.")
    newest = max(records)
    best = records[newest]["results"]["best_step"]
    step = best if best in records else newest
    weights = json.dumps(records[step]["fingerprints"]["weights"], sort_keys=True)
    return Origin(step, hashlib.sha256(weights.encode()).hexdigest()[:12])


def recorded(run_dir: "Path | epath.Path", source: str) -> str | None:
    """The digest of the weights that the run of a directory began with, if it says that they were those of `source`."""
    try:
        saved = yaml.safe_load((run_dir / "config.yaml").read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(saved, dict) or not isinstance(saved.get("init_from"), str):
        return None
    return saved.get("init_weights") if _absolute(saved["init_from"]) == _absolute(source) else None


def _absolute(run: str) -> str:
    return run if remote.is_remote(run) else str(Path(run).expanduser().absolute())


def _records(checkpoints: "Path | epath.Path") -> "Iterator[tuple[int, dict[str, Any]]]":
    """Step and record of every whole checkpoint."""
    for path in checkpoints.glob("step_*"):
        if re.fullmatch(r"step_\d+", path.name):
            with contextlib.suppress(OSError, ValueError):  # damaged, or not yet whole
                yield int(path.name.removeprefix("step_")), json.loads((path / "meta" / "metadata").read_text())
