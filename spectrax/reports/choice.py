"""What makes one run better than another: the metric that its trainer chooses by."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from spectrax.reports.curves import Curves


@dataclasses.dataclass(frozen=True)
class Choice:
    """A metric of the summary by its full name, such as `best.validation.accuracy`, and its direction."""

    name: str
    larger_is_better: bool

    def score(self, metrics: Mapping[str, float]) -> float:
        """Larger is better; nothing is worse than NaN or no value."""
        return _score(metrics.get(self.name, math.nan), self.larger_is_better)

    def __str__(self) -> str:
        direction = "more" if self.larger_is_better else "less"
        # Choosing by the test split flatters the best run: it is said wherever it is done.
        return f"{self.name} ({direction} is better{', chosen on the test split' if '.test.' in self.name else ''})"


def choice(config: Mapping[str, Any], metrics: Iterable[str], selected_on: str | None) -> Choice | None:
    """What the trainer's `select_on`, `select_by` and `select_mode` say where they are set and apply.

    Otherwise the validation split before the test split, and accuracy before loss before anything else. None for a run
    that was not evaluated yet.

    Args:
        config: dotted key to value.
        metrics: full names, see `Run.metrics`.
    """
    names: dict[str, list[str]] = {}
    for name in metrics:
        when, _, rest = name.partition(".")
        split, _, metric = rest.partition(".")
        if when in ("best", "final") and split != "train":
            names.setdefault(split, []).append(metric)
    wanted = (selected_on, config.get("trainer.select_on"), "validation", "test", *names)
    split = next((name for name in wanted if name in names), None)
    if split is None:
        return None
    select_by = config.get("trainer.select_by")
    metric = next(name for name in (select_by, "accuracy", "loss", *names[split]) if name in names[split])
    best = f"best.{split}.{metric}"
    return Choice(best if best in set(metrics) else f"final.{split}.{metric}", _larger(config, metric))


def best_so_far(config: Mapping[str, Any], curves: Curves) -> tuple[int | None, dict[str, float]]:
    """The best step of a run that is not finished and its `best.<split>.<metric>`, as its trainer would choose.

    (None, {}) where no split chooses, or nothing was evaluated yet.
    """
    split = config.get("trainer.select_on") or "validation"
    metric = config.get("trainer.select_by") or "accuracy"
    if (split, metric) not in curves:
        return None, {}
    larger = _larger(config, metric)
    pairs = zip(*curves[split, metric], strict=True)
    # Of equal scores the latest is the best, as it is for the kept checkpoint.
    step = max(pairs, key=lambda pair: (_score(pair[1], larger), pair[0]))[0]
    best = {
        f"best.{name}.{measure}": values[steps.index(step)]
        for (name, measure), (steps, values) in curves.items()
        if name != "train" and step in steps
    }
    return step, best


def _larger(config: Mapping[str, Any], metric: str) -> bool:
    mode = config.get("trainer.select_mode")
    if metric == config.get("trainer.select_by") and mode in ("max", "min"):
        return mode == "max"
    return metric.startswith("accuracy")


def _score(value: float, larger_is_better: bool) -> float:
    if math.isnan(value):
        return -math.inf
    return value if larger_is_better else -value
