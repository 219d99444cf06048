"""Learning rates that fall from the head towards the image: layers found by the paths of their parameters."""

import re
from collections.abc import Sequence
from typing import Any

import jax
import optax

from spectrax.core.errors import ConfigError
from spectrax.core.trees import leaf_paths, path_string

# From the image on: patches or embedding, stages with their blocks, blocks, and what follows them but the head.
LAYERS = (
    r"^(?:patches|position|embedding)\b",
    r"^stages/(\d+)/(?:blocks/(\d+)/)?",
    r"^blocks/(\d+)/",
    r"^(?:class_block|norm)/",
)


def factors(parameters: Any, decay: float, patterns: Sequence[str]) -> dict[str, float]:
    """Path to `decay` to the power of the layer's distance from the last one.

    A parameter belongs to the first pattern that is found in its path. Layers of one pattern are those of equal groups,
    ordered by them: numbers by their value, after what a group did not catch; of `stages/(\\d+)/(?:blocks/(\\d+)/)?`
    first what stage 0 has outside of its blocks, then its blocks one by one, then stage 1. What no pattern finds is the
    last layer.

    Raises:
        ConfigError: when all parameters make one layer.
    """
    places = {path: _place(path, patterns) for path, _ in leaf_paths(parameters)}
    layers = sorted(set(places.values()))
    if len(layers) < 2:
        raise ConfigError(
            f"optimizer.layer_decay={decay} needs layers, and optimizer.layers finds one in: {', '.join(places)}."
        )
    distance = {place: len(layers) - 1 - index for index, place in enumerate(layers)}
    return {path: decay ** distance[place] for path, place in places.items()}


def scaled(decay: float, patterns: Sequence[str]) -> optax.GradientTransformation:
    """Updates times the factors of their layers (Clark et al., "ELECTRA", ICLR 2020; Bao et al., "BEiT", ICLR 2022)."""

    def scale(updates: Any, parameters: Any) -> Any:
        of_path = factors(parameters, decay, patterns)
        return jax.tree_util.tree_map_with_path(lambda path, leaf: leaf * of_path[path_string(path)], updates)

    return optax.stateless(scale)


def _place(path: str, patterns: Sequence[str]) -> tuple[int, ...]:
    for index, pattern in enumerate(patterns):
        match = re.search(pattern, path)
        if match:
            return (index, *map(_order, match.groups()))
    return (len(patterns),)


def _order(caught: str | None) -> int:
    if caught is None:
        return -1
    return int(caught) if caught.isdecimal() else 0
