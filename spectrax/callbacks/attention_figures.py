"""A figure of where the class token of a network looks, at the end of a run."""

import logging
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from spectrax.callbacks.callback import SilentCallback
from spectrax.core import trees
from spectrax.core.module_calls import modules, watched
from spectrax.core.protocols import Observation, Observed
from spectrax.models.svt import ClassBlock, stage_grids
from spectrax.plots import attention as plots

logger = logging.getLogger("spectrax")


class AttentionFigures(SilentCallback):
    """Draws, over a few probe examples, how the heads of the class block spread their attention.

    Args:
        inputs: the field of a batch that the network is called with, (batch, height, width, channels).
        examples: how many are drawn.
    """

    def __init__(self, inputs: str = "image", examples: int = 6):
        super().__init__()
        self.inputs, self.examples = inputs, examples

    def observe(self, seen: Observation) -> Observed:
        """One figure when the run ends, nothing before."""
        if not seen.last:
            return Observed()
        images = seen.probe[self.inputs][: self.examples]
        shares = class_attention(seen.model, images)
        if shares is None or shares.shape[-1] * shares.shape[-2] == 1:
            logger.info("The network has no class block that looks at several places: no attention to draw.")
            return Observed()
        return Observed(figures={"class_attention": plots.class_attention(images, shares)})


def class_attention(model: Any, images: np.ndarray) -> np.ndarray | None:
    """Of each head the shares of its attention by place, (examples, heads, rows, columns); None without class block."""
    if not any(isinstance(module, ClassBlock) for module in modules(model).values()):
        return None
    graph, *weights = trees.split_module(model)

    @jax.jit
    def measured(weights: Any, images: jax.Array) -> list[jax.Array]:
        network = trees.merge_module(graph, *weights)
        found: list[jax.Array] = []

        def around(path: str, module: Any, call: Callable[[], Any], given: Any) -> Any:
            if isinstance(module, ClassBlock):
                found.append(module.spread(given[0][0]))
            return call()

        with watched(network, around):
            network(images, train=False, key=None)
        return found

    shares = measured(weights, images)
    grid = stage_grids(images.shape[1:3])[3]
    return np.asarray(shares[-1]).reshape(*shares[-1].shape[:2], *grid)
