"""`spectrax.convert` for Koopman models: checkpoints of released codes become runs, and go back to theirs."""

import numpy as np
import pytest
from koopman_cases import BATCH, CONSISTENT, fill, trajectories
from recorded import official_shapes, recorded
from safetensors.numpy import load_file, save_file

from spectrax.evaluate import load_run


def official(name):
    stored = recorded(f"koopman_{name}")
    return {key: fill(key, shape) for key, shape in official_shapes(stored).items()}, stored


def test_a_consistent_autoencoder_and_the_way_back(convert_command):
    state, stored = official("consistent_wide")
    case = CONSISTENT["wide"]
    states = trajectories(case["steps"] + 1, BATCH, (1, case["m"], case["n"]))[:, 0]
    save_file(state, "official.safetensors")
    np.savez("io.npz", input=states, **{name: stored[name] for name in ("output", "backward", "latent")})
    code, said = convert_command(
        "importer=consistent_koopman", "source=official.safetensors", "output=run", "verify=io.npz", "tolerance=1e-5"
    )
    assert code == 0, said
    assert list(load_run("run").config.model.state) == [15]
    code, said = convert_command("exporter=consistent_koopman", "checkpoint=run", "output=back.safetensors")
    assert code == 0, said
    back = load_file("back.safetensors")
    assert back.keys() == state.keys()
    for key, array in state.items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)


@pytest.mark.parametrize("operator", [False, True])
def test_networks_for_flows_with_their_operator_and_without(operator, convert_command):
    state, _ = official("information_cylinder")
    kept = {"C_forward": fill("C_forward", (512, 512))} if operator else {}
    save_file({**state, **kept}, "official.safetensors")
    code, said = convert_command("importer=information_koopman", "source=official.safetensors", "output=run")
    assert code == 0, said
    code, said = convert_command("exporter=information_koopman", "checkpoint=run", "output=back.safetensors")
    assert code == 0, said
    back = load_file("back.safetensors")
    np.testing.assert_array_equal(back.pop("C_forward"), kept.get("C_forward", np.eye(512, dtype=np.float32)))
    assert back.keys() == state.keys()
    for key, array in state.items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)
