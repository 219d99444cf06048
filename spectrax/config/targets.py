"""Resolving `_target_`s, and refusing what they must not be.

A config may only name classes and functions of known packages. The resolved object is what is judged, by the module it
was defined in: a dotted path can wander through a known package into any other (`jax._src.config.os.system`).
"""

import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spectrax.config.explain import nearest
from spectrax.core.errors import ConfigError

KNOWN_PACKAGES = ("spectrax", "optax", "flax", "jax")


def allowed_packages(command_line: Iterable[str] = ()) -> tuple[str, ...]:
    """Known packages, those of the user's own `~/.config/spectrax/config.yaml` (key `allow_packages`), and those of
    the command line. Never widened by an experiment or a saved run."""
    own = Path("~/.config/spectrax/config.yaml").expanduser()
    listed: list[str] = []
    if own.exists():
        import yaml

        listed = list((yaml.safe_load(own.read_text()) or {}).get("allow_packages", []))
    return (*KNOWN_PACKAGES, *listed, *command_line)


def resolve(target: Any, allowed: tuple[str, ...]) -> Any:
    """The class or function named by `target`.

    Raises:
        ConfigError: when its package is not allowed, it does not import, or it is defined elsewhere. Nothing outside
            the allowed packages is imported.
    """
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise ConfigError(f"{target!r} is not a dotted name.")
    if target.split(".")[0] not in allowed:
        raise ConfigError(_outside(target, allowed))
    found = _import(target)
    module = getattr(found, "__module__", None) or ""
    if not (inspect.isclass(found) or inspect.isroutine(inspect.unwrap(found))):
        raise ConfigError(f"{target} is neither a class nor a function.")
    if module.split(".")[0] not in allowed:
        raise ConfigError(_outside(f"{target}, which is {module}.{found.__name__},", allowed))
    return found


def _import(target: str) -> Any:
    parts = target.split(".")
    found = importlib.import_module(parts[0])
    for index, part in enumerate(parts[1:], start=1):
        path = ".".join(parts[: index + 1])
        if not hasattr(found, part) and inspect.ismodule(found):
            try:
                importlib.import_module(path)
            except ModuleNotFoundError as error:
                if error.name != path:
                    raise ConfigError(f"{path} does not import: {error}. Install what it needs.") from error
        if not hasattr(found, part):
            near = ", ".join(nearest(part, [name for name in dir(found) if not name.startswith("_")]))
            raise ConfigError(f"{target} does not exist: {'.'.join(parts[:index])} has no {part}. Nearest: {near}.")
        found = getattr(found, part)
    return found


def _outside(what: str, allowed: tuple[str, ...]) -> str:
    return (
        f"{what} is outside the allowed packages ({', '.join(allowed)}). If it is your own code, allow its package on "
        "the command line: allow_packages=[NAME]."
    )
