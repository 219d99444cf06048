"""Weights & Biases, with the extra `wandb`."""

import importlib.util
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from spectrax.core.errors import ConfigError
from spectrax.core.files import write_text


class WandbWriter:
    """Scalars `<split>/<metric>` and `timing/<name>` over `step`, with the run's config.

    A run that continues goes on as the same one, whose identity is kept in the run directory. Steps taken again after a
    kill appear twice there: what was sent cannot be taken back.

    Args:
        project: where the run appears.
        mode: "online", or "offline" to keep everything below the run directory until `wandb sync`.
        entity: user or team; None for the default one.

    Raises:
        ConfigError: when the package is not installed.
    """

    def __init__(
        self, project: str = "spectrax", mode: Literal["online", "offline"] = "online", entity: str | None = None
    ):
        if importlib.util.find_spec("wandb") is None:
            raise ConfigError("The writer wandb needs a package: python -m pip install 'spectrax[wandb]'.")
        self._project, self._mode, self._entity = project, mode, entity
        self._run: Any = None

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """Begin, or go on with the run of the same name."""
        import wandb
        import yaml

        config = run_dir / "config.yaml"
        self._run = wandb.init(
            project=self._project,
            entity=self._entity,
            mode=self._mode,
            dir=run_dir,
            id=_identity(run_dir),
            name="/".join(run_dir.absolute().parts[-2:]),
            resume="allow",
            config=yaml.safe_load(config.read_text()) if config.exists() else None,
            settings=wandb.Settings(silent=True, console="off"),
        )
        # The best step's test metrics come after later steps: the axis is ours, not the order of arrival.
        self._run.define_metric("*", step_metric="step")

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Send one scalar per metric."""
        self._run.log({"step": step, **{f"{split}/{name}": value for name, value in metrics.items()}})

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Send one scalar per timing."""
        self._run.log({"step": step, **{f"timing/{name}": value for name, value in timings.items()}})

    def mark(self) -> None:
        """What was sent cannot be taken back."""

    def close(self) -> None:
        """Finish sending."""
        if self._run is not None:
            run, self._run = self._run, None
            run.finish()


def _identity(run_dir: Path) -> str:
    """The name under which W&B knows the run of this directory; made once."""
    path = run_dir / ".wandb_id"
    if not path.exists():
        write_text(path, uuid.uuid4().hex[:16])
    return path.read_text()
