"""Run directories: found below a directory or by a pattern, and read without trust in what they hold."""

import dataclasses
import glob
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spectrax.core.errors import ConfigError, UnreadableFile
from spectrax.reports import curves
from spectrax.reports.choice import Choice, best_so_far, choice
from spectrax.reports.curves import Curves

_CONFIG, _SUMMARY, _METRICS = "config.yaml", "summary.json", "metrics.csv"
_REFERENCES = ".references.yaml"  # the values of config.yaml that were references to others
_MARKS = {_CONFIG, _SUMMARY, _METRICS, "overrides.txt", "environment.json"}  # two of them mark a run directory


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run directory says.

    Attributes:
        name: the directory, shortened to what tells it from the others.
        config: dotted key to value; without places, writers and devices. A list of plain values is one value.
        references: keys of `config` (or of nodes above) that only repeat another key.
        overrides: the words of the command line.
        curves: what was logged, by (split, metric).
        metrics: `final.<split>.<metric>` (of an unfinished run: the latest) and, where a split chooses,
            `best.<split>.<metric>`.
        step: the last step; with `finished`, of the whole run.
        parameters, best_step, selected_on, examples_per_second, seconds, compile_seconds: as in
            `core.protocols.Summary`; None where a run that is not finished cannot say.
    """

    directory: Path
    name: str
    config: dict[str, Any]
    references: frozenset[str]
    overrides: tuple[str, ...]
    curves: Curves
    metrics: dict[str, float]
    finished: bool
    step: int
    parameters: int | None
    best_step: int | None
    selected_on: str | None
    examples_per_second: float | None
    seconds: float | None
    compile_seconds: float | None
    device: str | None

    @property
    def experiment(self) -> str:
        """The name of its experiment, or nothing."""
        return str(self.config.get("experiment") or "")

    @property
    def choice(self) -> Choice | None:
        """What makes it better or worse than others of its experiment."""
        return choice(self.config, self.metrics, self.selected_on)

    def repeats(self, key: str) -> bool:
        """Whether the value of `key` only follows another key's."""
        parts = key.split(".")
        return any(".".join(parts[:end]) in self.references for end in range(1, len(parts) + 1))


def find(source: str, more: Iterable[Path] = ()) -> list[Path]:
    """The run directories at or below a directory, or at or below what a pattern matches, each once, by name.

    Nothing is looked for inside a run directory or a hidden one, and links to directories are not followed.

    Args:
        more: directories that are looked at too, wherever they are, if they are a run's.
    """
    literal = os.path.expanduser(source)
    starts = [literal] if os.path.isdir(literal) else sorted(glob.glob(literal, recursive=True))
    found: dict[Path, Path] = {}
    for start in starts:
        for path in _below(start):
            found.setdefault(path.resolve(), path)
    for path in more:
        if path.is_dir() and is_run(os.listdir(path)):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _below(start: str) -> Iterator[Path]:
    for folder, folders, names in os.walk(start):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if is_run(names):
            folders.clear()
            yield Path(folder)


def is_run(names: Iterable[str]) -> bool:
    """Whether a directory that holds files of these names is a run's."""
    return len(_MARKS.intersection(names)) >= 2


def short_names(directories: Sequence[Path]) -> list[str]:
    """The directories without the beginning that all of them share, as text."""
    absolute = [path.absolute() for path in directories]
    shared = os.path.commonpath([path.parent for path in absolute]) if absolute else ""
    return [printable(path.relative_to(shared)) for path in absolute]


def printable(path: Path) -> str:
    """A path as text: bytes of a name that are no UTF-8 become replacement characters."""
    return os.fsencode(path).decode(errors="replace")


def read(directory: Path, name: str) -> Run:
    """A run directory as it stands, finished or not.

    Raises:
        UnreadableFile: when a file of it is not what a run writes; the text says which and why.
    """
    config = _config(directory / _CONFIG)
    summary = _summary(directory / _SUMMARY)
    logged = curves.read(directory / _METRICS)
    last = max((steps[-1] for steps, _ in logged.values()), default=0)
    latest = {f"final.{split}.{metric}": values[-1] for (split, metric), (_, values) in logged.items()}
    # A finished run that goes on to a larger number of steps has a summary of what it was.
    finished = summary is not None and summary["step"] >= last
    facts = _facts(summary or {}, finished)
    if finished:
        step, metrics = summary["step"], latest | summary["metrics"]
    else:
        step = last
        facts["best_step"], best = best_so_far(config, logged)
        metrics = latest | best
    return Run(
        directory=directory,
        name=name,
        config=config,
        references=_references(directory),
        overrides=_overrides(directory / "overrides.txt"),
        curves=logged,
        metrics=metrics,
        finished=finished,
        step=step,
        **facts | {"device": facts["device"] or _device(directory / "environment.json")},
    )


def _facts(summary: dict[str, Any], finished: bool) -> dict[str, Any]:
    kinds = {
        "parameters": int, "best_step": int, "selected_on": str, "device": str,
        "examples_per_second": int | float, "seconds": int | float, "compile_seconds": int | float,
    }  # fmt: skip
    lasting = ("parameters", "device")
    known = {key: summary.get(key) if finished or key in lasting else None for key in kinds}
    return {key: value if isinstance(value, kinds[key]) else None for key, value in known.items()}


def _summary(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    summary = _json(path)
    metrics = summary.get("metrics")
    if not isinstance(summary.get("step"), int) or not isinstance(metrics, dict):
        raise UnreadableFile(f"{path.name} is not the summary of a run")
    if not all(isinstance(value, int | float) for value in metrics.values()):
        raise UnreadableFile(f"{path.name} holds metrics that are no numbers")
    return summary


def _device(path: Path) -> str | None:
    device = _json(path).get("device") if path.exists() else None
    return device if isinstance(device, str) else None


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path.name} cannot be read ({error})") from error
    if not isinstance(value, dict):
        raise UnreadableFile(f"{path.name} holds no keys")
    return value


def _overrides(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines()) if path.exists() else ()
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read ({error.strerror})") from error


def _config(path: Path) -> dict[str, Any]:
    from spectrax.config.compose import essence

    if not path.exists():
        raise UnreadableFile(f"it holds no {path.name}")
    return dict(_leaves(essence(_yaml(path))))


def _references(directory: Path) -> frozenset[str]:
    path = directory / _REFERENCES
    return frozenset(_yaml(path)) if path.exists() else frozenset()


def _yaml(path: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf

    from spectrax.config.compose import read_config

    try:
        return OmegaConf.to_container(read_config(path), resolve=False)
    except ConfigError as error:
        raise UnreadableFile(str(error).rstrip(".")) from error


def _leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its dotted key; a list of plain values stays one, as a command line gives it."""
    if isinstance(tree, dict) and tree:
        items = tree.items()
    elif isinstance(tree, list) and any(isinstance(item, dict | list) for item in tree):
        items = enumerate(tree)
    else:
        yield prefix, tree
        return
    for key, value in items:
        yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))
