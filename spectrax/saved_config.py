"""The config that a run directory was made with, and whether another may continue in it."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from spectrax.config.compose import essence
from spectrax.config.explain import differences
from spectrax.core.errors import CheckpointError
from spectrax.core.files import write_text

_MAY_GROW = ("trainer.steps", "trainer.epochs")


def agree(run_dir: Path, config: DictConfig, overrides: list[str]) -> None:
    """Record the config in a new run directory, or find that it agrees with the one recorded there.

    A larger `trainer.steps` or `trainer.epochs` is accepted: a finished run goes on.

    Raises:
        CheckpointError: listing every key that differs.
    """
    path = run_dir / "config.yaml"
    if path.exists():
        saved = OmegaConf.to_container(OmegaConf.load(path))
        changed = differences(essence(saved), essence(OmegaConf.to_container(config, resolve=True)))
        refused = {key: pair for key, pair in changed.items() if not _grew(key, *pair)}
        if refused:
            lines = "\n".join(f"  {key}: {old} -> {new}" for key, (old, new) in refused.items())
            raise CheckpointError(
                f"The run in {run_dir} was made with another config:\n{lines}\n"
                "Use the same values to continue it, or another run_dir to start anew."
            )
    write_text(path, OmegaConf.to_yaml(config, resolve=True))
    write_text(run_dir / "overrides.txt", "".join(f"{override}\n" for override in overrides))


def _grew(key: str, old: Any, new: Any) -> bool:
    return key in _MAY_GROW and isinstance(old, int | float) and isinstance(new, int | float) and new > old
