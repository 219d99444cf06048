"""The loop: what it writes, that it continues exactly, and that its options mean what they say."""

import csv
import functools
import os

import jax
import numpy as np
import optax
import pytest
from training_pieces import ArrayLoader, experiment, trainer

from spectrax.core.errors import CheckpointError, ConfigError, NonFiniteLoss, Preempted
from spectrax.core.trees import leaf_paths
from spectrax.tasks.classification import Classification
from spectrax.training.cadence import Cadence
from spectrax.training.checkpoints import Checkpoints
from spectrax.training.optimizers import Optimizer
from spectrax.training.schedules import constant
from spectrax.training.state import TrainState


def rows(run_dir):
    with open(run_dir / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def final_parameters(run_dir, step):
    """Every leaf of the saved state, read without knowing the model."""
    import orbax.checkpoint as ocp

    tree = ocp.StandardCheckpointer().restore((run_dir / "checkpoints" / f"step_{step}" / "state").absolute())
    return {path: np.asarray(leaf) for path, leaf in leaf_paths(tree)}


def assert_same_run(first, second, step=30):
    assert (first / "metrics.csv").read_bytes() == (second / "metrics.csv").read_bytes()
    a, b = final_parameters(first, step), final_parameters(second, step)
    assert a.keys() == b.keys()
    for path in a:
        np.testing.assert_array_equal(a[path], b[path], err_msg=path)


class StopAt:
    """A writer that sends this process a signal once a step is reached."""

    essential = True  # what it raises is meant to end the run

    def __init__(self, step, action):
        self.step, self.action, self.done = step, action, False

    def open(self, run_dir, step, total_steps, mark):
        pass

    def write(self, step, split, metrics):
        if step >= self.step and not self.done:
            self.done = True
            self.action()

    def timing(self, step, timings):
        pass

    def mark(self):
        return None

    def close(self):
        pass


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("undisturbed")
    summary = trainer().run(experiment(run_dir, task=Classification(num_classes=3)))
    return run_dir, summary


def test_learns_and_leaves_what_the_contract_names(undisturbed):
    run_dir, summary = undisturbed
    assert summary.metrics["final.validation.accuracy"] > 0.85
    assert summary.parameters == 8 * 16 + 2 * 16 + 16 * 3 + 3
    names = {path.name for path in run_dir.iterdir()}
    assert {"metrics.csv", "timings.csv", "summary.json", "checkpoints", "figures"} <= names
    assert (run_dir / "figures" / "test_predictions.png").read_bytes()[:4] == b"\x89PNG"
    steps = [(row["step"], row["split"]) for row in rows(run_dir) if row["metric"] == "loss"]
    assert ("5", "train") in steps and ("10", "validation") in steps and ("30", "test") in steps
    assert len(steps) == len(set(steps))


def test_a_finished_run_does_nothing(undisturbed):
    run_dir, summary = undisturbed
    before = (run_dir / "metrics.csv").stat().st_mtime_ns
    again = trainer().run(experiment(run_dir))
    assert again.already_finished and again.metrics == summary.metrics
    assert (run_dir / "metrics.csv").stat().st_mtime_ns == before


def test_sigterm_saves_and_the_rerun_is_bit_identical(undisturbed, tmp_path):
    stopper = StopAt(15, lambda: os.kill(os.getpid(), 15))
    spec = experiment(tmp_path)
    with pytest.raises(Preempted, match=r"SIGTERM.*step 1[5-9]"):
        trainer().run(experiment(tmp_path, writers=[*spec.writers, stopper]))
    trainer().run(experiment(tmp_path, writers=[*experiment(tmp_path).writers, StopAt(99, lambda: None)]))
    assert_same_run(undisturbed[0], tmp_path)


def test_a_signal_at_the_last_step_leaves_summary_and_figures_to_the_rerun(undisturbed, tmp_path):
    stopper = StopAt(30, lambda: os.kill(os.getpid(), 15))
    with pytest.raises(Preempted, match="saved at step 30"):
        trainer().run(experiment(tmp_path, writers=[*experiment(tmp_path).writers, stopper]))
    assert not (tmp_path / "summary.json").exists()
    summary = trainer().run(experiment(tmp_path, task=Classification(num_classes=3)))
    assert not summary.already_finished and summary.metrics == undisturbed[1].metrics
    assert (tmp_path / "figures" / "test_predictions.png").exists()


def test_an_exception_between_saves_loses_nothing(undisturbed, tmp_path):
    class Boom(Exception):
        pass

    def explode():
        raise Boom

    with pytest.raises(Boom):
        trainer().run(experiment(tmp_path, writers=[*experiment(tmp_path).writers, StopAt(25, explode)]))
    assert any(row["step"] == "25" for row in rows(tmp_path))
    trainer().run(experiment(tmp_path, writers=[*experiment(tmp_path).writers, StopAt(99, explode)]))
    assert_same_run(undisturbed[0], tmp_path)


def test_a_run_goes_on_with_other_writers(undisturbed, tmp_path):
    trainer(steps=10).run(experiment(tmp_path, writers=[*experiment(tmp_path).writers, StopAt(99, lambda: None)]))
    trainer().run(experiment(tmp_path))
    ours, theirs = final_parameters(tmp_path, 30), final_parameters(undisturbed[0], 30)
    for path, leaf in theirs.items():
        np.testing.assert_array_equal(ours[path], leaf, err_msg=path)


def test_the_best_step_is_saved_whatever_the_cadence(tmp_path):
    changes = {"steps": 40, "save_every_steps": 25, "select_by": "loss", "select_mode": "max"}
    summary = trainer(**changes).run(experiment(tmp_path))
    assert summary.best_step == 10 and "best.test.loss" in summary.metrics


def test_an_update_that_overflows_is_found_before_it_is_saved(tmp_path):
    def schedule(**lengths):
        return lambda step: jax.numpy.where(step == 19, np.inf, 1e-2)

    with pytest.raises(NonFiniteLoss, match=r"at step 20 .*updated parameter"):
        trainer(schedule=schedule).run(experiment(tmp_path))
    assert Checkpoints(tmp_path / "checkpoints", read_only=True).steps() == [10]


@pytest.mark.parametrize("damage", ["truncate", "delete", "zero"])
def test_damage_to_the_newest_checkpoint_is_found_and_stepped_over(undisturbed, tmp_path, damage, warned):
    trainer(steps=20).run(experiment(tmp_path))
    files = [path for path in (tmp_path / "checkpoints" / "step_20" / "state").rglob("*") if path.is_file()]
    data = max(files, key=lambda path: path.stat().st_size)
    if damage == "truncate":
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    elif damage == "delete":
        data.unlink()
    else:
        content = bytearray(data.read_bytes())
        content[len(content) // 3 : len(content) // 3 + 64] = bytes(64)
        data.write_bytes(bytes(content))
    trainer(steps=30).run(experiment(tmp_path))
    assert any("damaged" in text for text in warned) and (tmp_path / "damaged_checkpoints" / "step_20").is_dir()
    assert_same_run(undisturbed[0], tmp_path)


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), ValueError("RESOURCE_EXHAUSTED: out of memory"), MemoryError()]
)
def test_what_the_machine_refuses_is_no_damage(undisturbed, tmp_path, monkeypatch, error):
    trainer(steps=20).run(experiment(tmp_path))

    def refuse(*arguments):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "_restore", refuse)
        with pytest.raises(CheckpointError, match=r"step_20 cannot be read .*left as it is"):
            trainer(steps=30).run(experiment(tmp_path))
    assert not (tmp_path / "damaged_checkpoints").exists()
    trainer(steps=30).run(experiment(tmp_path))
    ours, theirs = final_parameters(tmp_path, 30), final_parameters(undisturbed[0], 30)
    for path, leaf in theirs.items():
        np.testing.assert_array_equal(ours[path], leaf, err_msg=path)


