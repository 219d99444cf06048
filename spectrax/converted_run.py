"""Weights from elsewhere as a run directory, which opens like one that was trained here."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.core.errors import RunDirectoryError

if TYPE_CHECKING:
    from omegaconf import DictConfig


def check_new(output: Path) -> None:
    """Raises `RunDirectoryError` when the directory is there already, or cannot be made."""
    if output.exists() or output.is_symlink():
        raise RunDirectoryError(f"{output} is there already, and nothing is written over. Give another output=DIR.")
    folder = next(parent for parent in output.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise RunDirectoryError(f"{output} cannot be made: {folder} takes no files. Give another output=DIR.")


def write(output: Path, config: "DictConfig", weights: Mapping[str, Any], words: list[str]) -> None:
    """Make the directory, whole or not at all: config, environment, and a checkpoint of step 0.

    The checkpoint can be evaluated, predicted with and exported; to be trained on, it is another run's beginning.

    Args:
        config: composed, with its references.
        weights: as `TrainState.evaluated`.
        words: what the config was composed from.

    Raises:
        RunDirectoryError: when it cannot be written.
    """
    from spectrax.core.files import rename_whole, told_if_unwritable
    from spectrax.parallel.devices import describe_devices
    from spectrax.saved_config import agree
    from spectrax.training.run_directory import record_environment

    with told_if_unwritable(output, "DIR"):
        output.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=".part", dir=output.parent))
        try:
            agree(unfinished, config, words)
            record_environment(unfinished, describe_devices())
            _save(unfinished / "checkpoints", weights)
            unfinished.chmod(0o755)
            rename_whole(unfinished, output)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _save(directory: Path, weights: Mapping[str, Any]) -> None:
    import contextlib

    import jax.numpy as jnp

    from spectrax.training.checkpoints import Checkpoints
    from spectrax.training.state import TrainState

    # Nothing was trained: there is no state of an optimizer, and a run that should go on from here is refused.
    state = TrainState(step=jnp.zeros((), jnp.int32), optimizer={}, average={}, extra={}, **weights)
    results = {"final": {}, "best": {}, "best_step": None, "improved_step": None}
    with contextlib.closing(Checkpoints(directory)) as checkpoints:
        checkpoints.save(0, state, {"marks": {}, "results": results, "ending": None, "seconds": 0.0})
        checkpoints.wait()
