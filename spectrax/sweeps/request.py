"""What a command line with -m asks for: words for the runs, and a sweeper and a launcher with their keys."""

import dataclasses
import importlib.util
import re
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from spectrax.config import find
from spectrax.config.compose import register
from spectrax.config.overrides import GLOBAL_GROUPS, split_sweeps, with_experiment, without_grammar
from spectrax.core import remote
from spectrax.core.errors import ConfigError
from spectrax.sweeps import optuna_keys

SWEEPERS = ("basic", "optuna")
LAUNCHERS = ("basic", "submitit_local", "submitit_slurm")
_NEEDS = {"submitit": ("hydra_plugins.hydra_submitit_launcher", "submitit"), "optuna": ("optuna",)}


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        words: of the runs, in Hydra's grammar, those with several values among them; the experiment comes first.
        verbatim: of the runs too, and no part of the grammar: paths and packages.
        sweeper, launcher: which of `SWEEPERS` and `LAUNCHERS`.
        directory: for the sweep's record, where the user names one.
    """

    words: list[str]
    verbatim: list[str]
    sweeper: str
    launcher: str
    directory: str | None
    _hydra: DictConfig

    def sweeper_keys(self) -> dict[str, Any]:
        """`hydra.sweeper`."""
        return OmegaConf.to_container(self._hydra.hydra.sweeper, resolve=True)

    def launcher_keys(self, directory: str, name: str) -> dict[str, Any]:
        """`hydra.launcher`, which may refer to the sweep's directory and to the name of its jobs."""
        hydra = self._hydra.copy()
        with open_dict(hydra):
            hydra.hydra.sweep.dir, hydra.hydra.job.name = directory, name
        return OmegaConf.to_container(hydra.hydra.launcher, resolve=True)


def read(overrides: Sequence[str]) -> Request:
    """The request of a command line.

    Raises:
        ConfigError: for a sweeper or a launcher that is not there, keys that it does not have, or a directory in a
            bucket.
    """
    own = [word for word in overrides if re.match(r"[+~]*hydra[./]", word)]
    verbatim, words = without_grammar(with_experiment([word for word in overrides if word not in own]))
    chosen = [word for word in words if word.startswith(tuple(f"+{group}=" for group in GLOBAL_GROUPS))]
    # Where several experiments are swept, the first says how.
    hydra = _compose([*split_sweeps(chosen)[0], *own])
    request = Request(
        words=words,
        verbatim=verbatim,
        sweeper=_known("sweeper", hydra, SWEEPERS),
        launcher=_known("launcher", hydra, LAUNCHERS),
        directory=str(hydra.hydra.sweep.dir) if any("hydra.sweep.dir=" in word for word in own) else None,
        _hydra=hydra,
    )
    if request.directory is not None:
        check_on_disk("hydra.sweep.dir", request.directory)
    for name in (request.sweeper, request.launcher):
        _check_installed(f"hydra/{'sweeper' if name == request.sweeper else 'launcher'}={name}")
    said = {word.partition("=")[0].lstrip("+~") for word in words}
    params = request.sweeper_keys().get("params") or {}
    words.extend(f"{key}={value}" for key, value in params.items() if key not in said)
    return request


def check_on_disk(key: str, path: str) -> None:
    """Raise `ConfigError` when a directory of a sweep or of one of its runs lies in a bucket."""
    if remote.is_remote(path):
        raise ConfigError(
            f"{key}={path}: a sweep reads its runs from a disk. Give a directory of this machine (a mounted bucket is "
            "one), or start the runs one by one."
        )


def _known(kind: str, hydra: DictConfig, known: Sequence[str]) -> str:
    name = hydra.hydra.runtime.choices[f"hydra/{kind}"]
    if name not in known:
        raise ConfigError(f"hydra/{kind}={name} is not supported here. There are: {', '.join(known)}.")
    return name


def _compose(overrides: Sequence[str]) -> DictConfig:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    register()  # and, with it, look for plug-ins
    optuna_keys.register()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(find.config_folder()), version_base="1.3"):
            return compose("train", overrides=list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        _check_installed(str(error))
        raise ConfigError(f"The sweep cannot be composed: {str(error).strip()}") from error


def _check_installed(choice: str) -> None:
    """Raise `ConfigError` when a choice, or what Hydra says of it, names what needs the extra, and it is not there."""
    for name, modules in _NEEDS.items():
        if re.search(rf"hydra/(launcher|sweeper)[/=]{name}", choice) and not all(map(_is_installed, modules)):
            raise ConfigError(
                f"{name} is not installed, and the sweep asks for it. It comes with the extra `sweep`: "
                "python -m pip install '.[sweep]'"
            )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of its parent
        return False
