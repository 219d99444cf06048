"""The runs of a sweep: their words and configs, and which of them are finished already."""

import dataclasses
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from spectrax.config.compose import compose_command, essence, read_config
from spectrax.config.overrides import parse, split_sweeps
from spectrax.core.errors import ConfigError
from spectrax.sweeps.request import Request, check_on_disk


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """One run of a sweep.

    Attributes:
        number: its place in the sweep.
        values: what is varied, by key.
        words: its command line.
    """

    number: int
    values: Mapping[str, str]
    words: tuple[str, ...]
    config: DictConfig

    @property
    def run_dir(self) -> Path:
        """Where it leaves its results."""
        return Path(self.config.run_dir)

    def __str__(self) -> str:
        return f"[{self.number}] {' '.join(f'{key}={value}' for key, value in self.values.items()) or 'the one run'}"


Launch = Callable[[Sequence[Job]], Iterator[tuple[Job, int]]]
"""Has runs done; gives each with its exit code when it has ended. Raises `SweepStopped`."""


class SweepStopped(Exception):
    """A signal came: no other run begins.

    Attributes:
        code: the exit code of the sweep.
    """

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


def varied(request: Request) -> dict[str, Any]:
    """Key to parsed override of every word with several values.

    Raises:
        ConfigError: for words that do not parse.
    """
    parsed, problems = parse(request.words)
    if problems:
        raise ConfigError("\n  ".join(["The config is wrong:", *problems]))
    return {plain(o.get_key_element()): o for o in parsed if o.is_sweep_override()}


def plain(key: str) -> str:
    """A key without the signs that say how it is set."""
    return key.lstrip("+~")


def compose_job(request: Request, number: int, words: Sequence[str], keys: Collection[str]) -> Job:
    """A run from its words, all with single values.

    Raises:
        ConfigError: when its config is wrong.
    """
    pairs = (word.partition("=") for word in words)
    values = {plain(key): value for key, _, value in pairs if plain(key) in keys}
    whole = (*request.verbatim, *words)
    return Job(number, values, whole, compose_command(whole))


def grid(request: Request) -> list[Job]:
    """Every combination of the values.

    Raises:
        ConfigError: when a config is wrong, two runs would share a directory, or one lies in a bucket.
    """
    keys = varied(request)
    try:
        combinations = split_sweeps(request.words)
    except HydraException as error:
        raise ConfigError(f"{error}. hydra/sweeper=optuna chooses values from an interval.") from error
    jobs = [compose_job(request, number, words, keys) for number, words in enumerate(combinations)]
    check_directories(jobs)
    return jobs


def check_directories(jobs: Sequence[Job]) -> None:
    """Raise `ConfigError` when two runs of a sweep would share a directory, or one lies in a bucket."""
    found = [job.config.run_dir for job in jobs]
    for path in found:
        check_on_disk("run_dir", path)
    shared = next((path for path in found if found.count(path) > 1), None)
    if shared is not None:
        raise ConfigError(
            f"Several runs of the sweep would share run_dir={shared}: nothing that names it differs. Name what differs "
            "in it, such as run_dir='out/seed${seed}'."
        )


def is_finished(job: Job) -> bool:
    """Whether the run is known to have nothing left to do, from its files alone; one in doubt is not."""
    try:
        summary = json.loads((job.run_dir / "summary.json").read_bytes())
        step, stopped = summary["step"], summary.get("stopped")
        saved = read_config(job.run_dir / "config.yaml")
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        return False
    same = essence(OmegaConf.to_container(saved)) == essence(OmegaConf.to_container(job.config, resolve=True))
    kept = (job.run_dir / "checkpoints" / f"step_{step}").is_dir()
    return same and kept and (bool(stopped) or _reaches(job, step))


def _reaches(job: Job, step: int) -> bool:
    """Whether the last step of the whole run is `step`.

    How many steps some epochs have, only the data can say; but a directory that is named after its config never changes
    its length, as one that the user named may.
    """
    steps = job.config.trainer.get("steps")
    named_by_user = any(word.startswith(("run_dir=", "+run_dir=")) for word in job.words)
    return step == steps if steps is not None else not named_by_user
