"""An Optuna study whose trials outlive the process that began them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import OptunaError
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from spectrax.config.targets import resolve
from spectrax.core.errors import ConfigError

Values = dict[str, Any]
"""What a trial tries, by key."""


class Study:
    """The study of a sweep, begun or found again.

    Args:
        keys: `hydra.sweeper`.
        directory: of the sweep; its file `study.db` holds the study unless a storage is named.
        direction: "maximize" or "minimize".

    Raises:
        ConfigError: when the keys cannot be used, or the study that is there is another one.
    """

    def __init__(self, keys: Mapping[str, Any], directory: Path, direction: str, space: Mapping[str, BaseDistribution]):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._keys, self._space = keys, dict(space)
        storage = keys["storage"] or f"sqlite:///{(directory / 'study.db').absolute()}"
        name = keys["study_name"] or directory.name
        self._sampler(0)
        try:
            self._study = optuna.create_study(
                storage=storage, study_name=name, direction=direction, load_if_exists=True
            )
        # A database's own errors, a driver that is missing, a URL or a version of the tables that Optuna refuses.
        except (SQLAlchemyError, OptunaError, ImportError, ValueError, RuntimeError) as error:
            raise ConfigError(f"hydra.sweeper.storage={storage} cannot be used: {_first_line(error)}") from error
        if not self._is_of(direction):
            raise ConfigError(
                f"The study {name} in {storage} chooses from other values, or in the other direction. Choose another "
                "hydra.sweeper.study_name or hydra.sweep.dir."
            )

    def count(self) -> int:
        """The trials that were begun."""
        return sum(self._is_whole(trial) for trial in self._study.get_trials(deepcopy=False))

    def open(self) -> list[tuple[int, Values]]:
        """The trials that were begun and have no result yet, by number."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in running:
            if not self._is_whole(trial):  # the process ended while it was asking
                self._study.tell(trial.number, state=TrialState.FAIL)
        return [(trial.number, trial.params) for trial in running if self._is_whole(trial)]

    def ask(self) -> tuple[int, Values]:
        """The number and the values of a new trial.

        Raises:
            ConfigError: when the sampler needs a package that is not installed.
        """
        self._study.sampler = self._sampler(len(self._study.get_trials(deepcopy=False)))
        try:
            trial = self._study.ask(self._space)
        except ImportError as error:  # some samplers need a package of their own, and look for it late
            raise ConfigError(f"hydra.sweeper.sampler: {_first_line(error)}") from error
        return trial.number, trial.params

    def tell(self, number: int, value: float | None) -> None:
        """What a trial reached; None, or no number, for one that failed."""
        if value is None or math.isnan(value):
            self._study.tell(number, state=TrialState.FAIL)
        else:
            self._study.tell(number, value)

    def _is_of(self, direction: str) -> bool:
        """Whether the study asks what is asked here: its direction, and what its trials were drawn from."""
        trials = self._study.get_trials(deepcopy=False)
        # Of a trial that was cut off while it was asked for, the study knows a part of the values.
        whole = (self._is_whole(trial) for trial in trials if trial.state == TrialState.COMPLETE)
        drawn = (trial.distributions.items() <= self._space.items() for trial in trials)
        return [one.name.lower() for one in self._study.directions] == [direction] and all(whole) and all(drawn)

    def _is_whole(self, trial: optuna.trial.FrozenTrial) -> bool:
        return trial.params.keys() == self._space.keys()

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """The sampler of a trial: what it draws follows from the trials before, not from the process that asks."""
        keys = dict(self._keys["sampler"])
        target = resolve(keys.pop("_target_"), ("optuna.samplers",))
        if keys.get("seed") is not None:
            keys["seed"] += number
        try:
            return target(**keys)
        except (TypeError, ValueError, ImportError) as error:
            raise ConfigError(f"hydra.sweeper.sampler: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
