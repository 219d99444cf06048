"""`spectrax.benchmark`: what it measures is there and hangs together; how fast it is, no test says."""

import json

import pytest
from command_line import call

# A small network of which little has to be compiled.
SMALL = [
    "+experiment=koopman_pendulum",
    "dataset.size=tiny",
    "model.hidden=[8]",
    "model.latent=4",
    "trainer.steps_per_call=2",
    "trainer.batch_size=16",
    "trainer.eval_batch_size=16",
]


@pytest.fixture(scope="module")
def measured(tmp_path_factory, data_dir):
    cwd = tmp_path_factory.mktemp("benchmark")
    words = ["spectrax.benchmark", *SMALL, "seconds=0.1", "output=first.json"]
    code, output = call(words, cwd, data_dir)
    assert code == 0, output
    return cwd, json.loads((cwd / "first.json").read_text()), output


@pytest.mark.thorough
def test_figures_hang_together(measured):
    cwd, found, output = measured
    assert found["parameters"] == 120 and found["batch_size"] == 16 and found["steps_per_call"] == 2
    assert 0 < found["compile_warm_seconds"] < found["compile_seconds"]
    assert found["step_spread"]["lowest"] <= found["step_seconds"] <= found["step_spread"]["highest"]
    assert found["forward_examples_per_second"] == pytest.approx(16 / found["forward_seconds"])
    assert found["flops_per_second"] == pytest.approx(found["flops_per_step"] / found["step_seconds"])
    assert 0 <= found["input_stall"] < 1 and found["share_of_peak"] is None
    assert found["peak_memory_bytes"] > found["step_memory_bytes"] > 4 * 3 * found["parameters"]
    for words in ("from the cache", "training step", "waiting for input", "first.json"):
        assert words in output, output
    assert not (cwd / "runs").exists()


def test_the_loader_alone_and_a_comparison(measured, tmp_path, data_dir):
    cwd, found, _ = measured
    words = ["spectrax.benchmark", *SMALL, "loader=grain", "loader.workers=0", "only=loader", "seconds=0.2"]
    code, output = call([*words, f"vs={cwd}/first.json"], tmp_path, data_dir)
    assert code == 0, output
    written = list((tmp_path / "runs" / "benchmarks").glob("koopman_pendulum_*.json"))
    alone = json.loads(written[0].read_text())
    code, refused = call([*words, "output=/dev/null/x.json"], tmp_path, data_dir)
    assert code == 1 and "Give another output=FILE" in refused and "Traceback" not in refused
    assert alone["loader_per_worker"] == alone["loader_examples_per_second"] and "step_seconds" not in alone
    # Indices are far faster than pictures.
    row = next(line for line in output.splitlines() if "loader_examples_per_second" in line)
    assert alone["loader_examples_per_second"] < found["loader_examples_per_second"] and "worse" in row


def test_two_saved_results_are_compared_without_measuring(measured, tmp_path, data_dir):
    cwd, found, _ = measured
    faster = {**found, "step_seconds": found["step_seconds"] / 2, "batch_size": 64}
    (tmp_path / "faster.json").write_text(json.dumps(faster))
    words = ["spectrax.benchmark", "saved=faster.json", f"vs={cwd}/first.json"]
    code, output = call(words, tmp_path, data_dir)
    assert code == 0, output
    row = next(line for line in output.splitlines() if "step_seconds" in line)
    assert "0.500" in row and "better" in row
    assert "batch_size differs: 16 before, 64 now" in output
    assert "same" in next(line for line in output.splitlines() if "compile_seconds" in line)


@pytest.mark.parametrize(
    "words, said",
    [
        (["seconds=never"], "seconds=never should be a number above 0"),
        (["only=steps"], "only=loader"),
        (["saved=a.json"], "needs vs=FILE"),
        (["vs=nothing.json"], "nothing.json is not a result of this command"),
    ],
)
def test_mistakes_are_sentences(words, said, monkeypatch, capsys):
    import sys

    from spectrax import benchmark

    monkeypatch.setattr("spectrax.config.shell.restart_with_huge_pages", lambda: None)
    monkeypatch.setattr(sys, "argv", ["benchmark", *words])
    assert benchmark.main() == 2
    assert said in capsys.readouterr().err
