"""What a direct trainer takes in the place of a model and a task: an estimator, and a task that gives and judges whole
splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Estimator(Protocol):
    """A model that is found in closed form: what `experiment.make_model` makes where `trainer=direct`.

    What it finds is an object of arrays that can be saved, see `spectrax.core.array_files`.
    """

    def fit(self, given: Any, seed: int) -> Any:
        """What it finds of the data that the task gives it; the same for the same seed. On the host."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a split says of a fitted result.

    Attributes:
        metrics: scalars by name.
        figures: Matplotlib figures by name, drawn when they are called.
        documents: what JSON can hold by name, such as "certificate"; written into the run directory.
    """

    metrics: Mapping[str, float]
    figures: Mapping[str, Callable[[], Any]] = dataclasses.field(default_factory=dict)
    documents: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class DirectTask(Protocol):
    """How a dataset becomes what an estimator is fitted to, and how the result is judged; on the host."""

    def given(self, dataset: Any, split: str) -> Any:
        """What an estimator is given of a split, such as pairs of snapshots; `len` of it is their number."""

    def judge(self, fitted: Any, dataset: Any, split: str, estimator: Estimator, seed: int) -> Judgement:
        """What the split says of `fitted`, which `estimator.fit(given(dataset, "train"), seed)` found."""


class ChecksEstimator(Protocol):
    """A direct task that not every estimator can serve."""

    def check_estimator(self, estimator: Estimator, given: Any) -> None:
        """Raises `ConfigError`, before anything is fitted to `given`, when the task cannot judge what will be found."""
