"""ImageNet from archives of the official layout and from folders: whole, counted, resumable, nothing trusted."""

import io
import json

import imagenet_archive as archive
import numpy as np
import pytest
from PIL import Image

import spectrax
from spectrax import prepare
from spectrax.assembly import assemble, with_class_names
from spectrax.config.build import build
from spectrax.core.errors import DataMissing
from spectrax.data import record_shards

SIZES = ["dataset.published={train: 20, validation: 6}", "dataset.num_classes=4", "dataset.image_size=32"]


def dataset(data_dir, manual_dir=None, *words):
    config = spectrax.compose("svt_imagenet_plain", [f"data_dir={data_dir}", *SIZES, *words])
    config.dataset.manual_dir = None if manual_dir is None else str(manual_dir)
    return build(config.dataset)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    return archive.write_archives(tmp_path_factory.mktemp("the owner's files"))


@pytest.fixture(scope="module")
def prepared(official, tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("data")
    return dataset(data_dir, official).prepare(progress=False), data_dir


def test_the_command_prepares_counts_and_names(official, tmp_path, capsys):
    words = ["loader=grain", *SIZES, f"data_dir={tmp_path}"]
    assert prepare.run({"dataset": "imagenet2012", "manual_dir": str(official)}, words) == 0
    printed = capsys.readouterr().out
    assert "train: 20 examples" in printed and "validation: 6 examples" in printed
    assert "Preparing imagenet2012: 26 of 26" in printed
    card = json.loads((tmp_path / "imagenet2012" / "5.1.0" / "card.json").read_text())
    assert card["splits"] == {"train": 20, "validation": 6} and len(card["content_hash"]) == 64


def test_every_picture_has_its_label_and_stays_as_it_was(prepared):
    version, data_dir = prepared
    found = dataset(data_dir)  # without the archives
    assert found.spec.class_names == archive.WORDS and len(found.card().content_hash) == 64
    seen = {e["file_name"].decode(): e for e in (found.split("train")[i] for i in range(20))}
    for label, (_, files) in enumerate(archive.train_pictures().items()):
        for name, content in files.items():
            assert seen[name]["label"] == label
            expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), int)
            error = np.abs(seen[name]["image"].astype(int) - expected)
            rewritten = name in ("n01440764_1.JPEG", "n02105855_2933.JPEG")
            assert error.mean() < 2 if rewritten else not error.any()
    validation = found.split("validation")
    expected = [(name, label) for name, (_, label) in archive.validation_pictures().items()]
    assert [(validation[i]["file_name"].decode(), validation[i]["label"]) for i in range(6)] == expected
    report = json.loads((version / "preparation.json").read_text())
    assert report == {"corrupt": {}, "rewritten": ["n01440764_1.JPEG", "n02105855_2933.JPEG"]}


def test_a_run_knows_words_that_its_own_preparation_found(official, tmp_path):
    config = spectrax.compose("svt_imagenet_plain", [f"data_dir={tmp_path}", *SIZES])
    config.dataset.manual_dir = str(official)
    experiment = assemble(config)
    assert experiment.task.class_names is None
    experiment.dataset.prepare(progress=False)
    assert with_class_names(experiment).task.class_names == archive.WORDS


def test_data_of_other_classes_are_told_and_spoil_nothing_that_needs_no_data(prepared):
    other = dataset(prepared[1], None, "dataset.num_classes=5")
    assert other.spec.class_names == ()
    with pytest.raises(DataMissing, match=r"5\.1\.0 was prepared with 4 classes, and dataset\.num_classes=5\."):
        other.prepare(progress=False)


