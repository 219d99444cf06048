"""The commands as a user types them: what they print, leave behind and refuse."""

import csv
import json
from pathlib import Path

import pytest
from command_line import call, train

QUICK = ["trainer.steps=4", "trainer.evaluate_every_steps=4", "trainer.log_every=2"]


def test_training_says_what_a_person_wants_to_know(run):
    _, output = run
    for words in ("on 1 CPU device", "test accuracy", "parameters", "examples/s", "time", "my run"):
        assert words in output, output
    figure = next(line for line in output.splitlines() if line.startswith("Predictions: "))
    assert Path(figure.removeprefix("Predictions: ")).name == "test_predictions.png"
    for noise in ("Downloading", "WARNING", "Traceback", "absl"):
        assert noise not in output, output


def test_the_run_directory_is_the_contract(run):
    run_dir, _ = run
    names = {path.name for path in run_dir.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.yaml", "overrides.txt", "environment.json", "metrics.csv", "timings.csv", "summary.json",
        "checkpoints", "figures", "tensorboard", "log.txt",
    }  # fmt: skip
    header, first, *_ = (run_dir / "metrics.csv").read_text().splitlines()
    assert header == "step,split,metric,value" and first.startswith("2,train,")
    assert "trainer.steps=60" in (run_dir / "overrides.txt").read_text()
    assert list((run_dir / "tensorboard").glob("events.*"))
    summary = json.loads((run_dir / "summary.json").read_text())
    assert {"final.validation.accuracy", "final.test.accuracy", "best.test.accuracy"} <= set(summary["metrics"])
    assert json.loads((run_dir / "environment.json").read_text())["versions"]["jax"]


def test_evaluate_writes_what_it_prints_and_takes_another_split(run, tmp_path, data_dir):
    run_dir, _ = run
    code, output = call(["spectrax.evaluate", f"checkpoint={run_dir}", "split=validation"], tmp_path, data_dir)
    assert code == 0, output
    record = json.loads((run_dir / "evaluation_validation_60.json").read_text())
    assert f"{record['metrics']['accuracy']:.6f}" in output
    code, output = call(["spectrax.evaluate", f"checkpoint={run_dir}", "split=trial"], tmp_path, data_dir)
    assert code == 2 and "'trial'" in output and "validation" in output and "Traceback" not in output


def test_evaluate_on_another_dataset(run, tmp_path, data_dir):
    """A dataset of the user's in their own folder: the digits seen smaller; `dataset=` replaces the whole node."""
    run_dir, _ = run
    folder = tmp_path / "mine" / "dataset"
    folder.mkdir(parents=True)
    (folder / "dim_digits.yaml").write_text(
        "# Digits, darker.\ndefaults: [digits, _self_]\ntrain: [{_target_: spectrax.data.transforms.Resize, size: 32},"
        " {_target_: spectrax.data.transforms.ToFloat, maximum: 99.0}]\nevaluate: ${dataset.train}\n"
    )
    arguments = ["spectrax.evaluate", f"checkpoint={run_dir}", "dataset=dim_digits", "output=out.json"]
    code, output = call(arguments, tmp_path, data_dir, SPECTRAX_CONFIG_PATH=str(tmp_path / "mine"))
    assert code == 0, output
    metrics = json.loads((tmp_path / "out.json").read_text())["metrics"]
    assert metrics["loss"] != json.loads((run_dir / "summary.json").read_text())["metrics"]["best.test.loss"]


def test_evaluate_where_only_reading_is_allowed(run, tmp_path, data_dir):
    """What was measured is printed before it is written."""
    run_dir, _ = run
    (tmp_path / "file").write_text("")
    arguments = ["spectrax.evaluate", f"checkpoint={run_dir}", "output=file/out.json"]
    code, output = call(arguments, tmp_path, data_dir)
    assert code == 1 and "accuracy" in output and "output=FILE" in output and "Traceback" not in output


@pytest.mark.thorough
def test_evaluate_with_data_elsewhere_and_another_batch_size(run, tmp_path, data_dir):
    run_dir, _ = run
    words = [f"checkpoint={run_dir}", "data_dir=moved", "trainer.eval_batch_size=7", "output=out.json"]
    code, output = call(["spectrax.evaluate", *words], tmp_path, data_dir)
    assert code == 0, output
    assert (tmp_path / "moved" / "digits").is_dir()
    found = json.loads((tmp_path / "out.json").read_text())["metrics"]
    assert found["accuracy"] == json.loads((run_dir / "summary.json").read_text())["metrics"]["best.test.accuracy"]


