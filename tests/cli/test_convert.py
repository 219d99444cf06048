"""`spectrax.convert`: an authors' checkpoint becomes a run that computes what theirs did, and goes back to theirs."""

import functools
import os
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from recorded import official_shapes, recorded
from safetensors.numpy import load_file, save_file
from svt_cases import CASES, fill, images

from spectrax import convert
from spectrax.core.errors import CheckpointError
from spectrax.core.trees import abstract_module, leaf_paths, split_module
from spectrax.evaluate import load_run
from spectrax.importers import state_files, verification
from spectrax.importers import svt as importer
from spectrax.importers.svt import sizes
from spectrax.models.svt import SVT

NAME = "channel_token_2_64"
CONSTANTS = (".xfm.", ".ifm.", "num_batches_tracked")


def shapes(name):
    return official_shapes(recorded(f"svt_{name}"))


def official_state(name=NAME):
    """Every learned key of the released model with its array, rebuilt by the rule."""
    learned = {key: shape for key, shape in shapes(name).items() if not any(word in key for word in CONSTANTS)}
    return {key: fill(key, shape) for key, shape in learned.items()}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The released model's checkpoint, and what the released code computed with it."""
    folder = tmp_path_factory.mktemp("official")
    save_file(official_state(), folder / "official.safetensors")
    np.savez(folder / "io.npz", input=images(CASES[NAME])[0], output=recorded(f"svt_{NAME}")["logits"])
    return folder


@pytest.fixture(scope="module")
def converted(source, tmp_path_factory):
    """The run made of it, and the words that were said."""
    folder = tmp_path_factory.mktemp("converted")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setattr("spectrax.config.shell.restart_with_huge_pages", lambda: None)
    words = [f"source={source}/official.safetensors", "output=a run", f"verify={source}/io.npz"]
    patch.setattr(sys, "argv", ["convert", "importer=svt", *words])
    assert convert.main() == 0
    patch.undo()
    assert sorted(path.name for path in folder.iterdir()) == ["a run"]
    return folder / "a run"


def test_the_run_opens_like_a_trained_one_and_gives_what_the_released_code_gave(converted):
    loaded = load_run(str(converted))
    assert loaded.step == 0 and loaded.config.model.heads == [2, 4, 5, 6]
    logits = recorded(f"svt_{NAME}")["logits"]
    expected = np.exp(logits - logits.max(-1, keepdims=True))
    expected /= expected.sum(-1, keepdims=True)
    found = loaded.predict(images(CASES[NAME])[0].transpose(0, 2, 3, 1))
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-4)


