"""`hydra/sweeper=optuna`: its keys, `hydra.sweeper.*`."""

import dataclasses
from typing import Any

from omegaconf import MISSING


@dataclasses.dataclass
class OptunaKeys:
    """The keys have the names of the plug-in hydra-optuna-sweeper's.

    Attributes:
        sampler: what chooses the values; one of `SAMPLERS`, or the `_target_` of another class of `optuna.samplers`.
        n_trials: runs in all; a study that is begun again with more goes on.
        n_jobs: runs chosen at a time; a launcher that can has them run side by side.
        direction: None for what `trainer.select_mode` says.
        storage: URL of a database; None for `study.db` in the sweep's directory.
        study_name: None for the name of that directory.
        params: further keys to vary, such as `{schedule.peak: "interval(1e-4, 1e-2)"}` in an experiment's yaml.
    """

    defaults: list[Any] = dataclasses.field(default_factory=lambda: [{"sampler": "tpe"}])
    sampler: Any = MISSING
    n_trials: int = 20
    n_jobs: int = 1
    direction: str | None = None
    storage: str | None = None
    study_name: str | None = None
    params: dict[str, str] = dataclasses.field(default_factory=dict)


SAMPLERS: dict[str, dict[str, Any]] = {
    "tpe": {"_target_": "optuna.samplers.TPESampler", "seed": 0, "n_startup_trials": 10, "multivariate": False},
    "random": {"_target_": "optuna.samplers.RandomSampler", "seed": 0},
    "cmaes": {"_target_": "optuna.samplers.CmaEsSampler", "seed": 0, "n_startup_trials": 1},
}
"""`hydra/sweeper/sampler`: tree-structured Parzen estimators; at random; CMA-ES, for numbers alone."""


def register() -> None:
    """Make them known to Hydra, in place of the plug-in's own where that is installed and was found before."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(group="hydra/sweeper", name="optuna", node=OptunaKeys, provider="spectrax")
    for name, keys in SAMPLERS.items():
        store.store(group="hydra/sweeper/sampler", name=name, node=keys, provider="spectrax")
