"""`spectrax.convert importer=lsm`: released latent spectral models become runs and go back."""

import numpy as np
import pytest
from lsm_cases import CASES, arrays, fill
from recorded import official_shapes, recorded
from safetensors.numpy import load_file, save_file

from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.importers import lsm as importer
from spectrax.importers.lsm import sizes


def official_state(name):
    shapes = official_shapes(recorded(f"lsm_{name}"))
    return {key: fill(key, shape) for key, shape in shapes.items() if "num_batches" not in key}


SAID = {
    "padded_2d": ["model.grid=[45,26]", "model.patch=[3,2]"],
    "odd_2d": ["model.grid=[35,19]", "model.patch=[1,1]", "model.padding=[0,0]"],
    "padded_3d": ["model.grid=[15,29,13]"],
    "irregular_code": ["model.latent_grid=[32,48]", "model.patch=[2,3]"],
}


ALWAYS = ("odd_2d",)
CONVERTED = [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.thorough) for name in SAID]


@pytest.mark.parametrize("name", CONVERTED)
def test_a_checkpoint_becomes_a_run_that_gives_what_the_release_gave_and_goes_back(name, convert_command):
    save_file(official_state(name), "official.safetensors")
    given = {key: array for key, array in arrays(CASES[name]).items() if key != "target"}
    np.savez("io.npz", **given, output=recorded(f"lsm_{name}")["output"])
    code, said = convert_command(
        "importer=lsm", "source=official.safetensors", "output=run", "verify=io.npz", *SAID[name]
    )
    assert code == 0, said
    code, said = convert_command("exporter=lsm", "checkpoint=run", "output=back.safetensors")
    assert code == 0, said
    back = load_file("back.safetensors")
    for key, array in official_state(name).items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_sizes_are_found_from_keys_and_shapes(name):
    case = CASES[name]
    model, found = sizes.model_and_sizes(official_state(name))
    assert model == f"lsm_{case['kind']}" and found["heads"] == 8
    known = {key: list(v) if isinstance(v, tuple) else v for key, v in case.items()}
    assert found.items() >= {key: known[key] for key in known.keys() & found.keys()}.items()


def test_what_shapes_do_not_tell_has_to_be_said():
    with pytest.raises(ConfigError, match=r"say model\.grid=\[85,85\]"):
        importer.overrides(official_state("padded_2d"), [])


@pytest.mark.parametrize("key", ["process1.latent", "inc.double_conv.0.weight", "fc2.weight"])
def test_a_key_that_is_missing_is_named(key):
    state = official_state("padded_2d")
    del state[key]
    with pytest.raises(CheckpointError, match=f"{key} is missing"):
        importer.overrides(state, ["model.grid=[45,26]"])


def test_another_models_weights_are_refused():
    with pytest.raises(CheckpointError, match="not a key of LSM checkpoints"):
        importer.convert({"conv0.weights1": np.zeros((2, 2, 3, 3), np.complex64)})
    with pytest.raises(CheckpointError, match="none of a latent spectral model"):
        importer.official_state({"lift/kernel": np.zeros((3, 8))})
