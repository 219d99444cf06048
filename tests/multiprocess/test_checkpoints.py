"""Checkpoints do not depend on how many processes wrote them."""

import json

import members
import numpy as np
import pytest
from command_line import call
from PIL import Image

from spectrax.training.fingerprint import fingerprints


@pytest.fixture(scope="module")
def halves(data_dir, tmp_path_factory):
    """Runs whose first 20 steps were taken by two processes, which split the state, and the rest by one; and back."""
    folder = tmp_path_factory.mktemp("halves")
    for name, first, then in (("from_two", 2, 1), ("from_one", 1, 2)):
        words = [f"run_dir={name}", "trainer.keep=9"]
        for count, steps in ((first, 20), (then, 40)):
            layout = members.SPLIT_STATE if count == 2 else []
            members.train(*words, *layout, f"trainer.steps={steps}", cwd=folder, data_dir=data_dir, count=count)
    return folder


@pytest.mark.thorough
def test_one_process_goes_on_where_two_stopped_and_the_other_way_round(halves):
    two, one = (members.metrics(halves / name) for name in ("from_two", "from_one"))
    assert {step for step, _, _ in two} == {step for step, _, _ in one} >= {"22", "40"}
    losses = [key for key in two if key[2] == "loss"]
    assert {key: one[key] for key in losses} == pytest.approx({key: two[key] for key in losses}, rel=1e-5)
    assert not list(halves.glob("*/damaged_checkpoints"))  # whatever is read is compared with what was saved


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["from_two", "from_one"])
@pytest.mark.parametrize("item", ["state", "weights"])
def test_this_process_reads_what_the_others_held(name, item, halves):
    """Fingerprints taken where the arrays were when they were saved, split over processes or not, and taken here."""
    meta = json.loads((halves / name / "checkpoints" / "step_20" / "meta" / "metadata").read_text())
    found = fingerprints(members.state(halves / name, 20, item))
    assert sorted(found.values()) == sorted(meta["fingerprints"][item].values())
    assert len(set(found.values())) > 5


def test_a_checkpoint_of_two_is_evaluated_and_predicts_on_one_cpu(undisturbed, data_dir, tmp_path):
    environment = {**members.environment(data_dir), "XLA_FLAGS": ""}
    words = [f"checkpoint={undisturbed}", "allow_packages=[small_network]"]
    code, output = call(["spectrax.evaluate", *words], tmp_path, data_dir, **environment)
    assert code == 0, output
    told = json.loads((undisturbed / "summary.json").read_text())["metrics"]
    evaluated = json.loads(next(undisturbed.glob("evaluation_test_*.json")).read_text())["metrics"]
    assert evaluated["loss"] == pytest.approx(told["best.test.loss"], rel=1e-5)
    Image.fromarray(np.full((20, 20), 200, np.uint8)).save(tmp_path / "grey.png")
    code, output = call(
        ["spectrax.predict", *words, f"input={tmp_path}/grey.png", "output=out"], tmp_path, data_dir, **environment
    )
    assert code == 0, output
    assert (tmp_path / "out" / "predictions.csv").read_text().count("\n") == 2


@pytest.mark.thorough
def test_damage_that_one_process_meets_is_stepped_over_by_all(data_dir, tmp_path):
    """Of a state that is split each process reads its part, and a chunk of one part is cut."""
    words = ["run_dir=run", "trainer.keep=9", *members.SPLIT_STATE]
    members.train(*words, "trainer.steps=40", cwd=tmp_path, data_dir=data_dir)
    run, before = tmp_path / "run", members.metrics(tmp_path / "run")
    written = (run / "checkpoints" / "step_40" / "state").rglob("ocdbt.process_1/d/*")
    largest = max(written, key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])
    outputs = members.train(*words, "trainer.steps=42", cwd=tmp_path, data_dir=data_dir)
    assert "Checkpoint step 40 is damaged" in outputs[0] and "Continuing from step 20" in outputs[0]
    assert (run / "damaged_checkpoints" / "step_40").is_dir()
    after = members.metrics(run)
    losses = [key for key in before if key[1:] == ("train", "loss")]
    assert {key: after[key] for key in losses} == {key: before[key] for key in losses}


@pytest.mark.thorough
def test_two_processes_that_split_the_state_begin_with_what_others_saved(undisturbed, data_dir, tmp_path):
    """With a learning rate of zero nothing is changed after that."""
    words = ["run_dir=run", f"init_from={undisturbed}", "schedule.peak=0.0", "trainer.steps=2"]
    outputs = members.train(*words, *members.SPLIT_STATE, cwd=tmp_path, data_dir=data_dir)
    step = json.loads((undisturbed / "summary.json").read_text())["best_step"]
    assert f"Beginning with the weights of step {step} of" in outputs[0]
    ours, theirs = members.state(tmp_path / "run", 2, "weights"), members.state(undisturbed, step, "weights")
    parameters = [path for path in theirs if path.startswith("['parameters']")]
    assert len(parameters) > 5 and ours.keys() == theirs.keys()
    for path in parameters:
        np.testing.assert_array_equal(ours[path], theirs[path], path)