def test_when_no_checkpoint_can_be_read_the_run_stops_and_touches_none(undisturbed, tmp_path):
    trainer(steps=20).run(experiment(tmp_path))
    for meta in (tmp_path / "checkpoints").glob("step_*/meta/metadata"):
        meta.write_text("{")
    with pytest.raises(CheckpointError, match=r"None of the 2 checkpoints .*step 20.*left as they are"):
        trainer().run(experiment(tmp_path))
    assert len(list((tmp_path / "checkpoints").glob("step_*"))) == 2
    (tmp_path / "checkpoints").rename(tmp_path / "away")
    trainer().run(experiment(tmp_path))
    assert_same_run(undisturbed[0], tmp_path)


def test_a_missing_array_is_damage_even_where_reading_gives_zeros(tmp_path):
    """The fingerprint, not the reader, is what finds it."""
    from spectrax.training.fingerprint import fingerprints

    tree = {"a": jax.numpy.arange(12.0).reshape(3, 4), "flag": jax.numpy.array([True, False])}
    whole = fingerprints(tree)
    assert whole == fingerprints(jax.tree.map(lambda leaf: leaf + 0, tree))
    assert whole["a"] != fingerprints({"a": tree["a"] * 0, "flag": tree["flag"]})["a"]
    swapped = tree["a"].at[0, 0].set(tree["a"][2, 3]).at[2, 3].set(tree["a"][0, 0])
    assert whole["a"] != fingerprints({"a": swapped})["a"]


