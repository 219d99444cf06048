"""The Optuna sweeper: what is run next follows from what the runs before reached.

Optuna is called here, by keys that have the names of the plug-in hydra-optuna-sweeper's. The plug-in itself asks for
Optuna 2, whose storage in a file does not work with SQLAlchemy 2, and it does not continue an interrupted study.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import distribution_to_json

from spectrax.core.errors import ConfigError, NonFiniteLoss, UnreadableFile
from spectrax.reports import runs
from spectrax.sweeps.jobs import Job, Launch, check_directories, compose_job, is_finished, plain, varied
from spectrax.sweeps.record import Record
from spectrax.sweeps.request import Request
from spectrax.sweeps.search_space import ends, space
from spectrax.sweeps.study import Study, Values

# Exit codes that say something of the values that were tried. After any other (no data, a full disk, a signal, a lost
# job) the trial stays open, and its run is continued when the same command comes again.
_JUDGED = (ConfigError.exit_code, NonFiniteLoss.exit_code)
_DIRECTIONS = {"max": "maximize", "min": "minimize"}


class Search:
    """A request for trials.

    Attributes:
        examples: two runs that differ in every varied key, not to be run; their configs are checked.
        drawn_from: every varied key and the distribution of its values.

    Raises:
        ConfigError: when its words, configs or keys are wrong, or runs would share a directory.
    """

    def __init__(self, request: Request):
        overrides = varied(request)
        if not overrides:
            raise ConfigError("hydra/sweeper=optuna has nothing to vary. Give a key several values, or an interval.")
        self.space = space(overrides)
        self.drawn_from = [f"{key}={distribution_to_json(self.space[key])}" for key in sorted(self.space)]
        self._request, self._keys = request, request.sweeper_keys()
        self._written = {key: override.get_key_element() for key, override in overrides.items()}
        self._fixed = [word for word in request.words if plain(word.partition("=")[0]) not in self.space]
        for name in ("n_trials", "n_jobs"):
            if not isinstance(self._keys[name], int) or self._keys[name] < 1:
                raise ConfigError(f"hydra.sweeper.{name}={self._keys[name]} should be a whole number from 1.")
        self.examples = [self._job(number, values) for number, values in enumerate(ends(self.space))]
        check_directories(self.examples)

    def run(self, launch: Launch, record: Record) -> None:
        """Trials until there are as many as asked for, those that were left open first.

        Raises:
            ConfigError: when the study cannot be begun or continued, or a run reached nothing to choose by.
            SweepStopped: from the launcher.
        """
        study = Study(self._keys, record.path.parent, self._direction(), self.space)
        record.remember()
        waiting, size = study.open(), self._keys["n_jobs"]
        while waiting or study.count() < self._keys["n_trials"]:
            batch, waiting = waiting[:size], waiting[size:]
            while len(batch) < size and study.count() < self._keys["n_trials"]:
                batch.append(study.ask())
            self._try(study, batch, launch, record)

    def _try(self, study: Study, batch: Sequence[tuple[int, Values]], launch: Launch, record: Record) -> None:
        jobs = []
        for number, values in batch:
            try:
                jobs.append(self._job(number, values))
            except ConfigError as error:
                print(f"[{number}] is no run: {error}", flush=True)
                study.tell(number, None)
                record.refused(number, {key: str(value) for key, value in values.items()}, error.exit_code)
        record.add(jobs)
        missing: dict[Path, Job] = {}
        for job in jobs:
            if is_finished(job):
                print(f"{job}: finished before", flush=True)
                self._end(study, [job], 0, record)
            else:
                missing.setdefault(job.run_dir, job)  # trials with equal values are one run
        if missing:
            for done, code in launch(list(missing.values())):
                self._end(study, [job for job in jobs if job.run_dir == done.run_dir], code, record)

    def _end(self, study: Study, jobs: Sequence[Job], code: int, record: Record) -> None:
        for one in jobs:
            record.ended(one, code)
            if code == 0:
                study.tell(one.number, selected(one))
            elif code in _JUDGED:
                study.tell(one.number, None)

    def _job(self, number: int, values: Mapping[str, Any]) -> Job:
        chosen = [f"{self._written[key]}={values[key]}" for key in self.space]
        return compose_job(self._request, number, [*self._fixed, *chosen], self.space)

    def _direction(self) -> str:
        mode = self.examples[0].config.trainer.select_mode
        if self._keys["direction"] not in (None, _DIRECTIONS[mode]):
            raise ConfigError(
                f"hydra.sweeper.direction={self._keys['direction']}, but trainer.select_mode={mode}, which chooses the "
                "best step of a run and the best run alike. Set trainer.select_mode alone."
            )
        return _DIRECTIONS[mode]


def selected(job: Job) -> float:
    """The metric of the finished run that its trainer chooses by, at the best step.

    Raises:
        ConfigError: when no split chooses.
    """
    try:
        run = runs.read(job.run_dir, str(job.run_dir))
    except UnreadableFile as error:
        raise ConfigError(f"{job.run_dir} ended well, but says nothing: {error}.") from error
    if run.selected_on is None:
        raise ConfigError(
            "The dataset has no validation split to choose by. To choose by the test split, say trainer.select_on=test."
        )
    return run.metrics[f"best.{run.selected_on}.{job.config.trainer.select_by}"]
