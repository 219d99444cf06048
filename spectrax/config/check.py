"""Everything that can be wrong in a composed config, found in one pass and said at once.

Each problem names the full key and the next step. Nothing is built, and no device is touched.
"""

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, InterpolationToMissingValueError, OmegaConfBaseException

from spectrax.config.explain import flat, nearest
from spectrax.config.pairing import wrong_pairing
from spectrax.config.targets import resolve
from spectrax.config.values import Made, annotations, mismatch
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Callback, Dataset, Loader, Model, Task, Trainer, Writer

# Arguments that are given when an object is built, not in yaml.
_GIVEN = {
    "model": {"rngs"},
    "loader": {"dataset"},
    "schedule": {"total_steps", "steps_per_epoch"},
    "optimizer.method": {"learning_rate", "mask", "weight_decay_mask"},
}
_MANY = {"writer": Writer, "callback": Callback}  # groups of which each node is one
_NOUNS = {"model": Model, "dataset": Dataset, "loader": Loader, "task": Task, "trainer": Trainer}
_TOP_LEVEL_TYPES = {
    "seed": int,
    "run_dir": str | None,
    "data_dir": str | None,
    "init_from": str | None,
    "init_fresh": list[str] | None,
    "experiment": str,
}
_SEEDS = range(2**32)


def check(
    config: DictConfig, allowed: tuple[str, ...], top_level: set[str] | None = None, needed: Iterable[str] = ()
) -> None:
    """Check the pairing of trainer, model and task, interpolations, missing values, `_target_`s, their arguments and
    their types.

    Args:
        allowed: packages that `_target_`s may come from.
        top_level: the valid top-level keys; None to accept any.
        needed: keys that no config may lack.

    Raises:
        ConfigError: listing every problem; of nodes that do not go together, that alone.
    """
    # Where nodes do not go together, all else that is wrong may follow from it.
    problems = list(wrong_pairing(OmegaConf.to_container(config, resolve=False), allowed)) or list(_unresolved(config))
    if not problems:
        tree = OmegaConf.to_container(config, resolve=True)
        written = dict(flat(OmegaConf.to_container(config, resolve=False)))
        nouns = {**_NOUNS, **_taken_by_the_trainer(tree.get("trainer"), allowed)}
        problems = [*_top_level(tree, top_level, needed), *_nodes(tree, "", _Rules(allowed, written, nouns))]
    raise_all(problems)


def raise_all(problems: list[str]) -> None:
    """Raise a ConfigError that lists the problems, if there are any."""
    if problems:
        head = "The config is wrong:" if len(problems) == 1 else f"The config is wrong in {len(problems)} places:"
        raise ConfigError("\n  ".join([head, *problems]))


def _unresolved(config: DictConfig) -> Iterator[str]:
    lost: dict[str, list[str]] = {}
    for key, _ in flat(OmegaConf.to_container(config, resolve=False)):
        try:
            OmegaConf.select(config, key, throw_on_missing=True, throw_on_resolution_failure=True)
        except InterpolationToMissingValueError:
            continue  # said once, of the value itself
        except InterpolationResolutionError as error:
            lost.setdefault(_not_found(config, str(error).splitlines()[0]), []).append(key)
        except OmegaConfBaseException:
            yield f"{key} has no value. Give it one: {key}=VALUE."
    for reason, keys in lost.items():  # many keys may hang on one
        yield f"{', '.join(keys)}: {reason}"


def _not_found(config: DictConfig, reason: str) -> str:
    """The reason why a reference cannot be followed; where one of a few names is chosen, with those."""
    match = re.search("Interpolation key '([^']+)' not found", reason)
    found, parts = OmegaConf.to_container(config, resolve=False), match[1].split(".") if match else []
    for end, part in enumerate(parts):
        if part not in found:
            names = ", ".join(map(str, found))
            return reason if end < 2 else f"{'.'.join(parts[:end])} has no {part}; it has {names}."
        found = found[part]
        if not isinstance(found, Mapping):
            break
    return reason


def _top_level(tree: Mapping[str, Any], known: set[str] | None, needed: Iterable[str]) -> Iterator[str]:
    if known is not None:
        for key in tree.keys() - known:
            yield f"{key} is not a key. Nearest: {', '.join(nearest(key, known))}."
    for key in needed:
        if key not in tree:
            yield f"{key} is missing; every experiment has it."
    for key, annotation in _TOP_LEVEL_TYPES.items():
        wanted = mismatch(tree[key], annotation) if key in tree else None
        if wanted:
            yield f"{key}={tree[key]!r} should be {wanted}."
        elif key == "seed" and key in tree and tree[key] not in _SEEDS:
            yield f"seed={tree[key]} should be from 0 to {_SEEDS.stop - 1}."


