"""`spectrax.describe`: what an experiment is and costs, with and without data and a run."""

import importlib.util
import json

import pytest
from command_line import SMALL, call


def with_compiler(test):
    """Tests that compile for TPUs, which need not be there."""
    absent = importlib.util.find_spec("libtpu") is None
    return pytest.mark.tpu_compiler(pytest.mark.skipif(absent, reason="needs libtpu, of the extra tpu")(test))


@pytest.mark.thorough
def test_the_total_is_what_training_reports(finished, tmp_path, data_dir):
    code, output = call(["spectrax.describe", *SMALL, "output=found.json", "depth=2"], tmp_path, data_dir)
    assert code == 0, output
    found = json.loads((tmp_path / "found.json").read_text())
    whole = found["modules"][0]
    assert whole["path"] == "" and whole["flops"] > 2 * whole["multiply_adds"] > 0
    billions = whole["multiply_adds"] / 1e9
    assert f"In all {whole['parameters']:,} parameters, and {billions:.3f} G multiply-adds as papers count" in output
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
    size = ["model.depths=[1,0,0,0]", "dataset.image_size=96", "trainer.batch_size=2", "depth=1"]
    words = ["+experiment=svt_imagenet", *size, "data_dir=nowhere"]
    code, output = call(["spectrax.describe", *words], tmp_path, data_dir)
    assert code == 0 and "train 1,281,167" in output and "image-net.org" in output, output
    assert not (tmp_path / "nowhere").exists()


def test_mistakes_are_sentences(tmp_path, data_dir):
    for words, code, said in [
        (["depth=deep"], 2, "depth=deep"),
        (["checkpoint=nowhere"], 5, "nowhere is not a run directory"),
        (["model.depth=3"], 2, "model.depths"),
        (["topology=v9:2x2"], 2, "v5e:16x16, v5p:4x4x4, v6e:8x8"),
        ([*SMALL, "depth=1", "output=/dev/null/x.json"], 1, "Give another output=FILE"),
    ]:
        found, output = call(["spectrax.describe", *words], tmp_path, data_dir)
        assert found == code and said in output and "Traceback" not in output, output


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, data_dir):
    """What the command says and writes about a small step on four chips that are not here."""
    folder = tmp_path_factory.mktemp("slice")
    words = ["spectrax.describe", *SMALL, "topology=v5e:2x2", "depth=1", "output=found.json"]
    code, output = call(words, folder, data_dir, timeout=580)
    assert code == 0, output
    return words, output, json.loads((folder / "found.json").read_text())


@with_compiler
def test_a_step_compiled_for_a_slice_fits_and_gathers_no_activation(compiled):
    _, output, found = compiled
    step = found["slice"]
    assert step["chips"] == 4 and step["fits"] and 2**20 < step["memory"]["needed"] < 2**31
    assert step["work"]["flops"] > 1e6 and 0 < step["mfu_estimate"] < 1
    assert step["examples_per_second_estimate"] == pytest.approx(32 / step["step_seconds_estimate"])
    assert step["activations_gathered"] == step["unknown_gathers"] == 0 and "no activation is gathered" in output
    reductions = [one for one in step["collectives"] if one["kind"] == "all-reduce"]
    assert any("spectrax/" in one["source"] for one in reductions)
    assert sum(one["times"] or 1 for one in reductions) < 50  # for all gradients together, not for each row of a map


@with_compiler
def test_a_compiled_step_is_remembered(compiled, tmp_path, data_dir):
    words, _, found = compiled
    code, again = call(words, tmp_path, data_dir, timeout=60)
    assert code == 0 and "remembered in" in again, again
    assert json.loads((tmp_path / "found.json").read_text()) == found


@with_compiler
def test_slices_that_do_not_go_with_the_step_or_are_none(tmp_path, data_dir):
    for words, said in [
        (["topology=v5e:2x2", "trainer.batch_size=30"], "Nearest: trainer.batch_size=32"),
        (["topology=v5e:3x3"], "v5e:16x16"),
    ]:
        code, output = call(["spectrax.describe", *SMALL, *words], tmp_path, data_dir, timeout=100)
        assert code == 2 and said in output and "Traceback" not in output, output
