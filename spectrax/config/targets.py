"""Resolving `_target_`s, and refusing what they must not be.

A config may only name public classes and functions of known places. The resolved object is what is judged, by the
module it was defined in: a dotted path can wander through a known place into any other (`optax.os.system`). Methods
are refused too: with `self` in yaml, they would do anything that their class can.
"""

import functools
import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spectrax.config.explain import nearest
from spectrax.core.errors import ConfigError

# Rooms whose things experiments are made of, and libraries of pure functions. Whole packages would let a config reach
# what writes files or calls what it is given (`flax.io.rmtree`, `jax.numpy.save`, `flax.nnx.jit`).
KNOWN_PLACES = (
    "spectrax.callbacks",
    "spectrax.data",
    "spectrax.estimators",
    "spectrax.models",
    "spectrax.nn",
    "spectrax.ops",
    "spectrax.parallel.layout",
    "spectrax.parallel.processes",
    "spectrax.solvers.dynamics",
    "spectrax.tasks",
    "spectrax.training.direct",
    "spectrax.training.gradient",
    "spectrax.training.optimizers",
    "spectrax.training.paired_adam",
    "spectrax.training.schedules",
    "spectrax.writers",
    "optax",
    "flax.nnx",
    "jax.nn",
)
_REFUSED = ("spectrax.data.prepared",)  # writes
# Where the things of a place may really come from, when that is not the place itself.
_JAX_NN = ("jax.nn", "jax._src.nn", "jax._src.numpy.ufuncs.tanh", "jax._src.ops.special.logsumexp")
_DEFINED_IN = {"jax.nn": _JAX_NN, "flax.nnx": ("flax.nnx.nn", "flax.linen.pooling", *_JAX_NN)}


def allowed_places(command_line: Iterable[str] = ()) -> tuple[str, ...]:
    """Known places, the packages of the user's own `~/.config/spectrax/config.yaml` (key `allow_packages`), and those
    of the command line. Never widened by an experiment or a saved run.

    Raises:
        ConfigError: when the user's file is not readable.
    """
    return (*KNOWN_PLACES, *_users_own(), *command_line)


def _users_own() -> list[str]:
    path = Path("~/.config/spectrax/config.yaml").expanduser()
    if not path.exists():
        return []
    import yaml

    try:
        packages = (yaml.safe_load(path.read_text()) or {}).get("allow_packages", [])
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not readable yaml: {str(error).splitlines()[0]}") from error
    return [packages] if isinstance(packages, str) else list(packages)


def resolve(target: Any, allowed: tuple[str, ...]) -> Any:
    """The class or function named by `target`.

    Raises:
        ConfigError: when its place is not allowed, it does not import, is a method or is defined elsewhere. Nothing
            outside the allowed places is imported.
    """
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise ConfigError(f"{target!r} is not a dotted name.")
    if not _within(target, allowed):
        raise ConfigError(_outside(target, allowed))
    if any(part.startswith("_") for part in target.split(".")):
        raise ConfigError(f"{target} is private: a part of it begins with an underscore.")
    found = _find(target)
    judged = inspect.unwrap(found.func if isinstance(found, functools.partial) else found)
    if not (inspect.isclass(judged) or inspect.isroutine(judged)):
        raise ConfigError(f"{target} is neither a class nor a function.")
    defined = f"{getattr(judged, '__module__', None) or ''}.{judged.__qualname__}"
    origins = tuple(origin for place in allowed for origin in _DEFINED_IN.get(place, (place,)))
    if not _within(defined, origins) or _within(defined, _REFUSED):
        raise ConfigError(_outside(f"{target}, which is {defined},", allowed))
    if "." in judged.__qualname__ and _within(target, KNOWN_PLACES):
        raise ConfigError(f"{target} is part of a class; name the class.")
    return found


def _within(name: str, places: Iterable[str]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def _find(target: str) -> Any:
    parts = target.split(".")
    found = _import(parts[0])
    for index, part in enumerate(parts[1:], start=1):
        if not hasattr(found, part) and inspect.ismodule(found):
            _import(".".join(parts[: index + 1]))
        if not hasattr(found, part):
            near = ", ".join(nearest(part, [name for name in dir(found) if not name.startswith("_")]))
            advice = f" Nearest: {near}." if near else ""
            raise ConfigError(f"{target} does not exist: {'.'.join(parts[:index])} has no {part}.{advice}")
        found = getattr(found, part)
    return found


def _import(path: str) -> Any:
    """The module, or None when there is none of that name. Whatever a user's module raises is told in a sentence."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise ConfigError(f"{path} does not import: {error}. Install what it needs.") from error
        if "." not in path:
            raise ConfigError(
                f"there is no package {path}. Install it, or run where it lies (PYTHONPATH=DIRECTORY)."
            ) from error
        return None
    except Exception as error:
        said = str(error).splitlines() or [""]
        raise ConfigError(f"{path} does not import: {type(error).__name__}: {said[0]}") from error


def _outside(what: str, allowed: tuple[str, ...]) -> str:
    return (
        f"{what} is outside the allowed places ({', '.join(allowed)}). If it is your own code, allow its package on "
        "the command line: allow_packages=[NAME]."
    )
