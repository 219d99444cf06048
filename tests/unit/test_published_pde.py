"""The seven published benchmarks of operator learning, read from small archives of exactly the published layout:
splits, strides, orders of axes and channels; nothing that is not as published is taken."""

import json

import h5py
import numpy as np
import published_fields as archive
import pytest
from omegaconf import OmegaConf
from published_fields import small

from spectrax import prepare
from spectrax.config import find
from spectrax.config.build import build
from spectrax.core.errors import DataMissing
from spectrax.data import field_preparation, matlab_arrays


def dataset(name, directory, data_dir, words):
    config = OmegaConf.create({"data_dir": str(data_dir), "dataset": OmegaConf.load(find.groups()["dataset"][name])})
    config.merge_with_dotlist(words)
    config.dataset.source.manual_dir = None if directory is None else str(directory)
    return build(config.dataset)


def prepared(name, directory, data_dir, words):
    """All prepared examples: split to field to array."""
    data = dataset(name, directory, data_dir, words)
    data.prepare(progress=False)
    stacked = {}
    for split in data.spec.splits:
        rows = list(data.stored(split))
        stacked[split] = {field: np.stack([row[field] for row in rows]) for field in rows[0]}
        for field, array in stacked[split].items():
            assert array.dtype == np.float32 and array.shape[1:] == data.spec.fields[field].shape
    return stacked


def same(found, expected):
    np.testing.assert_array_equal(found, np.asarray(expected, np.float32))


DARCY = small(**{"source.file_grid": [21, 21], "grid": [5, 5]})


@pytest.mark.parametrize("version", [5, 73])
def test_darcy_keeps_every_fifth_point_of_the_first_examples_of_both_files(tmp_path, version):
    files = archive.darcy(tmp_path, version)
    found = prepared("darcy_published", tmp_path, tmp_path / "data", DARCY)
    for split, number, count in (("train", 1, 3), ("test", 2, 2)):
        same(found[split]["input"], files[number]["coeff"][:count, ::5, ::5, None])
        same(found[split]["target"], files[number]["sol"][:count, ::5, ::5, None])


def test_navier_stokes_gives_frames_before_and_after_of_the_first_and_the_last(tmp_path):
    u = archive.navier_stokes(tmp_path)
    words = small(**{"source.file_grid": [8, 8], "grid": [8, 8], "in_channels": 4, "out_channels": 2})
    found = prepared("navier_stokes_published", tmp_path, tmp_path / "data", words)
    same(found["train"]["input"], u[:3, ..., :4])
    same(found["train"]["target"], u[:3, ..., 4:6])
    same(found["test"]["input"], u[-2:, ..., :4])


def test_navier_stokes_may_begin_at_time_0_and_leave_times_out(tmp_path):
    u = archive.navier_stokes(tmp_path)
    sizes = {"source.file_grid": [8, 8], "grid": [8, 8]}
    words = small(**sizes, **{"in_channels": 1, "out_channels": 1, "source.from_start": True, "source.every": 5})
    found = prepared("navier_stokes_published", tmp_path, tmp_path / "data", words)
    same(found["test"]["input"], archive.values(2, 7, 8, 8)[-2:, ..., None])
    same(found["test"]["target"], u[-2:, ..., 4:5])
    words = small(**sizes, **{"in_channels": 2, "out_channels": 1, "source.every": 2})
    found = prepared("navier_stokes_published", tmp_path, tmp_path / "data", words)
    same(found["train"]["input"], u[:3, ..., [1, 3]])
    same(found["train"]["target"], u[:3, ..., 5:6])
    words = small(**sizes, **{"in_channels": 1, "out_channels": 1, "source.from_start": True, "source.every": 7})
    with pytest.raises(DataMissing, match=">=7"):
        prepared("navier_stokes_published", tmp_path, tmp_path / "data", words)


@pytest.mark.parametrize(
    "name, folder, prefix, channels, channel",
    [("airfoil_published", "naca", "NACA_Cylinder", 5, 4), ("pipe_published", "pipe", "Pipe", 3, 0)],
)
def test_meshes_take_their_channel_and_their_test_examples_of_the_first_ones(
    tmp_path, name, folder, prefix, channels, channel
):
    arrays = archive.mesh(tmp_path, folder, prefix, channels)
    words = small(**{"source.within": 7, "source.file_grid": [7, 5], "grid": [7, 5]})
    found = prepared(name, tmp_path, tmp_path / "data", words)
    for split, rows in (("train", slice(0, 3)), ("test", slice(5, 7))):
        same(found[split]["input"], np.stack([arrays["X"][rows], arrays["Y"][rows]], -1))
        same(found[split]["target"], arrays["Q"][rows, channel, ..., None])


