"""`spectrax.export`: what it writes runs where there is nothing but jax and what jax needs, and gives the same."""

import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import call

from spectrax import export
from spectrax.evaluate import load_run

NEEDED = ("jax", "jaxlib", "numpy", "ml_dtypes", "opt_einsum", "scipy", "flatbuffers")
CLEAN = """
import importlib.util, runpy, sys
packages, program, batch, result = sys.argv[1:]
sys.path.append(packages)
assert not [name for name in ("spectrax", "flax", "orbax", "optax", "hydra") if importlib.util.find_spec(name)]
import numpy as np
ran = runpy.run_path(program)
np.savez(result, zeros=ran["outputs"]["probabilities"], **ran["exported"].call(np.load(batch)))
"""


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory, data_dir):
    """Where the command was called, and what it said."""
    cwd = tmp_path_factory.mktemp("export")
    words = ["spectrax.export", f"checkpoint={finished[0]}", "output=out/it's small.stablehlo"]
    code, output = call(words, cwd, data_dir, XLA_FLAGS=os.environ.get("XLA_FLAGS", ""))
    assert code == 0, output
    return cwd, output


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A directory that holds jax and its own needs, by links, and nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    for name in NEEDED:
        found = importlib.util.find_spec(name)
        assert found is not None, f"{name} is not installed"
        source = Path(found.submodule_search_locations[0])
        for path in (source, source.with_name(f"{name}.libs")):
            if path.exists():
                (folder / path.name).symlink_to(path)
    return folder


def test_the_example_runs_in_a_clean_environment_and_gives_what_the_run_gives(exported, finished, packages, tmp_path):
    cwd, output = exported
    said = re.search(r"^Run it anywhere with jax, numpy and flatbuffers: (.*)$", output, re.M)[1]
    python, program = shlex.split(said)
    assert python == "python"
    program = cwd / program
    assert len(program.read_text().splitlines()) <= 10
    elsewhere = shutil.copytree(program.parent, tmp_path / "elsewhere")
    images = np.random.default_rng(5).normal(size=(5, 32, 32, 1)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    arguments = [packages, elsewhere / program.name, tmp_path / "images.npy", tmp_path / "found.npz"]
    command = [sys.executable, "-S", "-I", "-c", CLEAN, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "'probabilities': array(" in done.stdout, done.stdout + done.stderr
    loaded = load_run(str(finished[0]))
    expected = loaded.predict(np.concatenate([images, np.zeros((2, 32, 32, 1), np.float32)]))
    with np.load(tmp_path / "found.npz", allow_pickle=False) as found:
        assert sorted(found) == ["label", "probabilities", "zeros"]
        np.testing.assert_allclose(found["probabilities"], expected["probabilities"][:5], atol=1e-5)
        np.testing.assert_allclose(found["zeros"], expected["probabilities"][5:], atol=1e-5)
        np.testing.assert_array_equal(found["label"], found["probabilities"].argmax(-1))
    assert np.ptp(expected["probabilities"][:5], axis=0).max() > 1e-2  # images are told apart


def test_the_description_says_what_the_file_is(exported, finished):
    cwd, output = exported
    record = json.loads((cwd / "out" / "it's small.stablehlo.json").read_text())
    content = (cwd / "out" / "it's small.stablehlo").read_bytes()
    assert record["artefact"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert record["artefact"]["platforms"] == ["cpu", "cuda", "tpu"]
    assert record["artefact"]["calling_convention_version"] >= 9
    (image,) = record["inputs"]
    assert image["name"] == "image" and image["shape"] == ["batch", 32, 32, 1] and image["dtype"] == "float32"
    assert record["preprocessing"][-1].startswith("Normalise(mean=[0.3], std=[0.33]): `(image - mean) / std`")
    assert {"name": "probabilities", "shape": ["batch", 10], "dtype": "float32"} in record["outputs"]
    assert record["class_names"] == list("0123456789") and record["data"]["units"].startswith("ink count")
    assert record["run"]["step"] == 60 and record["run"]["experiment"] == "svt_digits"
    summary = json.loads((finished[0] / "summary.json").read_text())
    assert record["run"]["metrics"]["test.accuracy"] == summary["metrics"]["best.test.accuracy"]
    assert record["checked"]["batch_sizes"] == [1, 3] and record["checked"]["largest_difference"] < 1e-4
    assert f"{record['checked']['largest_difference']:.1e}" in output
    assert str(Path(export.__file__).parent).encode() not in content  # nor does it tell where it was made


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["platforms=cpu,cdua"], 2, "platforms=cdua is not known. Nearest: cuda; all: cpu, cuda, rocm, tpu."),
        (["platforms=gpu"], 2, "Nearest: cuda"),
        (["platforms=tpu"], 2, "The file is checked on the CPU: write platforms=cpu,tpu."),
        (["checkpoint=out"], 5, "out is not a run directory"),
        (["step=3"], 5, "has no checkpoint of step 3. Choose best, last or one of [60]."),
        (["output=out/it's small.stablehlo/file"], 1, "it's small.stablehlo takes no files"),
        (["output=out"], 1, "out cannot be written: it is a directory"),
        (["output="], 2, "output=OUTPUT is needed"),
    ],
)
def test_mistakes_are_sentences(exported, finished, monkeypatch, capsys, words, code, said):
    monkeypatch.chdir(exported[0])
    monkeypatch.setattr("sys.argv", ["export", f"checkpoint={finished[0]}", "output=other", *words])
    monkeypatch.setattr("spectrax.config.shell.restart_with_huge_pages", lambda: None)
    assert export.main() == code
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and not Path("other").exists(), told
