"""Fields that are made here: the same whatever makes them, kept whole, gone on with after a kill, read alike by both
loaders."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from spectrax.config import find
from spectrax.config.build import build
from spectrax.config.compose import compose_group
from spectrax.core.errors import ConfigError, DataMissing, UnreadableFile
from spectrax.core.protocols import FieldSpec
from spectrax.data import field_chunks, field_records
from spectrax.data.field_moments import moments
from spectrax.data.field_source import thinned, thinned_size
from spectrax.data.fields import Fields
from spectrax.data.loader import GrainLoader, ResidentLoader
from spectrax.data.pde.darcy import Darcy
from spectrax.data.pde.generated import Generated
from spectrax.plots import field_sheet


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waves(Generated):
    """A source that takes no time: noise, and twice the noise."""

    grid: tuple = (6, 5)
    slow: float = 0.0  # seconds that an example takes
    spoilt: int = -1  # an example that is not finite

    name = "waves_generated"
    option = "waves"
    solver = "none"
    precision = "float64"
    libraries = ("numpy",)
    description = "Noise."
    units = "none"
    citation = "none"
    chunk = 4

    @property
    def fields(self):
        shape = (*self.grid, 1)
        return {"input": FieldSpec(shape, "float32", "noise"), "target": FieldSpec(shape, "float32", "twice the noise")}

    def examples(self, split, first, count):
        time.sleep(self.slow * count)
        noise = [
            np.random.default_rng([self.seed, i]).normal(3, 2, (*self.grid, 1))
            for i in self.indices(split, first, count)
        ]
        noise = np.stack(noise)
        if first <= self.spoilt < first + count:
            noise[self.spoilt - first] = np.nan
        return {"input": noise, "target": 2 * noise}


def waves(data_dir, *, subsample=None, grid=(6, 5), train_examples=None, normalise=None, processes=1, **settings):
    source = Waves(**{"train": 10, "test": 3, **settings})
    return Fields(
        source=source, data_dir=str(data_dir), grid=grid, in_channels=1, out_channels=1, subsample=subsample,
        train_examples=train_examples, normalise=normalise, processes=processes,
    )  # fmt: skip


def stacked(data, split, field):
    return np.stack([row[field] for row in data.stored(split)])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    data = waves(tmp_path_factory.mktemp("data"))
    data.prepare(progress=False)
    return data


def test_stored_forms_agree_and_nothing_else_is_left(prepared):
    everything = {
        split: prepared.split(split).__getitems__(range(size)) for split, size in prepared.spec.splits.items()
    }
    assert {split: len(rows) for split, rows in everything.items()} == {"train": 10, "test": 3}
    for split, rows in everything.items():
        for field in ("input", "target"):
            found = np.stack([row[field] for row in rows])
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, stacked(prepared, split, field))
    names = {path.name for path in prepared.directory.iterdir()}
    assert names == {"card.json", "tfds"} | {f"{s}_{f}.npy" for s in ("train", "test") for f in ("input", "target")}


def test_others_can_read_the_records_with_tfds_alone(prepared):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(prepared.directory / "tfds" / "waves_generated" / "1.0.0"))
    assert builder.info.features["input"].shape == (6, 5, 1) and builder.info.features["input"].np_dtype == np.float32
    assert builder.info.splits["train"].num_examples == 10
    np.testing.assert_array_equal(
        builder.as_data_source(split="test")[2]["target"], stacked(prepared, "test", "target")[2]
    )


def test_large_splits_have_several_files(tmp_path, monkeypatch, prepared):
    monkeypatch.setattr(field_records, "_SHARD", 600)
    data = waves(tmp_path)
    data.prepare(progress=False)
    assert len(list(data.directory.glob("tfds/*/*/*train*"))) == 4
    found = np.stack([data.split("train")[i]["input"] for i in range(10)])
    np.testing.assert_array_equal(found, stacked(prepared, "train", "input"))


def test_both_loaders_give_the_same_batches(prepared):
    settings = {"batch_size": 4, "eval_batch_size": 2, "seed": 5}
    resident, streamed = ResidentLoader(prepared, **settings), GrainLoader(prepared, **settings)
    for feed, batch, _ in zip(resident.feeds(1), streamed.feeds(1), range(4), strict=False):
        for name, array in resident.fetch(resident.resident, feed).items():
            np.testing.assert_array_equal(array, batch[name])
    for one, other in zip(resident.evaluation("test"), streamed.evaluation("test"), strict=True):
        assert set(one) == {"input", "target", "mask"}
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_the_card_tells_how_it_was_made(prepared):
    card = json.loads((prepared.directory / "card.json").read_text())
    assert card["origin"]["seed"] == 0 and card["origin"]["grid"] == [6, 5] and card["origin"]["solver"] == "none"
    assert card["origin"]["versions"]["numpy"] == np.__version__ and card["origin"]["precision"] == "float64"
    assert prepared.directory.name.endswith(card["origin"]["settings_hash"])
    assert prepared.card().content_hash == card["content_hash"] and len(card["content_hash"]) == 64


def test_processes_change_nothing(tmp_path):
    made = [darcy(tmp_path / str(number), number) for number in (1, 2)]
    assert made[0].card().content_hash == made[1].card().content_hash
    assert not np.array_equal(*stacked(made[0], "train", "input")[:2])


def test_chunks_change_nothing(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(Waves, "chunk", 3)
    data = waves(tmp_path)
    data.prepare(progress=False)
    assert data.card().content_hash == prepared.card().content_hash


def darcy(data_dir, processes):
    source = Darcy(grid=[12, 12], train=20, test=17)
    data = Fields(
        source=source, data_dir=str(data_dir), grid=[12, 12], in_channels=1, out_channels=1, processes=processes
    )
    data.prepare(progress=False)
    return data


def test_another_setting_has_another_directory_and_a_larger_set_begins_with_the_same_examples(prepared, tmp_path):
    larger, other = waves(tmp_path, train=14, validation=2), waves(tmp_path, seed=1)
    for data in (larger, other):
        data.prepare(progress=False)
    assert len({data.directory.name for data in (prepared, larger, other)}) == 3
    assert larger.spec.splits == {"train": 14, "validation": 2, "test": 3}
    for split, size in (("train", 10), ("test", 3)):
        np.testing.assert_array_equal(stacked(larger, split, "input")[:size], stacked(prepared, split, "input"))
    everything = np.concatenate([stacked(larger, split, "input") for split in larger.spec.splits])
    assert len({row.tobytes() for row in everything}) == 19  # no split has an example of another
    assert not np.array_equal(stacked(other, "train", "input"), stacked(prepared, "train", "input"))


def test_a_preparation_that_stopped_goes_on_with_what_is_missing(prepared, tmp_path, monkeypatch, capsys):
    make, made = Waves.examples, []

    def noted(self, split, first, count):
        made.append(first)
        return make(self, split, first, count)

    def interrupted(self, split, first, count):
        if first == 8:
            raise KeyboardInterrupt
        return noted(self, split, first, count)

    monkeypatch.setattr(Waves, "examples", interrupted)
    data = waves(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        data.prepare(progress=False)
    assert not data.directory.exists()
    with pytest.raises(DataMissing, match=r"waves_generated is not prepared in .*dataset=waves data_dir="):
        data.split("train")
    # One of those that are whole is lost, another cut short.
    part = data.directory.with_name(data.directory.name + ".part")
    (part / "chunks" / "train-0000000-00004.npz").write_bytes(b"short")
    made.clear()
    monkeypatch.setattr(Waves, "examples", noted)
    data.prepare()
    assert "4 examples are there already; going on." in capsys.readouterr().out
    assert made == [0, 8, 0] and data.card().content_hash == prepared.card().content_hash


def test_a_killed_preparation_leaves_whole_chunks_and_no_process(prepared, tmp_path):
    code = (
        "import test_fields as t, sys\n"
        "if __name__ == '__main__':\n"
        "    t.waves(sys.argv[1], train=40, slow=0.05, processes=2).prepare(progress=False)\n"
    )
    script = tmp_path / "prepares.py"
    script.write_text(code)
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent.parent)])
    environment = {**os.environ, "PYTHONPATH": paths}
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (chunks := list(tmp_path.glob("waves_generated/*.part/chunks/*.json"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert chunks, process.stderr.read().decode()
    deadline = time.monotonic() + 20
    while _group_lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _group_lives(process.pid)
    data, made = waves(tmp_path, train=40, slow=0.05), []
    part = data.directory.with_name(data.directory.name + ".part")
    before = len(list(part.glob("chunks/*.json")))
    original = field_chunks.Chunks._make
    try:
        field_chunks.Chunks._make = lambda self, examples, chunk: (made.append(chunk), original(self, examples, chunk))
        data.prepare(progress=False)
    finally:
        field_chunks.Chunks._make = original
    assert len(made) == 11 - before < 11
    np.testing.assert_array_equal(stacked(data, "train", "input")[:10], stacked(prepared, "train", "input"))


def _group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_is_not_finite_is_told_and_not_kept(tmp_path):
    data = waves(tmp_path, spoilt=6)
    with pytest.raises(DataMissing, match="input of example 6 of train is not finite") as caught:
        data.prepare(progress=False)
    assert caught.value.exit_code == 3 and not data.directory.exists()


def test_a_chunk_that_was_damaged_afterwards_is_found_out(tmp_path, monkeypatch):
    whole = field_chunks.Chunks.write

    def damaged(self, *args):
        whole(self, *args)
        path = self.directory / "train-0000004-00004.npz"
        values = dict(np.load(path))
        values["target"][1, 2] += 1
        np.savez(path, **values)

    monkeypatch.setattr(field_chunks.Chunks, "write", damaged)
    with pytest.raises(DataMissing, match=r"train-0000004-00004\.npz was damaged"):
        waves(tmp_path).prepare(progress=False)


def test_a_directory_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "waves_generated").write_text("in the way")
    with pytest.raises(DataMissing, match="data_dir=PATH"):
        waves(tmp_path).prepare(progress=False)


def test_points_are_left_out_by_the_rule_of_the_benchmarks(prepared):
    thin = Fields(
        source=prepared.source, data_dir=str(prepared.directory.parents[1]), grid=[2, 3], in_channels=1, out_channels=1,
        subsample=[5, 2], train_examples=4, test_examples=2,
    )  # fmt: skip
    assert thin.directory == prepared.directory and thin.spec.splits == {"train": 4, "test": 2}
    example = thin.split("train")[3]
    seen = thin.transform("train", example, None)
    np.testing.assert_array_equal(seen["input"], example["input"][[0, 5]][:, [0, 2, 4]])
    assert seen["target"].shape == thin.spec.fields["target"].shape == (2, 3, 1)
    assert len(thin.split("train")) == 4 and len(list(thin.stored("test"))) == 2
    for size, stride in ((421, 5), (64, 2), (85, 7), (9, 20)):
        assert thinned_size(size, stride) == int((size - 1) / stride) + 1 == len(thinned(np.zeros(size), [stride]))


def test_moments_are_those_of_the_training_examples_that_are_used(prepared):
    data = waves(prepared.directory.parents[1], train_examples=7, normalise="location")
    values = stacked(prepared, "train", "input")[:7].astype(np.float64)
    found = data.moments()["input"]
    np.testing.assert_allclose(found, (values.mean(0), values.std(0, ddof=1)), rtol=1e-6)
    assert found[0].dtype == np.float32 and found[0].shape == (6, 5, 1)
    channel = waves(prepared.directory.parents[1], train_examples=7, normalise="channel").moments()
    np.testing.assert_allclose(
        channel["target"], (2 * values.mean((0, 1, 2)), 2 * values.std((0, 1, 2), ddof=1)), rtol=1e-6
    )
    with pytest.raises(ConfigError, match="no deviation"):
        waves(prepared.directory.parents[1], train_examples=1, normalise="location").moments()


def test_moments_of_what_varies_little_about_a_large_mean():
    values = 1e4 + 1e-2 * np.random.default_rng(0).standard_normal((500, 3, 2))
    mean, deviation = moments(values, "location")
    np.testing.assert_allclose(deviation, values.std(0, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(mean, values.mean(0), rtol=1e-6)


@pytest.mark.parametrize(
    "words, told",
    [
        ({"grid": (6, 6)}, r"dataset\.grid=\[6, 6\], but examples have \[6, 5\].*Set dataset\.grid=\[6,5\]"),
        ({"subsample": [2, 2]}, r"Set dataset\.grid=\[3,3\]"),
        ({"subsample": [2]}, r"dataset\.subsample=\[2\] gives each of the 2 axes"),
        ({"train_examples": 11}, r"dataset\.train_examples=11 should be from 1 to the 10"),
        ({"processes": 0}, r"dataset\.processes=0"),
        ({"train": 0}, r"train=0"),
        ({"seed": -1}, r"dataset\.source\.seed=-1"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path, words, told):
    with pytest.raises(ConfigError, match=told):
        waves(tmp_path, **words)


def test_a_persons_own_file_becomes_an_example(prepared, tmp_path):
    values = np.arange(30.0).reshape(6, 5, 1)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", input=values, target=values)
    for name in ("a.npy", "b.npz"):
        seen = prepared.transform("test", prepared.read(tmp_path / name), None)
        assert set(seen) == {"input"} and seen["input"].dtype == np.float32
        np.testing.assert_array_equal(seen["input"], values)
    np.save(tmp_path / "c.npy", values[..., 0])
    (tmp_path / "d.npy").write_bytes(b"text")
    np.savez_compressed(tmp_path / "whole.npz", input=np.random.default_rng(0).random((6, 5, 1)))
    packed = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "e.npz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "f.npz").write_bytes(packed[:200] + b"\xff" * 60 + packed[260:])
    values[3, 2] = np.nan
    np.savez(tmp_path / "g.npz", input=values)
    reasons = {"c.npy": r"input \(6, 5, 1\).*\(6, 5\)", "g.npz": "NaN or infinite numbers in input"}
    reasons |= dict.fromkeys(("d.npy", "e.npz", "f.npz"), "no NumPy file")
    for name, told in reasons.items():
        with pytest.raises(UnreadableFile, match=told):
            prepared.read(tmp_path / name)


def test_a_preview_shows_inputs_and_targets(prepared):
    rows = [prepared.transform("train", prepared.split("train")[i], None) for i in (0, 1)]
    figure = prepared.preview(rows, ["example 0", "example 1"])
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["input", "target"] * 2
    np.testing.assert_array_equal(panels[3].images[0].get_array(), rows[1]["target"][..., 0].T)
    assert panels[2].get_ylabel() == "example 1"


def test_a_preview_draws_targets_where_their_points_lie_and_lines_as_lines():
    cloud = {"input": np.random.default_rng(0).random((50, 2)), "target": np.arange(50.0)[:, None]}
    (panel,) = [axes for axes in field_sheet.sheet([cloud], ["a"], places=True).axes if axes.get_title()]
    np.testing.assert_array_equal(panel.collections[0].get_offsets(), cloud["input"])
    np.testing.assert_array_equal(panel.collections[0].get_array(), np.arange(50.0))
    line = {"input": np.zeros((9, 1)), "target": np.arange(27.0).reshape(9, 3)}
    panels = field_sheet.sheet([line], ["a"]).axes
    assert [axes.get_title() for axes in panels] == ["input", "target, channel 1", "target, channel 3"]
    np.testing.assert_array_equal(panels[2].lines[0].get_ydata(), np.arange(27.0).reshape(9, 3)[:, 2])


NAMES = ("darcy", "navier_stokes", "burgers", "kuramoto_sivashinsky", "elasticity_points", "elasticity_grid", "pipe",
         "airfoil_mesh", "airfoil_potential", "plasticity_toy")  # fmt: skip
PUBLISHED = ("darcy", "navier_stokes", "airfoil", "pipe", "elasticity_points", "elasticity_grid", "plasticity")


@pytest.mark.parametrize("name", [*NAMES, *(f"{name}_published" for name in PUBLISHED)])
def test_configs_say_what_models_will_get(name):
    for size in ("tiny", "small", "paper") if name in NAMES else (None,):
        whole = OmegaConf.create({"data_dir": "data", "dataset": OmegaConf.load(find.groups()["dataset"][name])})
        config = whole.dataset
        if size:
            config.size = size
        data = build(config)
        *space, channels = data.spec.fields["input"].shape
        assert list(config.get("grid") or [config.get("points")]) == space and config.in_channels == channels
        assert data.spec.splits["train"] > data.spec.splits["test"] // 2
        assert data.source.name == (name if name.endswith("published") else f"{name}_generated")
        assert (data.source.published) == name.endswith("published")


def test_a_size_that_is_not_there_is_told_once_with_those_that_are():
    there = r", dataset\.grid: dataset\.sizes has no huge; it has tiny, small, paper\.$"
    with pytest.raises(ConfigError, match=there) as error:
        compose_group("dataset", ["dataset=darcy", "dataset.size=huge"])
    assert str(error.value).count("huge") == 1


def test_explicit_keys_win_over_sizes():
    words = ["dataset=darcy", "dataset.size=paper", "dataset.source.train=7", "dataset.source.grid=[20,20]"]
    data = build(compose_group("dataset", words).dataset)
    assert data.spec.splits == {"train": 7, "test": 200} and data.spec.fields["input"].shape == (20, 20, 1)
