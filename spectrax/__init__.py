"""Spectrax: spectral deep learning in JAX.

Importing this package imports nothing heavy; `compose` and `load` are the two doors for notebooks.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "compose", "load"]


def compose(experiment: str = "svt_digits", overrides: list[str] | None = None) -> Any:
    """The checked, resolved config of an experiment, as the commands would compose it.

    Args:
        experiment: a name under `experiments/`, such as "svt_digits".
        overrides: Hydra overrides, such as `["trainer.steps=10", "model=svt_h_s"]`.

    Raises:
        spectrax.core.errors.ConfigError: naming every wrong key and the nearest valid one.
    """
    from spectrax.config.compose import compose as compose_config

    return compose_config(experiment, overrides or [])


def load(run: str, step: int | str = "best", overrides: list[str] | None = None) -> Any:
    """A finished (or running) run, opened for use: `.config`, `.model`, `.dataset`, `.task`, `.predict(inputs)`.

    Args:
        run: the run directory.
        step: "best", "last" or the number of a saved step.
        overrides: changes to its config, such as `["data_dir=/data"]`.

    Raises:
        spectrax.core.errors.CheckpointError: when the directory holds no checkpoint that fits its config.
    """
    from spectrax.evaluate import load_run

    return load_run(run, step, overrides)
