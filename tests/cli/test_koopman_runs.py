"""A learned Koopman model as a user types it: what a short run leaves behind."""

import csv
import json

import pytest
from command_line import call

SMALL = [
    "dataset.size=tiny",
    "dataset.frames=11",
    "model.latent=4",
    "model.hidden=[8]",
    "model.operator=free",
    "task.steps=4",
]
SHORT = [
    "trainer.steps=8",
    "trainer.batch_size=32",
    "trainer.steps_per_call=4",
    "trainer.evaluate_every_steps=8",
    "trainer.log_every=4",
    "task.free_steps=20",
]
QUICK = ["+experiment=koopman_lorenz", *SMALL, *SHORT, "callback.certificate.points=8", "run_dir=run"]


@pytest.mark.thorough
def test_a_run_leaves_forecasts_and_a_certificate(tmp_path, data_dir):
    code, said = call(["spectrax.train", *QUICK], tmp_path, data_dir)
    assert code == 0 and "Certificate: " in said, said
    run = tmp_path / "run"
    figures = {path.name: path.stat().st_size for path in (run / "figures").iterdir()}
    wanted = ("test_predictions", "test_error_against_time", "test_invariant_measure", "certificate_eigenvalues")
    assert all(figures[f"{name}.png"] > 10_000 for name in wanted), figures
    certificate = json.loads((run / "certificate.json").read_text())
    assert certificate["step"] == 8 and certificate["dictionary"]["learned"] and certificate["not_claimed"]
    assert len(certificate["eigenvalues"]) == 5 and len(certificate["learned_operator"]["eigenvalues"]) == 4
    with open(run / "metrics.csv", newline="") as file:
        rows = {(row["step"], row["split"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}
    summary = json.loads((run / "summary.json").read_text())["metrics"]
    assert {"nrmse_step_1", "valid_time", "kl_measure"} <= {name.split(".")[-1] for name in summary}
    assert rows["8", "certificate", "residual_largest"] > 0
    assert rows["8", "train", "loss"] < rows["4", "train", "loss"]


@pytest.mark.thorough
def test_a_free_run_without_normalisation_is_a_sentence(tmp_path, data_dir):
    code, said = call(["spectrax.describe", *QUICK[:-1], "dataset.normalise=null"], tmp_path, data_dir)
    assert code == 2 and "Traceback" not in said and "dataset.normalise=channel" in said, said