@dataclasses.dataclass(frozen=True)
class _Rules:
    """What the nodes of a config are judged by.

    Attributes:
        allowed: packages that `_target_`s may come from.
        written: dotted key to value, references as they are written.
        nouns: by path, what a node must make.
    """

    allowed: tuple[str, ...]
    written: Mapping[str, Any]
    nouns: Mapping[str, Any]

    def noun(self, path: str) -> Any:
        """The protocol that the node of this path must make; Any for others."""
        group, _, name = path.partition(".")
        return _MANY[group] if group in _MANY and name and "." not in name else self.nouns.get(path, Any)


def _taken_by_the_trainer(node: Any, allowed: tuple[str, ...]) -> Mapping[str, Any]:
    """Nouns that the trainer's class takes in the place of the usual ones: a direct trainer wants an estimator. What is
    wrong with the class itself is told where it is judged."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        return {}
    try:
        return getattr(resolve(node["_target_"], allowed), "takes", {})
    except ConfigError:
        return {}


def _nodes(tree: Any, path: str, rules: _Rules) -> Iterator[str]:
    """Problems of every `_target_` node, outermost first. What refers to another key is judged there, once."""
    if _is_reference(rules.written.get(path)):
        return
    if isinstance(tree, Mapping):
        if "_target_" in tree:
            yield from _node(tree, path, rules)
        for key, value in tree.items():
            yield from _nodes(value, f"{path}.{key}" if path else str(key), rules)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _nodes(value, f"{path}.{index}", rules)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("${")


def _node(node: Mapping[str, Any], path: str, rules: _Rules) -> Iterator[str]:
    for key in node:
        if key.startswith("_") and key not in ("_target_", "_partial_"):
            yield f"{path}.{key} is not supported; _target_ and _partial_ are."
    try:
        target = resolve(node["_target_"], rules.allowed)
    except ConfigError as error:
        yield f"{path}._target_: {error}"
        return
    noun = rules.noun(path)
    if mismatch(Made(target, node.get("_partial_", False)), noun):
        yield f"{path}._target_: {node['_target_']} makes no {noun.__name__} (see {noun.__module__})."
        return
    yield from _arguments(node, path, target, rules)


def _parameters(target: Any) -> Mapping[str, inspect.Parameter] | None:
    """The arguments of a constructor (a metaclass such as flax's may hide them) or of a function, if it tells them."""
    try:
        if not inspect.isclass(target):
            return inspect.signature(target).parameters
        return dict(list(inspect.signature(target.__init__).parameters.items())[1:])
    except (TypeError, ValueError):
        return None


def _arguments(node: Mapping[str, Any], path: str, target: Any, rules: _Rules) -> Iterator[str]:
    parameters = _parameters(target)
    if parameters is None:
        return
    named = {name for name, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    given = {key for key in node if not key.startswith("_")}
    later = _GIVEN.get(path, set())
    for key in sorted(given - named) if not takes_any else ():
        near = nearest(key, named - later) if named - later else []
        advice = f"nearest: {', '.join(f'{path}.{name}' for name in near)}" if near else "it takes none"
        yield f"{path}.{key} is not an argument of {node['_target_']}; {advice}."
    required = {name for name in named if parameters[name].default is inspect.Parameter.empty}
    # Of what is bound elsewhere, nobody knows which arguments are still to come.
    complete = not node.get("_partial_") or path in _GIVEN
    for key in sorted(required - given - later) if complete else ():
        yield f"{path}.{key} is missing; {node['_target_']} needs it."
    hints = annotations(target)
    for key in sorted(given & named & hints.keys()):
        wanted = mismatch(_made(node[key], rules.allowed), hints[key])
        if wanted and rules.written.get(f"{path}.{key}") != "${seed}":  # said once, of the seed itself
            yield f"{path}.{key}={_shown(node[key])!r} should be {wanted}."


def _made(value: Any, allowed: tuple[str, ...]) -> Any:
    """The value with a `Made` for every node; a target that is wrong is told where the node itself is judged."""
    if isinstance(value, list):
        return [_made(item, allowed) for item in value]
    if not isinstance(value, Mapping) or "_target_" not in value:
        return value
    try:
        return Made(resolve(value["_target_"], allowed), bool(value.get("_partial_", False)))
    except ConfigError:
        return Made(None)


def _shown(value: Any) -> Any:
    """The value with nodes as short as their `_target_`."""
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value.get("_target_", value) if isinstance(value, Mapping) else value
