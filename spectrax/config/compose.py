"""Composing configs: for a command, for a notebook, and again from a saved run."""

import copy
import hashlib
import json
import logging
import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from spectrax.config import find, origin
from spectrax.config.build import allow_packages
from spectrax.config.check import check, raise_all
from spectrax.config.explain import flat, nearest_key
from spectrax.config.overrides import GLOBAL_GROUPS, PATH_KEYS, parse, take_packages, take_paths, with_experiment
from spectrax.config.targets import allowed_places
from spectrax.core import remote
from spectrax.core.errors import CheckpointError, ConfigError, RunDirectoryError

logger = logging.getLogger("spectrax")

# What may differ between two starts of one run: where things are, what is shown, which devices compute.
_NOT_HASHED = ("run_dir", "writer", "mesh", "processes", "trainer.parallel", "trainer.patience", "trainer.figures")
NOT_HASHED_ANYWHERE = ("data_dir", "manual_dir", "tfds_dir", "image_dir", "init_from")
_CONTRACT = "contract"  # of a model's yaml: no argument of the model, and in no config that leaves this file


def compose(experiment: str, overrides: Sequence[str]) -> DictConfig:
    """The checked, resolved config of an experiment. Raises `ConfigError` listing every problem."""
    config = compose_command([f"+experiment={experiment}", *overrides])
    OmegaConf.resolve(config)
    return config


def compose_group(group: str, overrides: Sequence[str]) -> DictConfig:
    """The checked config of a command line for which one group's node counts alone, such as "dataset": the other nodes,
    which may not fit it, are left out. Raises `ConfigError`, see `check`."""
    packages, words = take_packages(with_experiment(overrides))
    allow_packages(packages)
    others = set(find.groups()) - {group}
    config = compose_unchecked(words, without=others)
    with open_dict(config):
        for other in others:
            config.pop(other, None)
    check(config, allowed_places(packages), _top_level_keys())
    return config


def compose_command(overrides: Sequence[str]) -> DictConfig:
    """The checked config of a command line, its references still in place. Raises `ConfigError`, see `check`."""
    packages, words = take_packages(with_experiment(overrides))
    allow_packages(packages)
    config = compose_unchecked(words)
    check(config, allowed_places(packages), _top_level_keys(), find.own_groups())
    if config.get("init_from") is not None:
        # Which weights they are names the run, and not where they lie.
        with open_dict(config):
            config.init_weights = _init_weights(config, words)
    if config.run_dir is None:
        name = config_hash(OmegaConf.to_container(config, resolve=True))
        config.run_dir = f"{_home(words)}/{config.experiment}/{name}"
    return config


def _init_weights(config: DictConfig, words: Sequence[str]) -> str:
    """Which weights the run begins with; where they are gone, those that a run of this config has begun with."""
    try:
        return origin.find(config.init_from).digest
    except (CheckpointError, RunDirectoryError):
        tree = OmegaConf.to_container(config, resolve=True)
        if config.run_dir is not None:
            begun = [remote.place(config.run_dir)]
        else:
            begun = sorted(Path(_home(words), config.experiment).glob("*/config.yaml"), key=os.path.getmtime)
            begun = [path.parent for path in reversed(begun)]  # that which was started last leads
        for run_dir in begun:
            known = origin.recorded(run_dir, config.init_from)
            if known and (config.run_dir or config_hash({**tree, "init_weights": known}) == run_dir.name):
                return known
        raise


def _home(words: Sequence[str]) -> str:
    """Where runs without a `run_dir` go. A run that looks for a mistake always starts anew: its code has changed."""
    debugging = [word.partition("=")[2].strip("'") for word in words if word.startswith("+debug=")]
    return f"runs/debug/{time.strftime('%Y-%m-%d_%H-%M-%S')}_{debugging[0]}" if debugging else "runs"


