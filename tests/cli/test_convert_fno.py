"""`spectrax.convert importer=fno`: released Fourier neural operators of three kinds become runs and go back."""

import numpy as np
import pytest
from fno_cases import CASES, arrays, fill
from recorded import official_shapes, recorded
from safetensors.numpy import load_file, save_file

SAID = {
    "classic_2d_padded": ["model.padding=[2,3]"],
    "classic_3d_padded": ["model.padding=[3,2,1]", "model.padding_order=released"],
    "geo": ["model.latent_grid=[12,14]"],
    "neuralop_2d": [],
}


def official_state(name):
    shapes = official_shapes(recorded(f"fno_{name}"))
    return {key: fill(key, shape, CASES[name]["kind"]) for key, shape in shapes.items() if "num_batches" not in key}


def official_layout(name, array):
    """The library has channels first; ours are last."""
    return np.moveaxis(array, -1, 1) if CASES[name]["kind"] == "neuralop" else array


ALWAYS = ("classic_2d_padded", "neuralop_2d")
CONVERTED = [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.thorough) for name in SAID]


@pytest.mark.parametrize("name", CONVERTED)
def test_a_checkpoint_becomes_a_run_that_gives_what_the_release_gave_and_goes_back(name, convert_command):
    state = official_state(name)
    save_file(state, "official.safetensors")
    given = official_layout(name, arrays(CASES[name])["input"])
    np.savez("io.npz", input=given, output=official_layout(name, recorded(f"fno_{name}")["output"]))
    code, said = convert_command(
        "importer=fno", "source=official.safetensors", "output=run", "verify=io.npz", *SAID[name]
    )
    assert code == 0, said
    code, said = convert_command("exporter=fno", "checkpoint=run", "output=back.safetensors")
    assert code == 0, said
    back = load_file("back.safetensors")
    assert back.keys() >= state.keys()
    for key, array in state.items():
        if not key.startswith("bn"):  # norms that the release never applies
            np.testing.assert_array_equal(back[key], array, err_msg=key)


def test_another_padding_is_found_out(convert_command):
    save_file(official_state("classic_2d_padded"), "official.safetensors")
    np.savez(
        "io.npz", input=arrays(CASES["classic_2d_padded"])["input"], output=recorded("fno_classic_2d_padded")["output"]
    )
    code, said = convert_command("importer=fno", "source=official.safetensors", "output=run", "verify=io.npz")
    assert code == 5 and "grid and padding are right" in said
