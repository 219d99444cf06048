"""`spectrax.describe`: what an experiment is and costs, with and without data and a run."""

import json

from command_line import SMALL, call


def test_the_total_is_what_training_reports(finished, tmp_path, data_dir):
    code, output = call(["spectrax.describe", *SMALL, "output=found.json", "depth=2"], tmp_path, data_dir)
    assert code == 0, output
    found = json.loads((tmp_path / "found.json").read_text())
    whole = found["modules"][0]
    assert whole["path"] == "" and f"{whole['parameters']:,}" in output
    for words in ("svt_digits", "spectrax.models.svt.SVT", "${optimizer}", "stages/0", "Training step of 32 examples"):
        assert words in output, output
    assert found["training_step"]["memory_bytes"] > 2**20 and found["training_step"]["flops"] > 3 * whole["flops"]
    assert found["data"]["licence"] and found["device_memory_bytes"] > 2**30
    run_dir, _ = finished
    assert json.loads((run_dir / "summary.json").read_text())["parameters"] == whole["parameters"]
    words = ["spectrax.describe", f"checkpoint={run_dir}", "output=again.json", "depth=1"]
    code, output = call(words, tmp_path, data_dir)
    assert code == 0, output
    assert json.loads((tmp_path / "again.json").read_text())["modules"][0] == whole


def test_data_need_not_be_there(tmp_path, data_dir):
    size = ["model.depths=[1,0,0,0]", "dataset.image_size=64", "trainer.batch_size=2", "depth=1"]
    words = ["+experiment=svt_imagenet", *size, "data_dir=nowhere"]
    code, output = call(["spectrax.describe", *words], tmp_path, data_dir)
    assert code == 0 and "train 1,281,167" in output and "image-net.org" in output, output
    assert not (tmp_path / "nowhere").exists()


def test_mistakes_are_sentences(tmp_path, data_dir):
    for words, code, said in [
        (["depth=deep"], 2, "depth=deep"),
        (["checkpoint=nowhere"], 5, "nowhere is not a run directory"),
        (["model.depth=3"], 2, "model.depths"),
        ([*SMALL, "depth=1", "output=/dev/null/x.json"], 1, "Give another output=FILE"),
    ]:
        found, output = call(["spectrax.describe", *words], tmp_path, data_dir)
        assert found == code and said in output and "Traceback" not in output, output
