"""`spectrax.convert importer=t1`: a checkpoint of the released T1 or T1U becomes a run, and goes back to theirs."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from t1_cases import CASES, fields, fill

from spectrax import convert
from spectrax.evaluate import load_run
from spectrax.importers import t1 as importer

FIXTURES = Path(__file__).parent.parent / "parity" / "fixtures"


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs `python -m spectrax.convert` in this process, in an empty directory: exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spectrax.config.shell.restart_with_huge_pages", lambda: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["convert", *words])
        code = convert.main()
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def official(name):
    """Shapes of all keys, the learned arrays, and the whole output where the fixture has all of it."""
    stored = dict(np.load(FIXTURES / f"t1_{name}.npz", allow_pickle=False))
    shapes = {key: ast.literal_eval(shape) for key, shape in (line.split("|") for line in stored["shapes"].tolist())}
    return shapes, {key: fill(key, shape) for key, shape in shapes.items() if importer.path_and_layout(key)}, stored


@pytest.mark.parametrize("name, words", [("sin_inverse", ["model.activation=sin", "model.output=field"]), ("u24", [])])
def test_a_checkpoint_and_the_way_back(name, words, command):
    case, (shapes, state, stored) = CASES[name], official(name)
    x, output = fields(case)[0][:, 0], stored["output"].reshape(-1, *case["grid"])
    save_file(state, "official.safetensors")
    np.savez("io.npz", input=x, output=output)
    grid = f"model.grid=[{','.join(map(str, case['grid']))}]"
    code, said = command(
        "importer=t1", "source=official.safetensors", "output=run", "verify=io.npz", "tolerance=2e-5", grid, *words
    )
    assert code == 0, said
    loaded = load_run("run")
    assert loaded.step == 0 and list(loaded.config.model.grid) == case["grid"]
    code, said = command("exporter=t1", "checkpoint=run", "output=back.safetensors")
    assert code == 0, said
    back = load_file("back.safetensors")
    assert {key: array.shape for key, array in back.items()} == shapes
    for key, array in state.items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)


def test_a_wrong_activation_is_found_out(command):
    _, state, stored = official("sin_inverse")
    save_file(state, "official.safetensors")
    np.savez("io.npz", input=fields(CASES["sin_inverse"])[0][:, 0], output=stored["output"].reshape(-1, 20, 20))
    words = ["importer=t1", "source=official.safetensors", "output=run", "verify=io.npz", "model.grid=[20,20]"]
    code, said = command(*words, "model.output=field")
    assert code == 5 and "output of io.npz differ" in said and not Path("run").exists(), said
