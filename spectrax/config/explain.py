"""Configs in words: the nearest valid key, and how two configs differ."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def nearest(word: str, options: Iterable[str], count: int = 3) -> list[str]:
    """The options most like `word`, best first; never empty when there are options."""
    options = list(options)
    close = difflib.get_close_matches(word, options, count, 0.5)
    return close or difflib.get_close_matches(word, options, 1, 0.0)


def nearest_key(key: str, keys: Iterable[str]) -> list[str]:
    """The dotted keys most like `key`: siblings of the same parent first, then those with its last part, of the same
    top-level node if there are any, then its parent written right, if that is what is wrong."""
    keys = list(keys)
    parent, _, last = key.rpartition(".")
    siblings = {known.rpartition(".")[2]: known for known in keys if known.rpartition(".")[0] == parent}
    close = [siblings[name] for name in _like(last, siblings)]
    elsewhere = [known for known in keys if known.rpartition(".")[2] == last]
    within = [known for known in elsewhere if known.partition(".")[0] == key.partition(".")[0]]
    mended = [] if siblings or "." not in parent else nearest_key(parent, keys)
    return close or within[:3] or mended or elsewhere[:3] or nearest(key, keys)


def _like(word: str, names: Iterable[str]) -> list[str]:
    """The three names that `word` may be a slip for: those that hold it as one of their words first."""
    names = list(names)
    holding = [name for name in names if word in name.split("_")]
    return [*holding, *(name for name in nearest(word, names) if similar(name, word) and name not in holding)][:3]


def similar(first: str, second: str) -> bool:
    """Whether one word may be a slip for the other."""
    return difflib.SequenceMatcher(None, first, second).ratio() >= 0.5


def flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its dotted key; list items have numbers."""
    items: Iterable[tuple[Any, Any]]
    if isinstance(tree, Mapping) and tree:
        items = tree.items()
    elif isinstance(tree, list) and tree:
        items = enumerate(tree)
    else:
        yield prefix, tree
        return
    for key, value in items:
        yield from flat(value, f"{prefix}.{key}" if prefix else str(key))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted key to (old, new) for every leaf that differs; a leaf that one side lacks is the string "absent" there."""
    before, after = dict(flat(old)), dict(flat(new))
    keys = dict.fromkeys([*before, *after])
    pairs = {key: (before.get(key, "absent"), after.get(key, "absent")) for key in keys}
    return {key: (a, b) for key, (a, b) in pairs.items() if a != b}
