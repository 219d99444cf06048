"""Runs named by what was varied between them, which says more beside a curve than the hash of a directory."""

from collections import Counter
from collections.abc import Sequence

from spectrax.reports.comparison import ABSENT, differing_keys
from spectrax.reports.runs import Run
from spectrax.reports.table import written

_KEYS = 4  # in a label
_LONGEST = 28  # characters of a value


def labels(runs: Sequence[Run]) -> list[str]:
    """A label for each run, such as "spectral_layer=dtcwt, seed=1": what varies within its experiment.

    What command lines set comes first, as they set it (`model=svt_h_b` rather than the sizes that follow), and the rest
    where that tells too little. A label that two runs would share has the run's name added; a run that differs from the
    others of its experiment in nothing that can be said has its name alone.
    """
    experiments = dict.fromkeys(run.experiment for run in runs)
    varied = {name: _varied([run for run in runs if run.experiment == name]) for name in experiments}
    made = [_label(run, varied[run.experiment]) for run in runs]
    if len(experiments) > 1:
        made = [f"{run.experiment}: {label}" if label else "" for run, label in zip(runs, made, strict=True)]
    shared = Counter(made)
    return [
        run.name if not label else f"{label} ({run.name})" if shared[label] > 1 else label
        for run, label in zip(runs, made, strict=True)
    ]


def _varied(runs: Sequence[Run]) -> list[str]:
    """Keys that command lines set and that differ; with others where these do not tell all of the runs apart."""
    keys = [key for key in differing_keys(runs) if key != "experiment"]
    said = dict.fromkeys(word for run in runs for word in _said(run))
    by_word = {word: [key for key in keys if key == word or key.startswith(f"{word}.")] for word in said}
    words = [word for word, known in by_word.items() if known][:_KEYS]
    covered = {key for word in words for key in by_word[word]}
    others = [key for key in keys if key not in covered]
    while len({_label(run, words) for run in runs}) < len(runs) and others and len(words) < _KEYS:
        words.append(others.pop(0))
    return words


def _said(run: Run) -> dict[str, str]:
    """Key to value for the words of the command line."""
    pairs = [word.partition("=") for word in run.overrides]
    return {key.lstrip("+~"): value.strip("'\"") for key, sign, value in pairs if sign}


def _label(run: Run, keys: Sequence[str]) -> str:
    lasts = Counter(key.rpartition(".")[2] for key in keys)
    parts = []
    for key in keys:
        last = key.rpartition(".")[2]
        value = written(run.config.get(key, ABSENT)) or _said(run).get(key, "default")
        value = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
        parts.append(f"{last if lasts[last] == 1 else key}={value}")
    return ", ".join(parts)
