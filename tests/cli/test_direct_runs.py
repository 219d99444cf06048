"""Runs that fit in closed form, as a user types them: trained, found finished, evaluated, described, refused."""

import csv
import importlib
import json
from pathlib import Path

import numpy as np
import pytest

import spectrax

SIZES = ["dataset.size=tiny", "dataset.source.validation=100", "dataset.source.test=200", "task.points=0"]
SMALL = ["+experiment=limits_adversarial", *SIZES]
QUICK = [*SMALL, "task.circle=8", "writer=quiet", "run_dir=run"]


@pytest.fixture
def command(data_dir, tmp_path, monkeypatch, capsys):
    """Runs `python -m spectrax.<name>` in this process: exit code and what it said."""
    monkeypatch.setattr("spectrax.config.shell.restart_with_huge_pages", lambda: None)
    monkeypatch.setenv("SPECTRAX_DATA_DIR", str(data_dir))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(name, *words):
        monkeypatch.setattr("sys.argv", [name, *words])
        code = importlib.import_module(f"spectrax.{name}").main()
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_the_life_of_a_run(command, tmp_path):
    code, said = command("train", *QUICK)
    assert code == 0 and "Fitted in" in said and "Certificate on the test split" in said, said
    run = tmp_path / "run"
    names = {path.name for path in run.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.yaml", "overrides.txt", "environment.json", "metrics.csv", "timings.csv", "summary.json",
        "certificate.json", "checkpoints", "figures", "log.txt",
    }  # fmt: skip
    assert (run / "figures" / "test_twins.png").stat().st_size > 10_000
    certificate = json.loads((run / "certificate.json").read_text())
    assert certificate["twin"]["difference_of_eigenvalues"] == 0.0
    assert certificate["twin"]["twin_ruled_out_by_lipschitz"] and certificate["not_claimed"]
    summary = json.loads((run / "summary.json").read_text())["metrics"]
    # Between the circles of the sample the rotation's eigenpairs hold, and those of the twin do not.
    assert summary["final.test.residual_median"] < 1e-9 < 0.5 < summary["final.test.twin_residual_median"]
    code, said = command("train", *QUICK)
    assert code == 0 and "finished before" in said and "Fitting" not in said, said
    code, said = command("train", *QUICK, "model.tolerance=1e-9")
    assert code == 5 and "model.tolerance" in said, said
    _evaluated(command, run, summary)


def _evaluated(command, run, summary):
    code, said = command("evaluate", "checkpoint=run")
    assert code == 0, said
    found = json.loads((run / "evaluation_test_1.json").read_text())["metrics"]
    assert found == {name.removeprefix("final.test."): v for name, v in summary.items() if ".test." in name}
    code, said = command("evaluate", "checkpoint=run", "split=trial")
    assert code == 2 and "'trial'" in said and "validation" in said, said
    code, said = command("evaluate", "checkpoint=run", "step=40")
    assert code == 5 and "no step 40" in said, said
    np.save("states.npy", np.zeros((4, 2)))
    code, said = command("predict", "checkpoint=run", "input=states.npy", "output=out")
    assert code == 2 and "spectrax.load('run').model.predict(states, steps)" in said and "Traceback" not in said, said
    assert spectrax.load("run").model.predict(np.ones((2, 2)), 3).shape == (2, 3, 2)
    code, said = command("export", "checkpoint=run", "output=x.stablehlo")
    assert code == 2 and "in closed form, which is not exported. Its numbers lie in run/checkpoints/step_1/" in said, (
        said
    )
    assert np.load(run / "checkpoints" / "step_1" / "fitted.npz").files and not Path("x.stablehlo").exists()
    code, said = command("report", "runs=run", "output=told")
    assert code == 0 and "limits_adversarial: best by final.validation.residual_median" in said, said
    with open("told/report.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["status"] == "finished" and float(row["final.test.certified"]) == summary["final.test.certified"]


def test_it_is_described_without_data(command, tmp_path):
    code, said = command("describe", *SMALL, f"data_dir={tmp_path}/nowhere")
    assert code == 0 and "Fitted in closed form by spectrax.estimators.resdmd.ResDMD" in said, said
    assert "44 functions, to 64 training examples" in said and not (tmp_path / "nowhere").exists()
    assert "not read by this trainer: loader, optimizer" in said and "optax" not in said


@pytest.mark.parametrize(
    "words, said",
    [
        (["trainer.steps=3"], ["trainer.steps is not a key"]),
        (["callback=[default,certificate]"], ["callback=[default,certificate]", "changes nothing", "Leave it out"]),
        (["optimizer.clip_norm=1"], ["optimizer.clip_norm=1", "reads no optimizer"]),
        (["dataset.normalise=channel"], ["ResDMD is no model of windows", "set dataset.normalise=null"]),
        (["task.treshold=0.2"], ["task.treshold", "task.threshold"]),
        (["task.threshold=-1"], ["threshold=-1"]),
        (["model=koopman_autoencoder"], ["KoopmanAutoencoder is trained by gradients", "trainer=gradient"]),
        (["task=dynamics"], ["Dynamics is one of training by gradients", "go with a task such as spectrum"]),
        (["model.dictionary.dictionaries=[]", "task.order=0"], ["task.order must be at least 1"]),
        (["dataset.observation_noise=-0.1"], ["dataset.observation_noise=-0.1 is no deviation"]),
        (["model.held_out=2"], ["held_out=2 is no fraction"]),
        (["task.plane=[0,7]"], ["task.plane=[0, 7]: a state has the coordinates 0 to 1"]),
    ],
)
def test_mistakes_are_sentences(command, tmp_path, words, said):
    code, output = command("train", *QUICK, *words)
    assert code == 2 and "Traceback" not in output, output
    assert not any(tmp_path.iterdir())  # nothing that a report would call unfinished
    for word in said:
        assert word in output, output


def test_a_trainer_of_steps_takes_no_estimator(command):
    code, said = command("train", "+experiment=koopman_lorenz", "model=resdmd")
    assert code == 2 and "ResDMD is fitted in closed form: it goes with trainer=direct" in said, said
    code, said = command("benchmark", *SMALL)
    assert code == 2 and "takes no steps that could be timed" in said, said
    code, said = command("describe", *SMALL, "topology=v5e:2x2")
    assert code == 2 and "takes no steps that could be compiled" in said, said
