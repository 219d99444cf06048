"""Modules as plain trees: an NNX module split once into a graph definition and dicts of arrays with string keys.

`nnx.to_pure_dict` gives the members of an `nnx.List` integer keys; checkpoints, sharding rules and importers want
path strings such as `stages/0/blocks/1/mixer/gate`, so integers become digit strings here and turn back on merge.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
from flax import nnx

from spectrax.core import randomness

Tree = dict[str, Any]

_TOLD = 12  # names that a sentence bears


def split_module(module: nnx.Module) -> tuple[Any, Tree, Tree]:
    """Split into (graph definition, parameters, everything else that is state, such as BatchNorm's statistics)."""
    graph, parameters, statistics = nnx.split(module, nnx.Param, ...)
    return graph, _with_string_keys(nnx.to_pure_dict(parameters)), _with_string_keys(nnx.to_pure_dict(statistics))


def abstract_module(make_model: Callable[..., nnx.Module]) -> nnx.Module:
    """What `make_model(rngs=...)` makes, with shapes in place of arrays: nothing is computed or allocated."""
    return nnx.eval_shape(lambda: make_model(rngs=randomness.parameter_keys(0)))


def merge_module(graph: Any, parameters: Tree, statistics: Tree) -> nnx.Module:
    """The module again; the inverse of `split_module`, cheap enough to run inside a traced function."""
    return nnx.merge(graph, _with_native_keys(parameters), _with_native_keys(statistics), copy=True)


def module_state(module: nnx.Module) -> Tree:
    """The non-parameter state of a module after a call, in the form `split_module` gives."""
    return _with_string_keys(nnx.to_pure_dict(nnx.state(module, nnx.Not(nnx.Param))))


def leaf_paths(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every leaf with its path, parts joined by `/`."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield path_string(path), leaf


def path_string(path: tuple[Any, ...]) -> str:
    """A key path of `jax.tree_util` as text: `stages/0/blocks/1/mixer/gate`."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def outline(paths: Iterable[str]) -> str:
    """Paths for a sentence; of many only their beginnings, as far as a sentence bears them: `head/bias, stages/0/…`."""
    parts = [path.split("/") for path in paths]
    for depth in range(max(map(len, parts), default=1), 0, -1):
        told = list(dict.fromkeys("/".join([*part[:depth], *["…"][: len(part) - depth]]) for part in parts))
        if len(told) <= _TOLD:
            break
    return ", ".join(told)


def parameter_count(tree: Any) -> int:
    """How many scalars the tree holds."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _with_string_keys(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {str(key): _with_string_keys(value) for key, value in tree.items()}
    return tree


def _with_native_keys(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {int(key) if key.isdigit() else key: _with_native_keys(value) for key, value in tree.items()}
    return tree
