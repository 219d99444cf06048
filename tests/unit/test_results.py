"""Which step is the best."""

import math
from pathlib import Path

from spectrax.training.results import Results


def results():
    return Results(Path(), ["train", "validation", "test"], None, "accuracy", True)


def test_nothing_is_worse_than_nan():
    found = results()
    for step, accuracy in ((1, math.nan), (2, 0.1), (3, math.nan), (4, 0.05)):
        found.add(step, "validation", {"accuracy": accuracy})
    assert found.best_step == 2


def test_a_best_step_whose_checkpoint_is_gone_is_forgotten():
    found = results()
    found.add(10, "validation", {"accuracy": 0.9})
    record = found.record()
    again = results()
    again.restore(record, saved_steps=[10, 20])
    assert again.best_step == 10
    again.restore(record, saved_steps=[20])
    assert again.best_step is None and not any(name.startswith("best.") for name in again.metrics())
    again.add(30, "validation", {"accuracy": 0.5})
    assert again.best_step == 30
