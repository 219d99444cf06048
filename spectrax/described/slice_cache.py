"""Compiled steps remembered as JSON, since compiling takes minutes and changes nothing while nothing has changed."""

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spectrax.core.files import write_json
from spectrax.described.slice_step import SliceStep, from_json

_PLACES = ("run_dir", "data_dir", "writer", "experiment")  # keys of a config that change nothing in a step
_VERSIONS = ("jax", "jaxlib", "libtpu", "flax", "optax")
_SETTINGS = ("LIBTPU_INIT_ARGS", "XLA_FLAGS", "JAX_DEFAULT_MATMUL_PRECISION", "JAX_ENABLE_X64")  # of the environment


def location(config: Mapping[str, Any], topology: str, effort: str) -> Path:
    """Where the step of a resolved config is remembered: below its data directory, under a name made from all that the
    step depends on, the source of the packages in it and the environment's settings of the compiler included."""
    depends = {
        "config": {key: value for key, value in config.items() if key not in _PLACES},
        "topology": topology,
        "effort": effort,
        "settings": {name: os.environ.get(name, "") for name in _SETTINGS},
        "versions": {name: _version(name) for name in _VERSIONS},
        "sources": {name: _digest(name) for name in sorted({"spectrax", *_packages(config)})},
    }
    name = hashlib.sha256(json.dumps(depends, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return Path(str(config["data_dir"])) / "compiled" / "slices" / f"{name}.json"


def read(path: Path) -> SliceStep | None:
    """What is remembered; None when nothing is, or nothing readable."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        return from_json(json.loads(path.read_text()))
    return None


def write(path: Path, step: SliceStep) -> None:
    """Remember, where the directory can be written."""
    with contextlib.suppress(OSError):
        write_json(path, dataclasses.asdict(step))


def _version(name: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return ""


def _packages(node: Any) -> Iterator[str]:
    """The top-level packages of everything that a config builds."""
    if isinstance(node, Mapping):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"].partition(".")[0]
        for value in node.values():
            yield from _packages(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _packages(value)


def _digest(package: str) -> str:
    """Of all Python files of a package, or of a module that is one file."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return ""
    folders = [Path(folder) for folder in found.submodule_search_locations or ()]
    files = sorted(path for folder in folders for path in folder.rglob("*.py")) or [Path(found.origin)]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
