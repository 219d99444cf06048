"""What a run has reached: the latest metrics of each split, and which step is the best."""

import math
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from spectrax.core.errors import ConfigError


class Results:
    """Metrics by split at the latest evaluation and at the best one.

    The monitored split is "validation" where there is one, else "test". Only "validation" chooses a best step by
    itself; choosing by the test split must be asked for (`select_on="test"`) and is labelled so in the summary.

    Args:
        splits: names of the splits that hold examples.
        select_on: the split whose metric chooses, or None for "validation" if there is one.
        select_by: the metric that chooses, such as "accuracy".
        larger_is_better: its direction.

    Raises:
        ConfigError: when `select_on` names a split without examples.
    """

    def __init__(self, run_dir: Path, splits: list[str], select_on: str | None, select_by: str, larger_is_better: bool):
        if select_on is not None and select_on not in splits:
            raise ConfigError(f"trainer.select_on={select_on}, but the dataset's splits are: {', '.join(splits)}.")
        self.run_dir = run_dir
        self.monitored = next((name for name in ("validation", "test") if name in splits), None)
        self.selected_on = select_on or ("validation" if "validation" in splits else None)
        self.best_step: int | None = None
        self.improved_step: int | None = None  # like the best step, but of equal scores the first
        self._has_test = "test" in splits
        self._select_by = select_by
        self._sign = 1.0 if larger_is_better else -1.0
        self._final: dict[str, dict[str, float]] = {}
        self._best: dict[str, dict[str, float]] = {}
        self._evaluated_at: dict[str, int] = {}

    def monitored_splits(self) -> list[str]:
        """What to evaluate during the run, the split that chooses first."""
        return [split for split in dict.fromkeys([self.selected_on, self.monitored]) if split is not None]

    def unseen_splits(self, step: int) -> list[str]:
        """What to evaluate at the end beside what was evaluated at this step: the test split is among it."""
        wanted = [*self.monitored_splits(), *(["test"] if self._has_test else [])]
        return [split for split in dict.fromkeys(wanted) if self._evaluated_at.get(split) != step]

    def add(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Record an evaluation. Of equal scores the latest is the best, as it is for the kept checkpoint."""
        self._final[split] = dict(metrics)
        self._evaluated_at[split] = step
        if split == self.selected_on:
            score = self.score(metrics)
            before = None if self.best_step is None else self.score(self._best[split])
            if before is None or score > before:
                self.improved_step = step
            if before is None or score >= before:
                self.best_step, self._best = step, {split: dict(metrics)}
        elif self.best_step == step:
            self._best[split] = dict(metrics)

    def best_is_untested(self, step: int) -> bool:
        """Whether, at the last step, the best weights are earlier ones that have not met the test split."""
        return self._has_test and self.best_step not in (None, step) and "test" not in self._best

    def add_best_test(self, metrics: Mapping[str, float]) -> None:
        """Record the test split's metrics at the best step."""
        self._best["test"] = dict(metrics)

    def score(self, metrics: Mapping[str, float]) -> float:
        """The number that chooses; larger is better, and nothing is worse than NaN.

        Raises:
            ConfigError: when the task gives no metric of that name.
        """
        self.check_choice(metrics)
        value = self._sign * metrics[self._select_by]
        return -math.inf if math.isnan(value) else value

    def check_choice(self, names: Iterable[str]) -> None:
        """Raises `ConfigError` when what chooses is not among the names of the task's metrics."""
        if self.selected_on is not None and self._select_by not in names:
            raise ConfigError(f"trainer.select_by={self._select_by} is not a metric. There are: {', '.join(names)}.")

    def metrics(self) -> dict[str, float]:
        """All of it, flat: `final.<split>.<metric>` and `best.<split>.<metric>`."""
        named = {"final": self._final, "best": self._best}
        return {
            f"{when}.{split}.{name}": value
            for when, splits in named.items()
            for split, metrics in splits.items()
            for name, value in metrics.items()
        }

    def record(self) -> dict[str, Any]:
        """Everything as JSON, for a checkpoint."""
        return {
            "final": self._final,
            "best": self._best,
            "best_step": self.best_step,
            "improved_step": self.improved_step,
        }

    def restore(self, record: Mapping[str, Any], saved_steps: Container[int]) -> None:
        """Take over what `record` gave; of a best step whose checkpoint is gone, nothing is kept."""
        self._final, self._best = dict(record["final"]), dict(record["best"])
        self.best_step, self.improved_step = record["best_step"], record.get("improved_step")
        if self.best_step not in saved_steps:
            self.best_step, self.improved_step, self._best = None, None, {}
