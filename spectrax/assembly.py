"""From a checked config to the object graph that a trainer runs."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from spectrax.config.build import build, partial
from spectrax.core.protocols import Dataset, Experiment


def assemble(config: DictConfig, devices: Sequence[Any] | None = None) -> Experiment:
    """Build all nodes, and of the model its constructor; nothing is read or allocated.

    Args:
        devices: to lay the experiment out over, instead of those of this run.

    Raises:
        ConfigError: when a constructor refuses its arguments, or the task the dataset.
    """
    dataset, task = build(config.dataset), build(config.task)
    if hasattr(task, "check_fields"):
        task.check_fields(dataset.spec.fields)
    experiment = Experiment(
        name=config.experiment,
        run_dir=Path(config.run_dir),
        seed=config.seed,
        make_model=_model(config.model, dataset),
        dataset=dataset,
        loader=build(config.loader, dataset=dataset),
        task=task,
        layout=build(config.mesh, **({} if devices is None else {"devices": devices})),
        writers=[build(node) for node in config.writer.values() if node is not None],
        callbacks={name: build(node) for name, node in (config.get("callback") or {}).items() if node is not None},
    )
    return with_class_names(experiment)


def _model(node: DictConfig, dataset: Dataset) -> Callable[..., Any]:
    """The model's constructor; with the normalisation inside, where the dataset wants one."""
    make_model, normalise = partial(node), getattr(dataset, "normalise", None)
    if normalise is None:
        return make_model
    from spectrax.models.normalised import normalised

    return normalised(make_model, dataset.spec.fields, normalise)


def with_class_names(experiment: Experiment) -> Experiment:
    """The experiment whose task knows the names of the classes, which some data tell only once they are prepared."""
    if not hasattr(experiment.task, "named"):
        return experiment
    return dataclasses.replace(experiment, task=experiment.task.named(experiment.dataset.spec.class_names))
