"""Saved weights for a model that need not be theirs: at another image size, or with another head."""

import dataclasses
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from spectrax.config.compose import read_config
from spectrax.config.origin import Origin
from spectrax.core import remote, trees
from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.models import normalised
from spectrax.nn.gate_resizing import at_grid
from spectrax.parallel.layout import Layout
from spectrax.training.checkpoints import Checkpoints, compare_shapes, shapes

logger = logging.getLogger("spectrax")

Weights = Mapping[str, Any]
"""Trees of arrays "parameters" and "statistics"."""


def restored(checkpoints: Checkpoints, step: int, wanted: Weights, layout: Layout) -> Weights:
    """The weights of a step for the model of `wanted`; gates saved for another image size are interpolated.

    Args:
        wanted: `jax.ShapeDtypeStruct`s with shardings.

    Raises:
        CheckpointError: when they are damaged or do not fit, or mix the positions of maps of another size.
    """
    saved = checkpoints.weights_like(step)
    if shapes(saved) == shapes(wanted) or shapes(resized(saved, wanted)) != shapes(wanted):
        return checkpoints.restore_weights(step, wanted)[0]  # which says what does not fit
    found, _ = checkpoints.restore_weights(step, layout.state(saved))
    fit = jax.jit(lambda weights: at_grid(weights, wanted), out_shardings=_shardings(wanted))
    return fit(found)


def resized(saved: Weights, wanted: Weights) -> Weights:
    """The shapes of saved weights once their gates are interpolated. Raises `CheckpointError`, see `at_grid`."""
    return {
        **saved,
        "parameters": jax.eval_shape(lambda tree: at_grid(tree, wanted["parameters"]), saved["parameters"]),
    }


@dataclasses.dataclass(frozen=True)
class Beginning:
    """The weights of another run to begin with: an `Experiment.begin`.

    What differs because that run has another number of classes is the head's, and stays as it was drawn. A head that
    only one of the two runs has, such as that over tokens, is left out or stays as it was drawn.

    Attributes:
        run: its directory, or gs://BUCKET/PATH.
        origin: which of its weights.
        num_classes: of this run's dataset; None where it has none.
        fresh: regular expressions over paths of weights that stay as they were drawn; with them nothing else does.
        layout: of this run.

    Raises:
        ConfigError: for a pattern that is not a regular expression.
    """

    run: str
    origin: Origin
    num_classes: int | None
    fresh: Sequence[str] | None
    layout: Layout

    def __post_init__(self) -> None:
        """Check the patterns, before anything is compiled."""
        for pattern in self.fresh or ():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(f"init_fresh: {pattern!r} is not a regular expression ({error}).") from error

    def __call__(self, drawn: Weights) -> Weights:
        """The weights of the other run in the shapes and places of the drawn ones.

        Raises:
            CheckpointError: listing every weight but the head's that is missing, left over or of another shape.
            ConfigError: for a pattern of `fresh` that fits no weight.
        """
        path = remote.opened(self.run).expanduser()
        checkpoints = Checkpoints(remote.home(path) / "checkpoints", read_only=True)
        try:
            saved = checkpoints.weights_like(self.origin.step)
            kept = self._fresh_paths(path, resized(saved, drawn), drawn)
            unused = dict(_paths(saved)).keys() - dict(_paths(drawn)).keys()
            found, _ = checkpoints.restore_weights(self.origin.step, self.layout.state(saved))
        finally:
            checkpoints.close()
        combine = jax.jit(lambda found, drawn: _combined(found, drawn, kept), out_shardings=_shardings(drawn))
        told = f"; freshly drawn: {', '.join(sorted(kept))}" if kept else ""
        told += f"; left out: {', '.join(sorted(unused))}" if unused else ""
        logger.info("Beginning with the weights of step %d of %s%s.", self.origin.step, self.run, told)
        return combine(found, drawn)

    def _fresh_paths(self, path: Path, saved: Weights, drawn: Weights) -> set[str]:
        """The paths of weights that stay as drawn; everything else was found to fit."""
        theirs, ours = dict(_paths(saved)), dict(_paths(drawn))
        if self.fresh is None:
            classes = (_num_classes(path), self.num_classes)
            heads = {name for name in {*theirs, *ours} if _is_head(name, theirs.get(name), ours.get(name), classes)}
            fresh = heads | _moments(theirs, ours)
        else:
            chosen = {name for name in {*theirs, *ours} if any(re.search(pattern, name) for pattern in self.fresh)}
            fresh = chosen | _moments(theirs, ours)
            for pattern in self.fresh:
                if not any(re.search(pattern, name) for name in chosen):
                    raise ConfigError(f"init_fresh: {pattern!r} fits no weight. There are: {trees.outline(ours)}.")
        compare_shapes(
            {name: told for name, told in shapes(theirs).items() if name not in fresh},
            {name: told for name, told in shapes(ours).items() if name not in fresh},
            f"{self.run} (step {self.origin.step})",
            "Use that run's model, or name what is to be drawn afresh, such as init_fresh=['^head/'].",
        )
        return {name for name in fresh if name in ours}


def _combined(found: Weights, drawn: Weights, kept: set[str]) -> Weights:
    fitted = dict(_paths({**found, "parameters": at_grid(found["parameters"], drawn["parameters"])}))
    named = {part: dict(trees.leaf_paths(tree)) for part, tree in drawn.items()}
    chosen = {
        part: [leaf if name in kept else fitted[name] for name, leaf in leaves.items()]
        for part, leaves in named.items()
    }
    return {part: jax.tree.unflatten(jax.tree.structure(drawn[part]), leaves) for part, leaves in chosen.items()}


def _paths(weights: Weights) -> list[tuple[str, Any]]:
    """Every leaf with its path in the model."""
    return [pair for tree in weights.values() for pair in trees.leaf_paths(tree)]


def _is_head(path: str, saved: Any, drawn: Any, classes: tuple[int | None, int | None]) -> bool:
    """Whether the only difference is the number of classes along the last axis, or that one has no such head."""
    if saved is None or drawn is None:
        one, count = (drawn, classes[1]) if saved is None else (saved, classes[0])
        return path.rpartition("/")[0].endswith("head") and one.shape[-1:] == (count,)
    if saved.shape == drawn.shape or not saved.shape or not drawn.shape:
        return False
    return saved.shape[:-1] == drawn.shape[:-1] and (saved.shape[-1], drawn.shape[-1]) == classes


def _moments(*names: Iterable[str]) -> set[str]:
    """The paths of what is known of a run's data, see `normalised`: every run measures its own."""
    return {name for group in names for name in group if name.startswith(f"{normalised.PATH}/")}


def _num_classes(path: Path) -> int | None:
    """Of the dataset that a run was trained on, by its config as it was saved."""
    config = path / "config.yaml"
    if not config.exists():
        raise CheckpointError(f"init_from={path} is not a run directory: it holds no config.yaml.")
    return (read_config(config).get("dataset") or {}).get("num_classes")


def _shardings(weights: Weights) -> Any:
    return jax.tree.map(lambda leaf: leaf.sharding, weights)
