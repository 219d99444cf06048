"""The config that a run directory was made with: kept, agreed with by a later start, opened by evaluation."""

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from spectrax.config.compose import essence, read_config, recompose, references
from spectrax.config.explain import differences
from spectrax.core import remote
from spectrax.core.errors import CheckpointError
from spectrax.core.files import write_text

_CONFIG = "config.yaml"
_DATA = ".data"  # the fingerprint of data that the config does not fix
_REFERENCES = ".references.yaml"  # the values of config.yaml that were references to others, as they were written


def agree(run_dir: Path, config: DictConfig, overrides: list[str]) -> None:
    """Record the config in a new run directory, or find that it agrees with the one recorded there.

    A larger `trainer.steps` or `trainer.epochs` is accepted: a finished run goes on. So is anything as long as nothing
    was saved that would have to fit.

    Raises:
        CheckpointError: listing every key that differs.
    """
    path = run_dir / _CONFIG
    if path.exists() and _has_checkpoints(run_dir):
        saved = OmegaConf.to_container(read_config(path))
        changed = differences(essence(saved), essence(OmegaConf.to_container(config, resolve=True)))
        refused = {key: pair for key, pair in changed.items() if not _grew(run_dir, key, *pair)}
        if refused:
            lines = "\n".join(f"  {key}: {old} -> {new}" for key, (old, new) in refused.items())
            raise CheckpointError(
                f"The run in {remote.home(run_dir)} was made with another config:\n{lines}\n"
                "Use the same values to continue it, or another run_dir to start anew."
            )
    write_text(run_dir / _REFERENCES, OmegaConf.to_yaml(references(config)))
    write_text(path, OmegaConf.to_yaml(config, resolve=True))
    write_text(run_dir / "overrides.txt", "".join(f"{override}\n" for override in overrides))


def agree_on_data(run_dir: Path, dataset: Any) -> None:
    """Record what the dataset holds, where the config does not fix it, or find that it is what the run began with.

    Raises:
        CheckpointError: when it is not, and something was saved already.
    """
    if not hasattr(dataset, "fingerprint"):
        return
    path = run_dir / _DATA
    if not same_data(run_dir, dataset) and _has_checkpoints(run_dir):
        raise CheckpointError(
            f"The data changed since the run in {remote.home(run_dir)} began: examples came, went, or were found "
            "corrupt, and the run might be tested on what it was trained on. Restore them, or start anew with another "
            "run_dir."
        )
    write_text(path, dataset.fingerprint())


def same_data(run_dir: Path, dataset: Any) -> bool:
    """Whether the dataset holds what the run began with, as far as that was recorded."""
    path = run_dir / _DATA
    return not hasattr(dataset, "fingerprint") or not path.exists() or path.read_text() == dataset.fingerprint()


def reopen(run_dir: Path, overrides: list[str]) -> DictConfig:
    """The config of a run, with changes, for this machine's data and devices.

    Raises:
        CheckpointError: when the directory is not a run's.
        ConfigError: when the config or a change is wrong.
    """
    path = run_dir / _CONFIG
    if not path.exists():
        raise CheckpointError(
            f"{remote.home(run_dir)} is not a run directory: it holds no {_CONFIG}. Give the directory of a run."
        )
    referring = run_dir / _REFERENCES
    written = OmegaConf.to_container(read_config(referring), resolve=False) if referring.exists() else {}
    # The devices that trained the run need not be here: the batch is split over those that are.
    return recompose(path, written, ["mesh=data", *overrides])


def _has_checkpoints(run_dir: Path) -> bool:
    return any((remote.home(run_dir) / "checkpoints").glob("step_*"))


def _grew(run_dir: Path, key: str, old: Any, new: Any) -> bool:
    if key == "trainer.steps" and old is None:
        old = _finished_at(run_dir)
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return key in ("trainer.steps", "trainer.epochs") and numbers and new > old


def _finished_at(run_dir: Path) -> int | None:
    """The last step of a finished run, whose length in steps its config need not say."""
    summary = run_dir / "summary.json"
    return json.loads(summary.read_text())["step"] if summary.exists() else None
