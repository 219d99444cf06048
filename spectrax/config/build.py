"""Checked config nodes become objects."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from spectrax.config.targets import allowed_places, resolve


def build(node: Any, *, allow: tuple[str, ...] | None = None, **given: Any) -> Any:
    """The object of a node, nested nodes first.

    Args:
        node: a config node with `_target_`; `_partial_: true` gives a callable with the arguments bound.
        allow: packages that may be used; None for the known ones and the user's own.
        given: arguments that yaml does not hold.

    Raises:
        ConfigError: when a constructor refuses its arguments.
    """
    if isinstance(node, DictConfig | ListConfig):
        node = OmegaConf.to_container(node, resolve=True)
    return _build(node, allow if allow is not None else _session_allowed(), given)


def partial(node: Any, *, allow: tuple[str, ...] | None = None) -> Callable[..., Any]:
    """A callable that builds the object when it is given the arguments that yaml does not hold."""
    container = OmegaConf.to_container(node, resolve=True)
    return build({**container, "_partial_": True}, allow=allow)


def _build(node: Any, allowed: tuple[str, ...], given: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_build(item, allowed, {}) for item in node]
    if not isinstance(node, Mapping):
        return node
    values = {key: _build(value, allowed, {}) for key, value in node.items() if key not in ("_target_", "_partial_")}
    if "_target_" not in node:
        return values
    target = resolve(node["_target_"], allowed)
    if node.get("_partial_"):
        return functools.partial(target, **values, **given)
    return target(**values, **given)


_command_line_packages: tuple[str, ...] = ()


def allow_packages(names: tuple[str, ...]) -> None:
    """Remember what the command line allowed, for every later check and build of this process."""
    global _command_line_packages
    _command_line_packages = names


def _session_allowed() -> tuple[str, ...]:
    return allowed_places(_command_line_packages)
