"""The words of a command line: grammar, groups, experiments, and paths that Hydra must not parse."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spectrax.config import find
from spectrax.config.explain import nearest
from spectrax.core import remote
from spectrax.core.errors import ConfigError

DEFAULT_EXPERIMENT = "svt_digits"
PATH_KEYS = ("run_dir", "data_dir", "init_from")


# Groups whose options change keys of any other node; none is chosen unless it is asked for.
GLOBAL_GROUPS = ("experiment", "debug")


def with_experiment(overrides: Sequence[str]) -> list[str]:
    """`experiment=x` as `+experiment=x`, and so for `debug`; the default experiment when none is named.

    They come first and in this order, since each changes what those before it say.
    """
    words = [f"+{word}" if _is_global(word) else word for word in overrides]
    # In Hydra's grammar a bare nan is a number.
    words = ["+debug='nan'" if word == "+debug=nan" else word for word in words]
    first = {group: [word for word in words if word.startswith(f"+{group}=")] for group in GLOBAL_GROUPS}
    first["experiment"] = first["experiment"] or [f"+experiment={DEFAULT_EXPERIMENT}"]
    chosen = [word for group in GLOBAL_GROUPS for word in first[group]]
    return [*chosen, *[word for word in words if word not in chosen]]


def _is_global(word: str) -> bool:
    return any(word.startswith(f"{group}=") for group in GLOBAL_GROUPS)


def take(overrides: Sequence[str], keys: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Split off `key=value` words for the keys, values taken as they are: paths may hold spaces, commas and `=`."""
    taken: dict[str, str] = {}
    rest = []
    for word in overrides:
        key, sign, value = word.partition("=")
        if sign and key.lstrip("+") in keys:
            taken[key.lstrip("+")] = value
        else:
            rest.append(word)
    return taken, rest


def take_paths(overrides: Sequence[str]) -> tuple[dict[str, str | None], list[str]]:
    """Split off the values of `PATH_KEYS`; `~` is the user's home, nothing or `null` the default.

    Raises:
        ConfigError: for an address that is no place for them.
    """
    taken, rest = take(overrides, PATH_KEYS)
    return {key: None if value in ("", "null") else _path(key, value) for key, value in taken.items()}, rest


def _path(key: str, value: str) -> str:
    if "://" not in value:
        return str(Path(value).expanduser())
    if key == "data_dir":
        raise ConfigError(f"data_dir={value}: data lie on a disk. Give a directory of this machine.")
    return remote.checked(value)


def take_packages(overrides: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Split off `allow_packages=[a,b]`."""
    taken, rest = take(overrides, ("allow_packages",))
    names = taken.get("allow_packages", "").strip("[]").split(",")
    return tuple(name.strip() for name in names if name.strip()), rest


def without_grammar(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the words that Hydra must not parse (paths, packages) from those that it does."""
    keys = (*PATH_KEYS, "allow_packages")
    apart = [word for word in overrides if word.partition("=")[0].lstrip("+") in keys and "=" in word]
    return apart, [word for word in overrides if word not in apart]


def parse(overrides: Sequence[str]) -> tuple[list[Any], list[str]]:
    """Hydra's parsed overrides, and the problems of those that do not parse or name no option of their group."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    parsed, problems = [], []
    for word in overrides:
        try:
            override = parser.parse_override(word)
        except HydraException as error:
            problems.append(f"{word!r} is not of the form key=value ({str(error).splitlines()[0]}).")
            continue
        problem = _group_problem(override)
        if problem:
            problems.append(problem)
        else:
            parsed.append(override)
    return parsed, problems


def split_sweeps(overrides: Sequence[str]) -> list[list[str]]:
    """The single runs of a sweep such as `seed=0,1,2`, as lists of overrides."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    parsed, problems = parse(overrides)
    if problems:
        raise ConfigError("\n  ".join(["The config is wrong:", *problems]))
    return [job for batch in BasicSweeper.split_arguments(parsed, max_batch_size=None) for job in batch]


def _group_problem(override: Any) -> str | None:
    """The problem of an override that names a group but not one of its options."""
    options = find.experiments() if override.key_or_group == "experiment" else find.groups().get(override.key_or_group)
    if options is None or override.is_delete():
        return None
    if override.value() is None:
        return f"{override.key_or_group} must be one of: {', '.join(sorted(options))}."
    if override.is_sweep_override():
        # Of a group that takes lists, each swept value is one.
        swept = [str(value) for value in override.sweep_string_iterator()]
        names = [name.strip() for value in swept for name in value.strip("[]").split(",") if name.strip()]
    elif isinstance(override.value(), str):
        names = [override.value()]
    elif isinstance(override.value(), list):
        names = [str(name) for name in override.value()]
    elif isinstance(override.value(), dict):
        return None
    else:
        names = [str(override.value())]
    wrong = [name for name in names if not _is_option(name, options)]
    if not wrong:
        return None
    return (
        f"{override.key_or_group}={wrong[0]} does not exist. Nearest: {', '.join(nearest(wrong[0], options))}; "
        f"all: {', '.join(sorted(options))}."
    )


def _is_option(name: str, options: Iterable[str]) -> bool:
    return re.sub(r"\.yaml$", "", name) in options