def test_other_parameters_exit_5_with_a_diff(undisturbed, tmp_path):
    trainer(steps=10).run(experiment(tmp_path))
    with pytest.raises(CheckpointError, match=r"parameters/first/kernel: float32\[8, 16\] saved, float32\[8, 24\]"):
        trainer().run(experiment(tmp_path, width=24))
    assert CheckpointError.exit_code == 5


def test_a_loss_that_is_not_finite_names_step_and_leaf_and_keeps_the_last_good_checkpoint(tmp_path):
    def schedule(**lengths):
        return lambda step: jax.numpy.where(step < 12, 1e-2, 1e38)

    with pytest.raises(NonFiniteLoss, match=r"at step 1[45] .*first bad leaf is the \w+") as caught:
        trainer(schedule=schedule).run(experiment(tmp_path))
    assert caught.value.exit_code == 4
    assert Checkpoints(tmp_path / "checkpoints", read_only=True).steps() == [10]


def test_a_bad_batch_is_named_as_such(tmp_path):
    loader = ArrayLoader()
    loader.resident["image"][:] = np.nan
    with pytest.raises(NonFiniteLoss, match=r"at step 1 .*batch field image"):
        trainer().run(experiment(tmp_path, loader=loader))


def test_steps_per_call_changes_nothing_but_speed(undisturbed, tmp_path):
    trainer(steps_per_call=1).run(experiment(tmp_path))
    ours, theirs = final_parameters(tmp_path, 30), final_parameters(undisturbed[0], 30)
    for path, leaf in theirs.items():
        np.testing.assert_allclose(ours[path], leaf, rtol=1e-4, atol=1e-5, err_msg=path)


def test_the_best_checkpoint_is_kept_beside_the_latest(tmp_path):
    # The loss falls, so choosing by the largest loss makes the first evaluation the best.
    summary = trainer(steps=40, select_by="loss", select_mode="max").run(experiment(tmp_path))
    assert summary.best_step == 10
    assert Checkpoints(tmp_path / "checkpoints", read_only=True).steps() == [10, 30, 40]
    assert summary.metrics["best.test.loss"] > summary.metrics["final.test.loss"]
    assert ("10", "test") in [(row["step"], row["split"]) for row in rows(tmp_path)]


