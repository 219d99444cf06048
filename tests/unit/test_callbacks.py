"""What watches a run: right values, on its cadence, the same after a resume, and never a change."""

import csv
import functools
import os
import signal

import numpy as np
import pytest
from training_pieces import experiment, trainer

from spectrax.callbacks.callback import SilentCallback
from spectrax.callbacks.early_stop import EarlyStop
from spectrax.callbacks.monitors import GradientNorm, LearningRate, ModuleNorms
from spectrax.callbacks.weight_spectra import WeightSpectra
from spectrax.core.errors import ConfigError, Preempted
from spectrax.core.protocols import Observed
from spectrax.training.schedules import constant


def rows(run_dir, split):
    with open(run_dir / "metrics.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def watchers():
    return {
        "learning_rate": LearningRate(),
        "gradient_norm": GradientNorm(),
        "norms": ModuleNorms(depth=1),
        "spectra": WeightSpectra(["first/kernel"], every=7),
    }


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("watched")
    return run_dir, trainer().run(experiment(run_dir, callbacks=watchers()))


def test_watching_changes_nothing(watched, tmp_path):
    callbacks = {**watchers(), "spectra": WeightSpectra(["first/kernel"])}
    trainer().run(experiment(tmp_path / "plain", callbacks={}))
    trainer().run(experiment(tmp_path / "watched", callbacks=callbacks))
    plain = (tmp_path / "plain" / "metrics.csv").read_text().splitlines()
    assert {row["metric"] for row in rows(tmp_path / "plain", "train")} == {"loss", "accuracy"}
    seen = (tmp_path / "watched" / "metrics.csv").read_text().splitlines()
    assert [row for row in seen if row in set(plain)] == plain


class Broken(SilentCallback):
    """Fails when it looks."""

    def observe(self, seen):
        raise RuntimeError("no such layer")


def test_a_callback_that_fails_is_left_out_with_one_warning(watched, tmp_path, warned):
    summary = trainer().run(experiment(tmp_path, callbacks={**watchers(), "broken": Broken()}))
    assert summary.metrics == watched[1].metrics
    assert warned == ["callback.broken failed and is left out from here on: no such layer"]


class Measuring(SilentCallback):
    """Measures one thing under a name."""

    def __init__(self, name, value):
        super().__init__()
        self.name, self.value = name, value

    def measure(self, update):
        return {self.name: self.value}


@pytest.mark.parametrize(
    "callbacks, said",
    [
        ({"a": Measuring("loss", 1.0)}, "'loss', which is the name of another metric"),
        ({"a": Measuring("x", 1.0), "b": Measuring("x", 2.0)}, "'x', which is the name of another metric"),
        ({"a": Measuring("x", np.ones(3))}, r"shape \(3,\); give a scalar"),
        ({"test": LearningRate()}, r"callback\.test would write its metrics among those of a split"),
    ],
)
def test_names_do_not_collide(callbacks, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        trainer().run(experiment(tmp_path, callbacks=callbacks))


def test_monitors_measure_each_module(watched):
    found = {row["metric"]: float(row["value"]) for row in rows(watched[0], "train") if row["step"] == "30"}
    modules = ("first", "norm", "layers")
    assert {f"{title}/{name}" for title in ("parameter_norm", "update_norm") for name in modules} <= set(found)
    assert found["learning_rate"] == pytest.approx(1e-2)
    # Adam moves every parameter by about the learning rate: 136 of them in the first layer.
    assert 0 < found["update_norm/first"] < 3 * 1e-2 * 136**0.5
    assert found["parameter_norm/first"] > found["update_norm/first"]


def test_spectra_have_their_own_cadence_and_a_figure(watched):
    run_dir, _ = watched
    seen = rows(run_dir, "spectra")
    assert [int(row["step"]) for row in seen if row["metric"] == "spectral_norm/first/kernel"] == [7, 14, 21, 28, 30]
    import orbax.checkpoint as ocp

    saved = ocp.StandardCheckpointer().restore((run_dir / "checkpoints" / "step_30" / "weights").absolute())
    kernel = np.asarray(saved["parameters"]["first"]["kernel"])
    assert float(seen[-2]["value"]) == pytest.approx(np.linalg.norm(kernel, 2), rel=1e-6)
    assert 1 <= float(seen[-1]["value"]) <= 8
    assert (run_dir / "figures" / "spectra_singular_values.png").read_bytes()[:4] == b"\x89PNG"


def test_complex_and_convolutional_weights():
    generator = np.random.default_rng(0)
    tree = {"mix": generator.normal(size=(2, 3, 3, 2)), "kernel": generator.normal(size=(3, 3, 4, 5))}
    found = WeightSpectra(["mix", "kernel"], ["mix"]).spectra(tree)
    first = tree["mix"][0, ..., 0] + 1j * tree["mix"][0, ..., 1]
    assert np.linalg.norm(first, 2) in found["mix"] and len(found["mix"]) == 6
    assert found["kernel"][0] == pytest.approx(np.linalg.norm(tree["kernel"].reshape(36, 5), 2))
    with pytest.raises(ConfigError, match="'head' fits no weight"):
        WeightSpectra(["head"]).spectra(tree)
    with pytest.raises(ConfigError, match="not a regular expression"):
        WeightSpectra(["("])


class Looking(SilentCallback):
    """Says that it looked."""

    def observe(self, seen):
        return Observed({"looked": 1.0})


def test_a_callback_may_count_in_epochs(tmp_path):
    """An epoch is 40 / 16 steps, and the run evaluates at none of these."""
    callbacks = {"epochs": Looking(every_epochs=2), "steps": Looking(every=6, every_epochs=2)}
    trainer(steps=14, evaluate_every_steps=9).run(experiment(tmp_path, callbacks=callbacks))
    assert [int(row["step"]) for row in rows(tmp_path, "epochs")] == [5, 10, 14]
    assert [int(row["step"]) for row in rows(tmp_path, "steps")] == [6, 12, 14]


class KilledAt(SilentCallback):
    """Asks for a polite end after a step, once."""

    def __init__(self, step):
        super().__init__(every=5)
        self.step = step

    def observe(self, seen):
        if seen.step == self.step:
            os.kill(os.getpid(), signal.SIGTERM)
        return Observed()


def test_a_continued_run_says_the_same_again(watched, tmp_path):
    with pytest.raises(Preempted):
        trainer().run(experiment(tmp_path, callbacks={**watchers(), "killed": KilledAt(15)}))
    trainer().run(experiment(tmp_path, callbacks=watchers()))
    assert (tmp_path / "metrics.csv").read_bytes() == (watched[0] / "metrics.csv").read_bytes()


def test_an_early_stop_evaluates_saves_and_is_final(tmp_path):
    options = {"steps": 200, "select_by": "loss", "select_mode": "min", "evaluate_every_steps": 5}
    stopping = trainer(**options, schedule=functools.partial(constant, peak=0.5))
    pieces = {"callbacks": {"stop": EarlyStop(patience=20), "spectra": WeightSpectra(["first/kernel"], every=200)}}
    summary = stopping.run(experiment(tmp_path, **pieces))
    assert summary.step == summary.best_step + 20 < 200 and "no better validation result" in summary.stopped
    assert {"final.test.loss", "best.test.loss"} <= set(summary.metrics)
    assert (tmp_path / "checkpoints" / f"step_{summary.step}").is_dir()
    # Those whose turn it was not close the run too, once.
    assert [int(row["step"]) for row in rows(tmp_path, "spectra")] == [summary.step] * 2
    again = stopping.run(experiment(tmp_path, **pieces))
    assert again.already_finished and again.step == summary.step
    # Killed between its last save and its summary, it does not go on.
    (tmp_path / "summary.json").unlink()
    before = (tmp_path / "metrics.csv").read_bytes()
    assert stopping.run(experiment(tmp_path, **pieces)).metrics == summary.metrics
    assert (tmp_path / "metrics.csv").read_bytes() == before


def test_equal_results_are_no_better(tmp_path):
    """Without learning the accuracy stays what it is: the latest step is the best, but the first has improved."""
    still = {"schedule": functools.partial(constant, peak=0.0), "steps": 100, "evaluate_every_steps": 10}
    summary = trainer(**still).run(experiment(tmp_path, callbacks={"stop": EarlyStop(patience=30)}))
    assert summary.step < 100 and summary.best_step == summary.step


def test_an_early_stop_needs_something_that_chooses(tmp_path):
    from training_pieces import ArrayLoader

    pieces = {"loader": ArrayLoader(splits=("train", "test")), "callbacks": {"stop": EarlyStop(patience=20)}}
    with pytest.raises(ConfigError, match="no validation split"):
        trainer().run(experiment(tmp_path, **pieces))