def test_elasticity_takes_the_last_of_all_and_its_axes_in_order(tmp_path):
    points, grid = archive.elasticity_points(tmp_path), archive.elasticity_grid(tmp_path)
    found = prepared("elasticity_points_published", tmp_path, tmp_path / "data", small(points=11))
    for split, rows in (("train", slice(0, 3)), ("test", slice(7, 9))):
        same(found[split]["input"], points["XY"][..., rows].transpose(2, 0, 1))
        same(found[split]["code"], points["rr"][:, rows].T)
        same(found[split]["target"], points["sigma"][:, rows].T[..., None])
    words = small(**{"source.file_grid": [6, 6], "grid": [6, 6]})
    found = prepared("elasticity_grid_published", tmp_path, tmp_path / "data", words)
    same(found["test"]["input"], grid["mask"][..., 7:].transpose(2, 0, 1)[..., None])
    same(found["test"]["domain"], found["test"]["input"])
    same(found["test"]["target"], grid["sigma"][..., 7:].transpose(2, 0, 1)[..., None])


def test_plasticity_repeats_the_die_over_the_block_and_the_times(tmp_path):
    arrays = archive.plasticity(tmp_path)
    words = small(**{"source.file_grid": [5, 4, 3], "grid": [5, 4, 3]})
    found = prepared("plasticity_published", tmp_path, tmp_path / "data", words)
    same(found["train"]["target"], arrays["output"][:3])
    same(found["test"]["target"], arrays["output"][-2:])
    same(found["test"]["input"], np.broadcast_to(arrays["input"][-2:, :, None, None, None], (2, 5, 4, 3, 1)))


def test_the_command_takes_the_files_from_manual_dir_and_leaves_nothing_else(tmp_path, capsys):
    archive.darcy(tmp_path, 73)
    keys = {"dataset": "darcy_published", "manual_dir": str(tmp_path)}
    assert prepare.run(keys, [*DARCY, f"data_dir={tmp_path / 'data'}"]) == 0
    assert "train: 3 examples" in capsys.readouterr().out
    (directory,) = (tmp_path / "data" / "darcy_published").glob("1.0.0-????????")
    assert {path.name for path in directory.iterdir()} == {
        "card.json", "tfds", "train_input.npy", "train_target.npy", "test_input.npy", "test_target.npy"
    }  # fmt: skip
    card = json.loads((directory / "card.json").read_text())
    assert card["name"] == "darcy_published" and "smooth2" in card["split_rule"]
    assert set(card["origin"]["files"]) == {"piececonst_r421_N1024_smooth1.mat", "piececonst_r421_N1024_smooth2.mat"}
    again = dataset("darcy_published", None, tmp_path / "data", DARCY)  # the files are not wanted any more
    assert len(again.split("test")) == 2 and again.fingerprint().endswith(card["content_hash"])


