"""Runs for tests of sweeps: they leave what a training leaves, in no time, and fail, wait or end as they are told.

`python -m sweeping WORDS` sweeps over such runs.
"""

import json
import sys
import time
from pathlib import Path

from spectrax.config.shell import guarded
from spectrax.core.errors import NonFiniteLoss, Preempted, RunDirectoryError
from spectrax.saved_config import agree

_FAILURES = {"nan": NonFiniteLoss, "disk": RunDirectoryError, "stop": Preempted}


def run(config, words):
    """Its accuracy is the better the nearer `schedule.peak` is to 0.01; `tell` makes it fail."""
    run_dir = Path(config.run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    with open("begun.txt", "a") as log:
        log.write(f"{config.seed}\n")
    agree(run_dir, config, list(words))
    told = Path(f"{config.seed}.told")
    what = told.read_text() if told.exists() else ""
    if what == "wait":
        time.sleep(60)
    if what == "bug":
        raise RuntimeError("a mistake in code")
    if what in _FAILURES:
        raise _FAILURES[what](f"told to: {what}")
    accuracy = 1 / (1 + 100 * abs(config.schedule.peak - 0.01)) - 0.001 * config.seed
    (run_dir / "checkpoints" / "step_4").mkdir(parents=True, exist_ok=True)
    rows = [f"{step},validation,accuracy,{accuracy * step / 4!r}" for step in (2, 4)]
    (run_dir / "metrics.csv").write_text("\n".join(["step,split,metric,value", *rows, ""]))
    metrics = {"best.validation.accuracy": accuracy, "final.validation.accuracy": accuracy}
    summary = {"step": 4, "metrics": metrics, "best_step": 4, "selected_on": "validation"}
    (run_dir / "summary.json").write_text(json.dumps(summary))
    return 0


def tell(seed, what):
    """What the run of this seed does in place of training; nothing for nothing."""
    Path(f"{seed}.told").write_text(what)


def begun():
    """The seeds of the runs that were begun since this was asked last."""
    log = Path("begun.txt")
    seeds = [int(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.write_text("")
    return seeds


if __name__ == "__main__":
    from spectrax.sweeps.driver import sweep

    raise SystemExit(guarded(lambda: sweep(run, sys.argv[1:])))
