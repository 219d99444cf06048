"""How the processes of a run agree: they compare what they know, do things together, and fail alike.

Process 0 alone writes, but for checkpoints, of which each writes what it holds.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import numpy as np

from spectrax.core import errors
from spectrax.core.errors import ConfigError, SpectraxError

T = TypeVar("T")


def is_writer() -> bool:
    """Whether this process writes what a run leaves behind."""
    return jax.process_index() == 0


def on_first(work: Callable[[], Any]) -> None:
    """Do something on process 0 alone; what goes wrong there ends all processes alike.

    Raises:
        SpectraxError: what `work` raised, in every process.
    """
    on_all(work if is_writer() else lambda: None)


def on_all(work: Callable[[], Any]) -> None:
    """Do something on every process; what goes wrong on one of them ends all alike.

    Raises:
        SpectraxError: what `work` raised in the first process in which it did.
    """
    if jax.process_count() == 1:
        work()
        return
    failure = None
    try:
        work()
    except Exception as error:
        failure = error
    ours = isinstance(failure, SpectraxError)
    kind = type(failure).__name__ if ours else SpectraxError.__name__
    told = _gather("" if failure is None else json.dumps({"kind": kind, "text": str(failure) or kind}))
    if failure is not None and not ours:
        raise failure
    found = next((text for text in told if text), None)
    if found is not None:
        problem = json.loads(found)
        raise getattr(errors, problem["kind"], SpectraxError)(problem["text"])


def together(work: Callable[[], T]) -> T:
    """What `work` gives; where it fails in one process, it fails in all, so that they go on alike.

    Raises:
        Exception: what `work` raised here; FileNotFoundError, with its words, when only another process failed.
    """
    if jax.process_count() == 1:
        return work()
    result, failure = None, None
    try:
        result = work()
    except Exception as error:
        failure = error
    told = _gather("" if failure is None else f"{type(failure).__name__}: {failure}")
    if failure is not None:
        raise failure
    elsewhere = next((f"process {index}: {text}" for index, text in enumerate(told) if text), None)
    if elsewhere is not None:
        raise FileNotFoundError(elsewhere)
    return result


def everywhere(fact: bool) -> bool:
    """Whether it holds in every process."""
    return fact if jax.process_count() == 1 else all(_gather("yes" if fact else ""))


def of_first(text: str) -> str:
    """What process 0 has."""
    return text if jax.process_count() == 1 else _gather(text)[0]


def agree_on(facts: Mapping[str, Any]) -> None:
    """Find that every process was started with the same facts (a flat config, versions).

    Raises:
        ConfigError: naming a process and the first facts that differ.
    """
    if jax.process_count() == 1:
        return
    told = _gather(json.dumps(facts, default=str))
    first, mine = json.loads(told[0]), json.loads(told[jax.process_index()])
    differing = [key for key in sorted({*first, *mine}) if first.get(key) != mine.get(key)]
    shown = [f"{key} is {mine.get(key)!r}, in process 0 {first.get(key)!r}" for key in differing[:5]]
    problems = [f"process {index}: {text}" for index, text in enumerate(_gather("; ".join(shown))) if text]
    if problems:
        raise ConfigError(
            "The processes of this run were not started alike:\n  " + "\n  ".join(problems) + "\n"
            "Start all of them with the same command, code and packages."
        )


def _gather(text: str) -> list[str]:
    """The texts of all processes, in their order."""
    from jax.experimental import multihost_utils

    data = np.frombuffer(text.encode(), np.uint8)
    lengths = multihost_utils.process_allgather(np.int32(len(data))).reshape(-1)
    padded = np.zeros(max(1, int(lengths.max())), np.uint8)
    padded[: len(data)] = data
    rows = multihost_utils.process_allgather(padded).reshape(jax.process_count(), -1)
    return [row[:length].tobytes().decode() for row, length in zip(rows, lengths, strict=True)]