def contract_size(experiment: str, overrides: Sequence[str] = ()) -> list[str]:
    """The overrides that make an experiment as small as the contract tests want it: what its model's yaml declares
    under `contract`, dotted keys and their values.

    Args:
        overrides: what else is chosen, such as `["model=svt_h_s"]`.

    Raises:
        ConfigError: when nothing is declared there.
    """
    words = [f"+experiment={experiment}", *overrides]
    declared = _hydra_compose(words, whole=True).model.get(_CONTRACT)
    if not isinstance(declared, DictConfig) or not declared:
        raise ConfigError(
            f"{' '.join(words)}: the model declares no size for the contract tests. Add to its yaml the values that "
            f"make it tiny, such as: {_CONTRACT}: {{dataset.image_size: 32, model.depth: 1}}"
        )
    sizes = OmegaConf.to_container(declared, resolve=False)
    return [f"{key}={json.dumps(value)}" for key, value in sizes.items()]


def compose_unchecked(overrides: Sequence[str], without: Collection[str] = ()) -> DictConfig:
    """The composed config with its interpolations. Raises `ConfigError` for overrides that cannot be applied, and then
    also for what else is wrong, but for nodes of the groups in `without`."""
    paths, words = take_paths(overrides)
    parsed, problems = parse(words)
    chosen = [o for o in parsed if o.key_or_group in GLOBAL_GROUPS or _is_group(o)]
    groups = [o.input_line for o in chosen]
    added = _added_by_debugging(chosen)
    watching = {key for key in added if key.startswith("callback.")}
    # A preset speaks of what most experiments have; of the others' nodes its keys are taken away again.
    groups += [f"~{key}" for key in sorted(added - watching)]
    own = _own_keys(chosen)
    base = _without_strangers(_hydra_compose(groups), own, watching)
    values = []
    for override in parsed:
        if override.input_line in groups:
            continue
        problem = _value_problem(override, base)
        if problem:
            problems.append(problem)
        else:
            values.append(override.input_line)
    if problems:
        # What is left may be wrong too: say it all at once.
        problems += _problems_of(groups + values, without)
    raise_all(problems)
    said = {override.key_or_group for override in parsed}
    config = _without_strangers(_hydra_compose(groups + values), own, said | watching)
    with open_dict(config):
        config.experiment = next(o.value() for o in parsed if o.key_or_group == "experiment")
        config.update(paths)
        config.data_dir = config.data_dir or find.default_data_dir()
    return config


def _own_keys(chosen: Sequence[Any]) -> dict[str, set[str]]:
    """Group to the keys of the option that is chosen for it, without what an experiment adds to them."""
    options = [override for override in chosen if override.key_or_group not in GLOBAL_GROUPS]
    if not options:
        return {}
    config = _hydra_compose([override.input_line for override in options])
    # As sets: a config denies having keys that lack a value. A list of no options leaves no node.
    return {override.key_or_group: set(config.get(override.key_or_group) or {}) for override in options}


def _without_strangers(config: DictConfig, own: Mapping[str, set[str]], kept: Collection[str]) -> DictConfig:
    """The config without what the experiment set for another option than the one chosen on the command line.

    An experiment that warms its cosine up says `schedule.warmup_steps`; `schedule=constant` knows no such key.
    Everything that the command line itself sets (`kept`) stays, right or wrong.
    """
    for group, keys in own.items():
        with open_dict(config):
            config[group] = config.get(group) or {}
            for key in [key for key in config[group] if key not in keys and f"{group}.{key}" not in kept]:
                del config[group][key]
    return config


def _added_by_debugging(chosen: Sequence[Any]) -> set[str]:
    """Dotted keys that a debugging preset adds to nodes which do not have them without it."""
    usual = [override.input_line for override in chosen if override.key_or_group != "debug"]
    if len(usual) == len(chosen):
        return set()
    plain, changed = _hydra_compose(usual), _hydra_compose([override.input_line for override in chosen])
    return {
        f"{group}.{key}"
        for group, node in changed.items()
        if isinstance(node, DictConfig)
        for key in node
        if key not in set(plain.get(group) or {})
    }