def test_what_an_interrupted_preparation_left_stays_where_the_files_are_not_told(tmp_path, monkeypatch):
    archive.darcy(tmp_path, 73)
    data = dataset("darcy_published", tmp_path, tmp_path / "data", DARCY)
    monkeypatch.setattr(field_preparation, "_merged", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.prepare(progress=False)
    chunks = lambda: {path.name for path in (tmp_path / "data").glob("darcy_published/*.part/chunks/*")}  # noqa: E731
    before = chunks()
    with pytest.raises(DataMissing, match="manual_dir=DIR"):
        dataset("darcy_published", None, tmp_path / "data", DARCY).prepare(progress=False)
    assert before and chunks() == before


def _interrupted(*_):
    raise KeyboardInterrupt


def _no_file(directory):
    (directory / "piececonst_r421_N1024_smooth2.mat").unlink()


def _other_names(directory):
    archive.write_matlab(directory / "piececonst_r421_N1024_smooth1.mat", 5, a=archive.values(0, 4, 21, 21))


def _other_shape(directory):
    arrays = {name: archive.values(0, 4, 20, 21) for name in ("coeff", "sol")}
    archive.write_matlab(directory / "piececonst_r421_N1024_smooth1.mat", 73, **arrays)


def _too_few(directory):
    arrays = {name: archive.values(0, 2, 21, 21) for name in ("coeff", "sol")}
    archive.write_matlab(directory / "piececonst_r421_N1024_smooth1.mat", 5, **arrays)


def _different_counts(directory):
    arrays = {"coeff": archive.values(0, 4, 21, 21), "sol": archive.values(0, 3, 21, 21)}
    archive.write_matlab(directory / "piececonst_r421_N1024_smooth1.mat", 5, **arrays)


def _half_a_file(directory):
    path = directory / "piececonst_r421_N1024_smooth1.mat"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _another_kind(directory):
    (directory / "piececonst_r421_N1024_smooth1.mat").write_bytes(b"<html>" * 100)


def _not_finite(directory):
    arrays = {name: archive.values(0, 4, 21, 21) for name in ("coeff", "sol")}
    arrays["sol"][1, 5, 10] = np.nan
    archive.write_matlab(directory / "piececonst_r421_N1024_smooth1.mat", 5, **arrays)


@pytest.mark.parametrize(
    "spoil, told",
    [
        (_no_file, r"not there is\n  piececonst_r421_N1024_smooth2\.mat: .*\nPut what is missing in .* manual_dir=DIR"),
        (_other_names, r"smooth1\.mat holds a \(4, 21, 21\), but no coeff \(>=3, 21, 21\)"),
        (_other_shape, r"smooth1\.mat holds coeff \(4, 20, 21\), where \(>=3, 21, 21\) is wanted"),
        (_too_few, r"holds coeff \(2, 21, 21\), where \(>=3, 21, 21\)"),
        (_different_counts, r"do not belong together.*4.*3"),
        (_half_a_file, r"cannot be read as a MATLAB file|holds"),
        (_another_kind, r"cannot be read as a MATLAB file"),
        (_not_finite, r"target of example 1 of train is not finite"),
    ],
)
def test_what_is_not_as_published_is_named_and_not_taken(tmp_path, spoil, told):
    archive.darcy(tmp_path)
    spoil(tmp_path)
    data = dataset("darcy_published", tmp_path, tmp_path / "data", DARCY)
    with pytest.raises(DataMissing, match=told) as caught:
        data.prepare(progress=False)
    assert caught.value.exit_code == 3 and not data.directory.exists()


def test_files_that_were_replaced_are_read_anew(tmp_path):
    archive.darcy(tmp_path)
    _not_finite(tmp_path)
    words = [*DARCY, "dataset.source.test=1"]
    with pytest.raises(DataMissing, match="not finite"):
        prepared("darcy_published", tmp_path, tmp_path / "data", words)
    files = archive.darcy(tmp_path)
    same(prepared("darcy_published", tmp_path, tmp_path / "data", words)["train"]["target"],
         files[1]["sol"][:3, ::5, ::5, None])  # fmt: skip


def test_an_npy_file_that_holds_objects_is_not_opened(tmp_path):
    archive.elasticity_points(tmp_path)
    np.save(tmp_path / "Meshes" / "Random_UnitCell_rr_10.npy", np.array([{}, None], object), allow_pickle=True)
    with pytest.raises(DataMissing, match=r"rr_10\.npy is no"):
        prepared("elasticity_points_published", tmp_path, tmp_path / "data", small(points=11))


def test_a_file_larger_than_what_is_read_at_a_time_is_whole(tmp_path, monkeypatch):
    array = archive.values(0, 5, 4, 6)
    archive.write_matlab(tmp_path / "a.mat", 73, a=array)
    assert matlab_arrays.shapes(tmp_path / "a.mat") == {"a": (5, 4, 6)}
    monkeypatch.setattr(matlab_arrays, "_AT_ONCE", 200)
    for steps, expected in (([1], array), ([1, 2, 4], array[:, ::2, ::4]), ([2, 1, 5], array[::2, :, ::5])):
        matlab_arrays._write_version_7(tmp_path / "a.mat", "a", steps, tmp_path / "a.npy")
        same(np.load(tmp_path / "a.npy"), expected)


def test_groups_and_texts_in_a_file_are_no_arrays(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_group("coeff")
        file["sol"] = "text"
    assert matlab_arrays.shapes(tmp_path / "a.mat") == {"sol": ()}
    with pytest.raises(DataMissing, match="sol is no array of real numbers"):
        matlab_arrays.arrays(tmp_path / "a.mat", {"sol": []}, tmp_path)
