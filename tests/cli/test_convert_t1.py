"""`spectrax.convert importer=t1`: a checkpoint of the released T1 or T1U becomes a run, and goes back to theirs."""

from pathlib import Path

import numpy as np
import pytest
from recorded import official_shapes, recorded
from safetensors.numpy import load_file, save_file
from t1_cases import CASES, fields, fill

from spectrax.evaluate import load_run
from spectrax.importers import t1 as importer


def official(name):
    """Shapes of all keys, the learned arrays, and the whole output where the fixture has all of it."""
    stored = recorded(f"t1_{name}")
    shapes = official_shapes(stored)
    return shapes, {key: fill(key, shape) for key, shape in shapes.items() if importer.path_and_layout(key)}, stored


@pytest.mark.parametrize("name, words", [("sin_inverse", ["model.activation=sin", "model.output=field"]), ("u24", [])])
def test_a_checkpoint_and_the_way_back(name, words, convert_command):
    case, (shapes, state, stored) = CASES[name], official(name)
    x, output = fields(case)[0][:, 0], stored["output"].reshape(-1, *case["grid"])
    save_file(state, "official.safetensors")
    np.savez("io.npz", input=x, output=output)
    grid = f"model.grid=[{','.join(map(str, case['grid']))}]"
    code, said = convert_command(
        "importer=t1", "source=official.safetensors", "output=run", "verify=io.npz", "tolerance=2e-5", grid, *words
    )
    assert code == 0, said
    loaded = load_run("run")
    assert loaded.step == 0 and list(loaded.config.model.grid) == case["grid"]
    code, said = convert_command("exporter=t1", "checkpoint=run", "output=back.safetensors")
    assert code == 0, said
    back = load_file("back.safetensors")
    assert {key: array.shape for key, array in back.items()} == shapes
    for key, array in state.items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)


def test_a_wrong_activation_is_found_out(convert_command):
    _, state, stored = official("sin_inverse")
    save_file(state, "official.safetensors")
    np.savez("io.npz", input=fields(CASES["sin_inverse"])[0][:, 0], output=stored["output"].reshape(-1, 20, 20))
    words = ["importer=t1", "source=official.safetensors", "output=run", "verify=io.npz", "model.grid=[20,20]"]
    code, said = convert_command(*words, "model.output=field")
    assert code == 5 and "output of io.npz differ" in said and not Path("run").exists(), said