def test_a_checkpoint_that_does_not_fit_exits_5_with_a_diff(run, tmp_path, data_dir):
    run_dir, _ = run
    arguments = ["spectrax.evaluate", f"checkpoint={run_dir}", "model.stem_width=12"]
    code, output = call(arguments, tmp_path, data_dir)
    assert code == 5 and "embedding/convolutions/0/kernel" in output and "wanted" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["spectrax.evaluate"], 2, ["checkpoint=CHECKPOINT is needed"]),
        (["spectrax.evaluate", "checkpoint=nowhere"], 5, ["nowhere is not a run directory"]),
        (["spectrax.train", "--fast"], 2, ["--fast is not an option"]),
        (["spectrax.train", "+experiment=svt_digits", "trainer.stepz=3"], 2, ["trainer.stepz", "trainer.steps"]),
        (["spectrax.train", "+experiment=svt_digit"], 2, ["svt_digit ", "svt_digits"]),
        (["spectrax.train", "model._target_=os.system"], 2, ["os.system is outside"]),
        (["spectrax.train", "model._target_=jax._src.config.os.system"], 2, ["jax._src.config.os.system is outside"]),
        (["spectrax.train", "+experiment=svt_imagenet", "data_dir=nowhere"], 3, ["imagenet2012", "spectrax.prepare"]),
        (["spectrax.prepare", "dataset=digit"], 2, ["digit ", "digits"]),
        (["spectrax.prepare"], 2, ["dataset=NAME is needed"]),
        (
            ["spectrax.prepare", "dataset=fashion_mnist", "dataset.source.manual_dir=nowhere", "data_dir=here"],
            3,
            ["train-images-idx3-ubyte.gz", "dataset=fashion_mnist manual_dir=DIR data_dir="],
        ),
    ],
)
def test_a_users_mistake_is_a_sentence_with_its_exit_code(arguments, code, words, tmp_path, data_dir):
    found, output = call(arguments, tmp_path, data_dir)
    assert found == code, output
    assert output.count("error: ") == 1 and "Traceback" not in output
    for word in words:
        assert word in output, output


def test_cfg_prints_the_config_and_does_nothing_else(tmp_path, data_dir):
    code, output = call(["spectrax.train", "trainer.steps=9", "--cfg", "job", "--resolve"], tmp_path, data_dir)
    assert code == 0 and "steps: 9" in output and "${" not in output
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough
def test_a_sweep_goes_on_past_a_failed_run_and_ends_with_its_code(tmp_path, data_dir):
    """Its words that are no part of Hydra's grammar, paths and packages, are taken as they are."""
    words = [*QUICK, "-m", "trainer.select_by=beauty,accuracy", "allow_packages=[json,csv]"]
    code, output = train(*words, "run_dir=one, two", cwd=tmp_path, data_dir=data_dir)
    assert code == 2 and "would share run_dir=one, two" in output and not (tmp_path / "one, two").exists()
    code, output = train(*words, "run_dir=one, two/${trainer.select_by}", cwd=tmp_path, data_dir=data_dir)
    assert code == 2, output
    assert "[0] failed with exit code 2" in output and "beauty is not a metric" in output
    summaries = list((tmp_path / "one, two").glob("*/summary.json"))
    assert [path.parent.name for path in summaries] == ["accuracy"]
    assert json.loads(summaries[0].read_text())["step"] == 4


def test_a_wrong_sweep_is_refused_before_its_first_run(tmp_path, data_dir):
    code, output = train(*QUICK, "-m", "seed=0,1", "model.mixer=channel,chanel", cwd=tmp_path, data_dir=data_dir)
    assert code == 2 and "model.mixer='chanel'" in output and not (tmp_path / "runs").exists()


def test_prepare_prints_the_card_and_is_done_once(tmp_path, data_dir):
    code, output = call(["spectrax.prepare", "dataset=digits", "data_dir=here"], tmp_path, data_dir)
    assert code == 0 and "train: 1,077 examples" in output and "card.json" in output
    assert list((tmp_path / "here" / "digits" / "1.0.0").glob("**/*.array_record*"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "here").rglob("*")}
    assert call(["spectrax.prepare", "dataset=digits", "data_dir=here"], tmp_path, data_dir)[0] == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "here").rglob("*")}


@pytest.mark.thorough
def test_grain_and_resident_loaders_train_alike(run, tmp_path, data_dir):
    """The same examples in the same order: the losses differ by rounding at most."""
    run_dir, _ = run
    words = [*QUICK, "schedule.peak=5e-3", "loader=grain", "task.shift=2", "run_dir=grain"]
    code, output = train(*words, cwd=tmp_path, data_dir=data_dir)
    assert code == 0, output
    texts = [(folder / "metrics.csv").read_text() for folder in (tmp_path / "grain", run_dir)]
    ours, theirs = (list(csv.reader(text.splitlines())) for text in texts)
    ours = [row for row in ours if row[1] == "train"]
    assert [row[0] for row in ours] == ["2"] * 4 + ["4"] * 4
    for mine, other in zip(ours, theirs[1:], strict=False):
        assert mine[:3] == other[:3]
        assert float(mine[3]) == pytest.approx(float(other[3]), rel=1e-4, abs=1e-5)


def test_a_notebook_opens_a_run(run):
    import numpy as np

    import spectrax

    run_dir, _ = run
    loaded = spectrax.load(str(run_dir))
    outputs = loaded.predict(np.zeros((3, 32, 32, 1), np.float32))
    assert outputs["probabilities"].shape == (3, 10)
    np.testing.assert_allclose(outputs["probabilities"].sum(-1), 1, rtol=1e-5)
    assert loaded.step == 60 and loaded.config.trainer.steps == 60