def recompose(saved: Path, references: Mapping[str, str], overrides: Sequence[str]) -> DictConfig:
    """A saved run's config with changes: whole nodes (`dataset=NAME`) or values (`dataset.image_size=64`).

    Args:
        saved: the resolved config as yaml.
        references: dotted key to `${...}` for the values that were references, so that changes reach them.

    Raises:
        ConfigError: when the file is not a config, or a change is wrong.
    """
    packages, words = take_packages(overrides)
    allow_packages(packages)
    config = read_config(saved)
    paths, words = take_paths(words)
    parsed, problems = parse(words)
    raise_all(problems)
    for key, reference in references.items():
        OmegaConf.update(config, key, reference)
    raise_all([problem for override in parsed if (problem := _kind_problem(override))])
    for override in parsed:
        if _is_group(override):
            group = _hydra_compose([override.input_line])
            config[override.key_or_group] = group[override.key_or_group]
    for override in parsed:
        if not _is_group(override):
            raise_all([problem] if (problem := _value_problem(override, config)) else [])
            OmegaConf.update(config, override.key_or_group, override.value(), force_add=False)
    if "data_dir" in paths:
        config.data_dir = paths["data_dir"] or find.default_data_dir()
    elif not Path(config.data_dir).is_dir():
        logger.info("Data are looked for in %s: the run's %s is not here.", find.default_data_dir(), config.data_dir)
        config.data_dir = find.default_data_dir()
    check(config, allowed_places(packages), _top_level_keys())
    return config


def references(config: DictConfig) -> dict[str, str]:
    """Dotted key to `${...}` for every value that refers to another."""
    leaves = flat(OmegaConf.to_container(config, resolve=False))
    return {key: value for key, value in leaves if isinstance(value, str) and "${" in value}


def read_config(path: Path) -> DictConfig:
    """A yaml file. Raises `ConfigError` when it is not readable as a config."""
    try:
        config = OmegaConf.load(path)
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"{path} is not a readable config ({str(error).splitlines()[0]}).") from error
    if not isinstance(config, DictConfig):
        raise ConfigError(f"{path} is not a readable config: it holds no keys.")
    return config


def config_hash(tree: dict[str, Any]) -> str:
    """Ten hexadecimal digits that name a run: equal for configs that differ only in places, writers and devices."""
    return hashlib.sha256(json.dumps(essence(tree), sort_keys=True).encode()).hexdigest()[:10]


def essence(tree: Any, path: str = "") -> Any:
    """The config without what may differ between two starts of one run; `path` is where in it `tree` stands."""
    if isinstance(tree, dict):
        named = {key: f"{path}.{key}".lstrip(".") for key in tree}
        kept = [key for key in tree if key not in NOT_HASHED_ANYWHERE and named[key] not in _NOT_HASHED]
        return {key: essence(tree[key], named[key]) for key in kept}
    if isinstance(tree, list):
        return [essence(value, f"{path}.") for value in tree]
    return tree


def _hydra_compose(overrides: Sequence[str], whole: bool = False) -> DictConfig:
    """What Hydra composes; `whole` leaves in what is for the contract tests alone, see `contract_size`.

    What it composed of the same words from the same files is kept: checking values asks for the config without them,
    and a sweep for the same choices again and again.
    """
    register()
    known = (tuple(overrides), _files())
    if known not in _composed:
        while len(_composed) >= _KEPT:
            del _composed[next(iter(_composed))]
        _composed[known] = _newly_composed(overrides)
    config = copy.deepcopy(_composed[known])
    if not whole and "model" in config:
        with open_dict(config):
            config.model.pop(_CONTRACT, None)
    return config


def _files() -> tuple[Any, ...]:
    """All files that a config may be composed of, and what tells that one was changed."""
    folders = [find.experiments(), *find.groups().values()]
    found = [*find.config_folder().glob("*.yaml"), *(path for folder in folders for path in folder.values())]
    states = [(str(path), path.stat()) for path in found if path.exists()]
    return tuple((path, state.st_mtime_ns, state.st_size) for path, state in states)