def test_without_a_validation_split_nothing_chooses_unless_asked(tmp_path):
    loader = ArrayLoader(splits=("train", "test"))
    summary = trainer(steps=10).run(experiment(tmp_path / "last", loader=loader))
    assert summary.selected_on is None and not any(name.startswith("best.") for name in summary.metrics)
    summary = trainer(steps=10, select_on="test").run(experiment(tmp_path / "test", loader=loader))
    assert summary.selected_on == "test" and "best.test.accuracy" in summary.metrics
    with pytest.raises(ConfigError, match="select_on=validation"):
        trainer(steps=10, select_on="validation").run(experiment(tmp_path / "none", loader=loader))


def test_accumulation_averages_gradients_of_micro_batches(tmp_path):
    """One step of SGD on a network without batch statistics equals the step on the whole batch."""
    from flax import nnx

    class Linear(nnx.Module):
        def __init__(self, *, rngs):
            self.layer = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, inputs, *, train, key=None):
            return self.layer(inputs.reshape(inputs.shape[0], -1))

    saved = []
    for accumulate in (1, 4):
        run_dir = tmp_path / str(accumulate)
        trainer(
            steps=3,
            accumulate=accumulate,
            optimizer=Optimizer(optax.sgd),
            schedule=functools.partial(constant, peak=0.1),
        ).run(experiment(run_dir, make_model=Linear))
        saved.append(final_parameters(run_dir, 3))
    np.testing.assert_allclose(
        saved[0]["parameters/layer/kernel"], saved[1]["parameters/layer/kernel"], rtol=1e-5, atol=1e-6
    )


def test_a_whole_number_is_a_rate_like_any_other(tmp_path):
    """In a call of several steps, whose metrics are means."""
    schedule = functools.partial(constant, peak=1)
    summary = trainer(steps=4, schedule=schedule).run(experiment(tmp_path))
    rates = [row for row in (tmp_path / "metrics.csv").read_text().splitlines() if ",learning_rate," in row]
    assert summary.step == 4 and rates == ["4,train,learning_rate,1.0"]


def test_the_average_is_what_evaluation_uses(tmp_path):
    summary = trainer(average=0.9).run(experiment(tmp_path))
    saved = final_parameters(tmp_path, 30)
    assert not np.allclose(saved["average/first/kernel"], saved["parameters/first/kernel"], atol=1e-4)
    import orbax.checkpoint as ocp

    weights = ocp.StandardCheckpointer().restore((tmp_path / "checkpoints" / "step_30" / "weights").absolute())
    np.testing.assert_array_equal(weights["parameters"]["first"]["kernel"], saved["average/first/kernel"])
    assert summary.metrics["final.validation.accuracy"] > 0.8


def test_calls_never_cross_an_event():
    cadence = Cadence(total=23, log=5, evaluate=10, save=7, call=4)
    step, seen = 0, []
    while step < 23:
        count = cadence.next_call(step)
        assert 1 <= count <= 4
        step += count
        seen.append(step)
    assert {5, 7, 10, 14, 15, 20, 21, 23} <= set(seen)
    assert cadence.saves(23) and cadence.logs(23) and cadence.evaluates(23) and not cadence.evaluates(22)


def test_nonsense_is_refused_with_the_key(tmp_path):
    for changes, key in [
        ({"steps": None}, "trainer.epochs"),
        ({"batch_size": 0}, "trainer.batch_size"),
        ({"batch_size": 10, "accumulate": 3}, "trainer.accumulate"),
        ({"select_by": "beauty"}, "trainer.select_by=beauty is not a metric. There are: loss, accuracy"),
        ({"steps": -1, "save_every_steps": 0}, r"trainer\.steps=-1.*\n.*trainer\.save_every_steps=0"),
        ({"evaluate_every_steps": -5}, "trainer.evaluate_every_steps=-5"),
        ({"steps": None, "epochs": 0.0}, "trainer.epochs=0.0"),
        ({"average": 1.0}, "trainer.average=1.0"),
    ]:
        with pytest.raises(ConfigError, match=key):
            trainer(**changes).run(experiment(tmp_path))


def test_the_state_is_a_plain_tree():
    assert set(TrainState.__dataclass_fields__) == {
        "step", "parameters", "statistics", "optimizer", "average", "extra",
    }  # fmt: skip