def test_the_way_back_has_every_key_of_the_released_model(converted, convert_command):
    code, said = convert_command("exporter=svt", f"checkpoint={converted}", "output=back.safetensors")
    assert code == 0 and "step 0" in said, said
    back = load_file("back.safetensors")
    assert {key: array.shape for key, array in back.items()} == shapes(NAME)
    for key, array in official_state().items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)
    filters = {key.removeprefix("block1.0.attn."): array for key, array in back.items() if "block1.0.attn." in key}
    # As the wavelet package has them: the first taps of what it stores.
    np.testing.assert_allclose(filters["xfm.h1o"].ravel()[:3], [-7.0626396e-05, 0, 0.0013419015], rtol=1e-6)
    np.testing.assert_allclose(filters["ifm.g1b"].ravel()[:2], [-0.0032531428, -0.0038832121], rtol=1e-6)
    np.testing.assert_allclose(filters["xfm.h0a"].ravel()[:2], [-0.0045568957, -0.0054394761], rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_sizes_are_found_from_keys_and_shapes(name):
    state = {key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes(name).items()}
    case = dict(CASES[name])
    words = sizes.overrides(state, [])
    assert f"model.heads={[dim // 32 for dim in case['dims']]}".replace(" ", "") in words
    assert f"dataset.image_size={case.pop('image_size')}" in words
    assert ("dataset=image_folder" in words) == (case["num_classes"] != 1000)
    assert sizes.model_sizes(state).items() >= {key: case[key] for key in case if key != "heads"}.items()


def test_a_file_of_pytorch_cut_anywhere_is_a_sentence(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "old.pth"
    torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    for length in range(0, len(content), 2):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=r"old\.pth (is not a whole file|was not opened)"):
            state_files.read(path)


def test_damage_in_compressed_arrays_is_a_sentence(tmp_path):
    np.savez_compressed(tmp_path / "io.npz", input=np.arange(64.0), output=np.zeros(1))
    content = bytearray((tmp_path / "io.npz").read_bytes())
    content[60:80] = bytes([255] * 20)
    (tmp_path / "io.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"io\.npz is no \.npz file of plain arrays"):
        verification.read(tmp_path / "io.npz")


@pytest.mark.parametrize(
    "theirs, relative",
    [([99.0, 101.0], 0.5), ([100.0, 100.0], 0.005), ([0.0, 0.0], 0.5), ([np.nan, 0.0], np.nan)],
)
def test_differences_are_in_standard_deviations_of_the_authors_array(theirs, relative):
    """A mean far from zero hides nothing; where nothing varies, the largest value counts."""
    theirs = np.float32(theirs)
    arrays = {"input": np.zeros(2, np.float32), "output": theirs}
    (found,) = verification.differences(arrays, lambda model, inputs: {"output": theirs + inputs + 0.5}, None)
    np.testing.assert_allclose([found.relative, found.largest], [relative, 0.5 + 0 * relative], rtol=1e-5)


@pytest.mark.parametrize("wrapped", ["alone", "state_dict", "model.state_dict", "model/state_dict"])
def test_a_file_of_pytorch_in_its_wrappers(wrapped, tmp_path):
    torch = pytest.importorskip("torch")
    tensors = {"module.head.weight": torch.ones(2, 3, dtype=torch.bfloat16), "module.head.bias": torch.arange(2)}
    tensors["_metadata"] = {"modes": [12, 12]}
    content = tensors if wrapped == "alone" else {"epoch": 3, "args": Namespace(lr=1.0)}
    if wrapped == "model/state_dict":
        content["model"] = {"state_dict": tensors}
    elif wrapped != "alone":
        content[wrapped] = tensors
    torch.save(content, tmp_path / "official.pth.tar")
    state = state_files.read(tmp_path / "official.pth.tar")
    assert list(state) == ["head.weight", "head.bias"] and state["head.weight"].dtype == np.float32
    np.testing.assert_array_equal(state["head.weight"], np.ones((2, 3)))


def test_a_state_dict_for_pytorch(converted, convert_command):
    torch = pytest.importorskip("torch")
    assert convert_command("exporter=svt", f"checkpoint={converted}", "output=back.pth")[0] == 0
    back = torch.load("back.pth", weights_only=True)
    assert {key: tuple(tensor.shape) for key, tensor in back.items()} == shapes(NAME)


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_pickle_that_runs_a_program_is_refused(convert_command):
    torch = pytest.importorskip("torch")
    torch.save({"state_dict": {"head.weight": Malicious()}}, "evil.pth")
    code, said = convert_command("importer=svt", "source=evil.pth", "output=run")
    assert code == 5 and "was not opened" in said and said.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["evil.pth"]


def test_without_pytorch_its_extra_is_named(source, convert_command, monkeypatch):
    monkeypatch.setattr("spectrax.importers.state_files.importlib.util.find_spec", lambda name: None)
    Path("official.pth").touch()
    code, said = convert_command("importer=svt", "source=official.pth", "output=run")
    assert code == 2 and "spectrax[torch]" in said and said.count("\n") == 1


@pytest.fixture(scope="module")
def wanted():
    """The weights of the case's model, as shapes."""
    sizes = {"in_channels": 3, **CASES[NAME]}
    _, parameters, statistics = split_module(abstract_module(functools.partial(SVT, **sizes)))
    return {"parameters": parameters, "statistics": statistics}


@pytest.mark.parametrize(
    "key, said",
    [
        ("block2.1.norm1.bias", "\n  block2.1.norm1.bias is missing"),
        ("head.bias", "\n  head.bias is missing"),
        ("patch_embed1.conv.4.running_var", "\n  patch_embed1.conv.4.running_var is missing"),
        ("aux_head.bias", "\n  aux_head.bias is left over"),
        ("layer4.0.conv1.weight", "layer4.0.conv1.weight is not a key of SVT checkpoints"),
    ],
)
def test_what_is_missing_or_left_over_is_named(wanted, key, said):
    state = official_state()
    if state.pop(key, None) is None:
        state[key] = np.zeros(10, np.float32)
    with pytest.raises(CheckpointError, match=said):
        convert.placed(importer, importer.convert(state), wanted)


def test_all_keys_that_are_not_of_the_system_are_named():
    foreign = {f"teacher.{number}": np.zeros(1, np.float32) for number in range(30)}
    with pytest.raises(CheckpointError, match=r"None of teacher\.0, teacher\.1, .*teacher\.19 and 10 more is a key of"):
        importer.convert({**official_state(), **foreign})


def test_a_weight_of_another_shape_is_named(wanted):
    state = {**official_state(), "block1.0.mlp.fc1.bias": np.zeros(100, np.float32)}
    with pytest.raises(CheckpointError, match=r"block1\.0\.mlp\.fc1\.bias has, in our order, the shape \[100\]"):
        convert.placed(importer, importer.convert(state), wanted)


@pytest.mark.parametrize(
    "key, said",
    [
        ("patch_embed2.proj.bias", "patch_embed2.proj.bias is missing"),
        ("block3.2.norm1.weight", "All keys of block3.1 are missing"),
    ],
)
def test_a_configuration_that_cannot_be_found(key, said):
    state = official_state()
    if state.pop(key, None) is None:
        state[key] = np.zeros(10, np.float32)
    with pytest.raises(CheckpointError, match=said):
        importer.overrides(state, [])


def test_outputs_that_differ_leave_nothing_behind(source, convert_command):
    x = images(CASES[NAME])[0]
    np.savez(
        "io.npz", input=x, output=recorded(f"svt_{NAME}")["logits"] * 1.001, stage4=np.zeros((4, 4, 192), np.float32)
    )
    code, said = convert_command("importer=svt", f"source={source}/official.safetensors", "output=run", "verify=io.npz")
    assert code == 5 and "stage4 and output of io.npz differ" in said, said
    np.savez("io.npz", input=x.transpose(0, 2, 3, 1), output=recorded(f"svt_{NAME}")["logits"])
    code, said = convert_command("importer=svt", f"source={source}/official.safetensors", "output=run", "verify=io.npz")
    assert code == 5 and "Give it in the layout" in said, said
    assert [path.name for path in Path().iterdir()] == ["io.npz"]


@pytest.mark.parametrize(
    "words, code, said",
    [
        ([], 2, "Give one of importer=NAME and exporter=NAME"),
        (["importer=svt", "exporter=svt"], 2, "Give one of"),
        (["importer=dvt"], 2, "source=SOURCE is needed"),
        (["importer=dvt", "source=x.pth"], 2, "importer=dvt is not known. Nearest: svt"),
        (["importer=state_files", "source=x.pth"], 2, "not known"),
        (["importer=svt", "source=x.safetensors"], 5, "x.safetensors is not there"),
        (["importer=svt", "source=x.onnx"], 2, "should end in one of .safetensors"),
        (["importer=svt", "source=io.npz", "tolerance=-1"], 2, "tolerance=-1 should be"),
        (["importer=svt", "source=x.pth", "step=last"], 2, "step= is of no use with importer="),
        (["importer=svt", "source=x.pth", "output=official.safetensors"], 1, "is there already"),
        (["importer=svt", "source=broken.safetensors"], 5, "is not a whole .safetensors file"),
        (["importer=svt", "source=official.safetensors", "verify=broken.safetensors"], 5, "is no .npz file"),
        (["importer=svt", "source=official.safetensors", "verify=objects.npz"], 5, "is no .npz file"),
        (["importer=svt", "source=official.safetensors", "verify=other.npz"], 5, "holds no array 'output'"),
        (["importer=svt", "source=official.safetensors", "model.num_heads=[2,4,7,6]"], 2, "model.heads"),
        (["importer=svt", "source=official.safetensors", "dataset.image_size=96"], 5, "mixes the positions"),
        (["exporter=svt", "checkpoint=nowhere"], 2, "output=run should end in"),
        (["exporter=svt", "checkpoint=nowhere", "output=a.safetensors"], 5, "not a run directory"),
    ],
)
def test_mistakes_are_sentences(source, convert_command, words, code, said):
    Path("official.safetensors").symlink_to(source / "official.safetensors")
    Path("broken.safetensors").write_bytes((source / "official.safetensors").read_bytes()[:1000])
    np.savez("objects.npz", input=np.array([{}]), output=np.zeros(1))
    np.savez("other.npz", input=np.zeros(1))
    found, text = convert_command("output=run", *words)
    assert found == code and said in text and "Traceback" not in text, text
    assert not Path("run").exists()


@pytest.mark.parametrize("layer", ["wavelet", "fourier", "ffc"])
def test_what_the_released_code_does_not_have_is_not_exported(layer):
    sizes = {**CASES[NAME], "in_channels": 3, "image_size": 32, "spectral_layer": layer}
    _, parameters, _ = split_module(abstract_module(functools.partial(SVT, **sizes)))
    weights = {path: np.broadcast_to(np.float32(0), leaf.shape) for path, leaf in leaf_paths(parameters)}
    with pytest.raises(CheckpointError, match=r"stages/0/blocks/0/mixer.* is"):
        importer.official_state(weights)
