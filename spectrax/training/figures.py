"""Figures of a finished run, drawn by its task from a probe batch."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from spectrax.core.files import atomic_write
from spectrax.core.protocols import Batch, Experiment, Loader
from spectrax.parallel import agreement
from spectrax.training.inference import Inference

logger = logging.getLogger("spectrax")

PROBE_SIZE = 512  # examples that figures may choose from


def save(experiment: Experiment, inference: Inference, weights: Any, split: str | None) -> None:
    """Write the task's figures of `split` to `figures/*.png` in the run directory."""
    if split is None:
        return
    _, totals = inference.evaluate(weights, experiment.loader.evaluation(split, inference.layout.process_share))
    examples = probe(experiment.loader, split)
    drawn = experiment.task.figures(lambda inputs: inference.predict(weights, inputs), examples, totals)
    for name, figure in drawn.items():
        save_figure(figure, experiment.run_dir / "figures" / f"{split}_{name}.png")


def save_figure(figure: Any, path: Path) -> None:
    """Write a Matplotlib figure as PNG, whole or not at all; process 0 does."""
    if not agreement.is_writer():
        return
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    with atomic_write(path) as file:
        file.write(picture.getvalue())
    logger.info("Figure: %s", path)


def probe(loader: Loader, split: str) -> Batch:
    """The first examples of the split without padding."""
    batches, count = [], 0
    for batch in _closing(loader.evaluation(split)):
        batches.append(jax.tree.map(lambda leaf, mask=batch["mask"]: np.asarray(leaf)[np.asarray(mask)], batch))
        count += len(batches[-1]["mask"])
        if count >= PROBE_SIZE:
            break
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:PROBE_SIZE], *batches)


def _closing(iterator: Iterator[Batch]) -> Iterator[Batch]:
    try:
        yield from iterator
    finally:
        iterator.close()