def test_an_interrupted_preparation_goes_on_with_the_shard_that_was_open(official, tmp_path, monkeypatch, capsys):
    read, started = record_shards._as_stored, []

    def interrupted(picture):
        started.append(picture.name)
        if picture.name == "n02105855_1.JPEG" and len(started) < 20:
            raise KeyboardInterrupt
        return read(picture)

    monkeypatch.setattr(record_shards, "_as_stored", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dataset(tmp_path, official).prepare(progress=False)
    assert not (tmp_path / "imagenet2012" / "5.1.0").exists()
    assert dataset(tmp_path).spec.splits["train"] == 20  # the published number: nothing half done is taken for done
    started.clear()
    monkeypatch.setattr(record_shards, "_as_stored", lambda picture: (started.append(picture.name), read(picture))[1])
    version = dataset(tmp_path, official).prepare()
    assert "10 pictures are there already; going on." in capsys.readouterr().out
    assert sorted({name.partition("_")[0] for name in started}) == ["ILSVRC2012", "n02105855", "n04019541"]
    assert len(dataset(tmp_path).split("train")) == 20 and not list(version.glob("*.part"))


def test_what_was_begun_with_other_files_is_begun_anew(tmp_path):
    official = archive.write_archives(tmp_path / "official")
    with pytest.raises(DataMissing, match="20 pictures for train where 21 are published"):
        dataset(tmp_path, official, "dataset.published.train=21").prepare(progress=False)
    train = archive.train_pictures()
    train["n04019541"]["n04019541_77.JPEG"] = archive.jpeg(3, 9)
    archive.write_archives(official, train)
    dataset(tmp_path, official, "dataset.published.train=21").prepare(progress=False)
    assert dataset(tmp_path).spec.splits["train"] == 21


def test_folders_give_the_same_examples(prepared, tmp_path):
    for synset, files in archive.train_pictures().items():
        (tmp_path / "in" / "train" / synset).mkdir(parents=True)
        (tmp_path / "in" / "val" / synset).mkdir(parents=True)
        for name, content in files.items():
            (tmp_path / "in" / "train" / synset / name).write_bytes(content)
    for name, (content, label) in archive.validation_pictures().items():
        (tmp_path / "in" / "val" / archive.SYNSETS[label] / name).write_bytes(content)
    dataset(tmp_path, tmp_path / "in").prepare(progress=False)
    ours, theirs = dataset(tmp_path), dataset(prepared[1])
    for split in ("train", "validation"):
        pair = [{e["file_name"]: e for e in map(d.split(split).__getitem__, range(d.spec.splits[split]))}
                for d in (ours, theirs)]  # fmt: skip
        assert pair[0].keys() == pair[1].keys()
        assert all(np.array_equal(pair[0][k]["image"], pair[1][k]["image"]) for k in pair[0])
        assert all(pair[0][k]["label"] == pair[1][k]["label"] for k in pair[0])


def test_corrupt_pictures_are_named_and_left_out_or_refused(tmp_path, capsys):
    train = archive.train_pictures()
    train["n01443537"]["n01443537_0.JPEG"] = train["n01443537"]["n01443537_0.JPEG"][:300]
    official = archive.write_archives(tmp_path / "official", train)
    with pytest.raises(DataMissing, match=r"1 corrupt file .*max_corrupt=0: n01443537_0\.JPEG") as caught:
        dataset(tmp_path, official, "dataset.max_corrupt=0").prepare(progress=False)
    assert caught.value.exit_code == 3
    version = dataset(tmp_path, official).prepare(progress=False)
    assert "n01443537_0.JPEG cannot be read" in capsys.readouterr().out
    assert list(json.loads((version / "preparation.json").read_text())["corrupt"]) == ["n01443537_0.JPEG"]
    assert dataset(tmp_path).spec.splits == {"train": 19, "validation": 6}


def _without_devkit(directory):
    (directory / "ILSVRC2012_devkit_t12.tar.gz").unlink()


def _stranger(directory):
    train = archive.train_pictures()
    train["n01440764"]["../../escaped.JPEG"] = b"x"
    archive.write_archives(directory, train)


def _cut_short(directory):
    path = directory / "ILSVRC2012_img_train.tar"
    path.write_bytes(path.read_bytes()[:30_000])


def _no_synset(directory):
    train = archive.train_pictures()
    del train["n02105855"]
    archive.write_archives(directory, train)


def _another_kit(directory):
    (directory / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(archive.tar({"readme": b""}, "w:gz"))


def _damaged_kit(directory):
    path = directory / "ILSVRC2012_devkit_t12.tar.gz"
    content = bytearray(path.read_bytes())
    content[146] ^= 255  # within the labels, where only the checksum tells
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil, said",
    [
        (_without_devkit, r"not there is\n  .*/ILSVRC2012_devkit_t12\.tar\.gz: the development kit"),
        (_stranger, r"n01440764\.tar holds '\.\./\.\./escaped\.JPEG'"),
        (_cut_short, "not a whole tar archive"),
        (_no_synset, r"n02105855\.tar is not there"),
        (_another_kit, r"does not hold ILSVRC2012_devkit_t12/data/meta\.mat"),
        (_damaged_kit, r"devkit_t12\.tar\.gz is not a whole"),
    ],
)
def test_files_that_are_not_as_they_should_be_are_a_sentence(tmp_path, spoil, said):
    official = archive.write_archives(tmp_path / "official")
    spoil(official)
    with pytest.raises(DataMissing, match=said) as caught:
        dataset(tmp_path, official).prepare(progress=False)
    assert caught.value.exit_code == 3
    assert not list(tmp_path.rglob("escaped*"))


def test_training_sees_augmented_pictures_of_the_size_stated(prepared):
    found = dataset(prepared[1])
    stored = found.split("train")[0]
    seen = [found.transform("train", stored, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert seen[0]["image"].shape == (32, 32, 3) and seen[0]["image"].dtype == np.float32
    np.testing.assert_array_equal(seen[0]["image"], seen[1]["image"])
    assert not np.array_equal(seen[0]["image"], seen[2]["image"])
