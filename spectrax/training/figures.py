"""Figures of a finished run, drawn by its task from a probe batch."""

import io
import logging
import tempfile
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
    """Write the task's figures of `split` to `figures/*.png`, and what moves to `*.gif`, in the run directory."""
    if split is None:
        return
    _, totals = inference.evaluate(weights, experiment.loader.evaluation(split, inference.layout.process_share))
    examples = probe(experiment.loader, split)
    drawn = experiment.task.figures(lambda inputs: inference.predict(weights, inputs), examples, totals)
    for name, figure in drawn.items():
        save_figure(figure, experiment.run_dir / "figures" / f"{split}_{name}.png")


def save_figure(figure: Any, path: Path) -> None:
    """Write a Matplotlib figure as PNG, or an animation as GIF beside it, whole or not at all; process 0 does.

    Args:
        path: of the PNG; a GIF has the same name but for its ending.
    """
    if not agreement.is_writer():
        return
    if hasattr(figure, "savefig"):
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=120)
        content = picture.getvalue()
    else:
        path, content = path.with_suffix(".gif"), _moving(figure)
    with atomic_write(path) as file:
        file.write(content)
    logger.info("Figure: %s", path)


def _moving(animation: Any) -> bytes:
    """The bytes of a GIF: Matplotlib writes animations to paths alone."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "animation.gif"
        animation.save(path, writer="pillow", dpi=100)
        return path.read_bytes()


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