_KEPT = 16
_composed: dict[tuple[Any, ...], DictConfig] = {}
"""The last configs that Hydra composed, by words and files."""


def _newly_composed(overrides: Sequence[str]) -> DictConfig:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(find.config_folder()), version_base="1.3"):
            return hydra_compose("train", overrides=list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"The config cannot be composed: {str(error).strip()}") from error


def register() -> None:
    """Make experiments and the user's own folders known to Hydra."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class UserFolders(SearchPathPlugin):
        """The user's folders come before ours."""

        def manipulate_search_path(self, search_path: Any) -> None:
            for folder in reversed(find.user_folders()):
                search_path.prepend("user", f"file://{folder}")

    plugins = Plugins.instance()
    if not any(plugin.__name__ == "UserFolders" for plugin in plugins.discover(SearchPathPlugin)):
        plugins.register(UserFolders)
    store = ConfigStore.instance()
    for name, path in find.experiments().items():
        try:
            state = (str(path), path.stat().st_mtime_ns, path.stat().st_size)
            if _registered.get(name) == state:  # reading all of them takes longer than composing one
                continue
            node = OmegaConf.load(path)
        except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException) as error:
            raise ConfigError(f"{path} is not readable yaml: {str(error).splitlines()[0]}") from error
        store.store(name=name, group="experiment", node=node, package="_global_", provider=str(path))
        _registered[name] = state


_registered: dict[str, tuple[str, int, int]] = {}
"""Experiments that Hydra knows, and of which file: its path, time and size."""


def _problems_of(overrides: Sequence[str], without: Collection[str] = ()) -> list[str]:
    """The problems of a config that is going to be refused anyway, but for those of some groups' nodes."""
    try:
        config = _hydra_compose(overrides)
        config.data_dir = config.data_dir or find.default_data_dir()
        with open_dict(config):
            for group in without:
                config.pop(group, None)
        check(config, allowed_places(), None)
    except ConfigError as error:
        return str(error).split("\n  ")[1:]
    return []


def _kind_problem(override: Any) -> str | None:
    """The problem of an override that can change a config only while it is being composed."""
    if override.key_or_group in GLOBAL_GROUPS:
        return f"{override.input_line}: a saved run is what it is; its keys can be changed one by one."
    if override.is_sweep_override() or override.is_delete():
        return f"{override.input_line}: a saved run takes single values only (key=value)."
    return None


def _value_problem(override: Any, config: DictConfig) -> str | None:
    """The problem of `key=value` for a key that the config does not have."""
    if override.is_add() or override.is_force_add() or override.package is not None:
        return None
    key = override.key_or_group
    keys = _keys(config)
    if key in keys or any(known.startswith(f"{key}.") for known in keys):
        return None
    near = nearest_key(key, keys)
    return f"{key} is not a key; nearest: {', '.join(near)}."


def _keys(config: DictConfig) -> list[str]:
    """Every dotted key, of values and of nodes, that an override could name."""
    tree = OmegaConf.to_container(config, resolve=False)
    keys: dict[str, None] = {}
    for key, _ in flat(tree):
        parts = key.split(".")
        for end in range(1, len(parts) + 1):
            if not parts[end - 1].isdigit():
                keys[".".join(parts[:end])] = None
    return [key for key in keys if not key.rpartition(".")[2].startswith("_") or key.endswith("._target_")]


def _is_group(override: Any) -> bool:
    """Whether a whole node is chosen: by one option's name, or by a list of them."""
    if override.key_or_group not in find.groups():
        return False
    return isinstance(override.value(), str) or (isinstance(override.value(), list) and not override.is_add())


def _top_level_keys() -> set[str]:
    return {*find.groups(), "experiment", "seed", *PATH_KEYS, "init_fresh", "init_weights"} - {"debug"}
