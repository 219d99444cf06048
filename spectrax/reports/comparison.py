"""Runs put side by side: what differs between them, which is the best, which differ in their seed alone."""

import dataclasses
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spectrax.reports.choice import Choice
from spectrax.reports.runs import Run

ABSENT = object()
"""Stands for the value of a key that a run's config lacks."""

_KEYS_IN_TABLES = 8
_METRICS_IN_TABLES = 8


@dataclasses.dataclass(frozen=True)
class SeedGroup:
    """Runs of one config with several seeds, one run per seed."""

    runs: tuple[Run, ...]

    def values(self, metric: str) -> list[float]:
        """The metric of every run that has it."""
        return [run.metrics[metric] for run in self.runs if metric in run.metrics]

    def mean_and_deviation(self, metric: str) -> tuple[float, float]:
        """Mean and sample standard deviation; NaN where a run lacks the metric or has no number."""
        values = self.values(metric)
        if len(values) < len(self.runs) or not all(map(math.isfinite, values)):
            return math.nan, math.nan
        return statistics.fmean(values), statistics.stdev(values)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Everything that tables and pages show of some runs.

    Attributes:
        runs: by experiment, the best first.
        differing: config keys whose values differ between the runs, without experiment and seeds.
        keys: those of them for a table that is read: they differ within an experiment, and are
            few; those first that most command lines set.
        metrics: full names of the metrics for such a table, those that choose first.
        chosen: what chooses the best run, by experiment.
        best: the best finished run, by experiment.
        seeds: groups of finished runs that differ in their seed alone.
        seed_keys: config keys that tell these groups apart.
    """

    runs: tuple[Run, ...]
    differing: tuple[str, ...]
    keys: tuple[str, ...]
    metrics: tuple[str, ...]
    chosen: Mapping[str, Choice]
    best: Mapping[str, Run]
    seeds: tuple[SeedGroup, ...]
    seed_keys: tuple[str, ...]


def compare(runs: Iterable[Run]) -> Comparison:
    """The runs, ordered and compared."""
    runs = sorted(runs, key=lambda run: (run.experiment, run.name))
    experiments = {name: [run for run in runs if run.experiment == name] for name in dict.fromkeys(map(_name, runs))}
    chosen = {name: choice for name, members in experiments.items() if (choice := _choice(members))}
    ordered = [run for name, members in experiments.items() for run in _best_first(members, chosen.get(name))]
    seeds = _seed_keys(runs)
    differing = [key for key in differing_keys(runs) if key not in seeds and key != "experiment"]
    within = {key for members in experiments.values() for key in differing_keys(members)}
    keys = _foremost([key for key in differing if key in within], runs)
    groups = _seed_groups(runs, differing)
    firsts = [group.runs[0] for group in groups]
    return Comparison(
        runs=tuple(ordered),
        differing=tuple(differing),
        keys=tuple(keys),
        metrics=tuple(_shown_metrics(runs, chosen.values())[:_METRICS_IN_TABLES]),
        chosen=chosen,
        best={name: run for name, choice in chosen.items() if (run := _best(experiments[name], choice))},
        seeds=tuple(groups),
        seed_keys=tuple(_foremost([key for key in differing if _differs(key, firsts)], firsts) if firsts[1:] else keys),
    )


def differing_keys(runs: Sequence[Run]) -> list[str]:
    """Config keys whose values are not the same in all runs; those that only repeat another key are left out."""
    keys = dict.fromkeys(key for run in runs for key in run.config)
    return [key for key in keys if _differs(key, runs) and not _repeated(key, runs)]


def _differs(key: str, runs: Sequence[Run]) -> bool:
    first = runs[0].config.get(key, ABSENT)
    return any(run.config.get(key, ABSENT) != first for run in runs[1:])


def _repeated(key: str, runs: Sequence[Run]) -> bool:
    return all(run.repeats(key) for run in runs if key in run.config)


def _seed_keys(runs: Sequence[Run]) -> set[str]:
    """`seed`, and what is called so and has its value in every run."""
    keys = {key for run in runs for key in run.config if key.rpartition(".")[2] == "seed"}
    return {key for key in keys if all(run.config.get(key) == run.config.get("seed") for run in runs)} | {"seed"}


def _name(run: Run) -> str:
    return run.experiment


def _choice(runs: Sequence[Run]) -> Choice | None:
    """What most of the finished runs choose by, or most of all where none is finished."""
    choices = Counter(run.choice for run in runs if run.choice and run.finished)
    choices = choices or Counter(run.choice for run in runs if run.choice)
    return choices.most_common(1)[0][0] if choices else None


def _best_first(runs: Sequence[Run], choice: Choice | None) -> list[Run]:
    return sorted(runs, key=lambda run: -choice.score(run.metrics)) if choice else list(runs)


def _best(runs: Sequence[Run], choice: Choice) -> Run | None:
    able = [run for run in runs if run.finished and choice.score(run.metrics) > -math.inf]
    return max(able, key=lambda run: choice.score(run.metrics), default=None)


def _foremost(keys: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """As many keys as a table bears, those first that most command lines set."""
    said = {key: sum(_says(run, key) for run in runs) for key in keys}
    return sorted(keys, key=lambda key: -said[key])[:_KEYS_IN_TABLES]


def _says(run: Run, key: str) -> bool:
    words = [word.partition("=")[0].lstrip("+~") for word in run.overrides]
    return any(key == word or key.startswith(f"{word}.") for word in words)


def _shown_metrics(runs: Sequence[Run], choices: Iterable[Choice]) -> list[str]:
    """The choosing ones; the best of each split; the final ones of runs that have no best. None of training."""
    names: dict[str, None] = {choice.name: None for choice in choices}
    for wanted in ("best", "final"):
        for run in runs:
            for name in run.metrics:
                when, _, rest = name.partition(".")
                replaced = when == "final" and f"best.{rest}" in run.metrics
                if when == wanted and not rest.startswith("train.") and not replaced:
                    names.setdefault(name)
    return list(names)


def _seed_groups(runs: Sequence[Run], differing: Sequence[str]) -> list[SeedGroup]:
    groups: dict[Any, dict[Any, Run]] = {}
    for run in runs:
        if run.finished:
            same = (run.experiment, *(repr(run.config.get(key, ABSENT)) for key in differing))
            groups.setdefault(same, {}).setdefault(repr(run.config.get("seed")), run)
    return [SeedGroup(tuple(seeds.values())) for seeds in groups.values() if len(seeds) > 1]
