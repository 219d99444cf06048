"""A folder of pictures: how it is listed and split, what corrupt files do, the index, and a run on it."""

import functools
import itertools
import json
import pickle

import jax
import numpy as np
import pytest
import training_pieces
from flax import nnx
from PIL import Image

import spectrax
from spectrax.assembly import assemble
from spectrax.core.errors import CheckpointError, ConfigError, DataMissing
from spectrax.data import order, transforms
from spectrax.data.folder_files import list_files
from spectrax.data.image_folder import ImageFolder
from spectrax.data.loader import GrainLoader
from spectrax.data.splitting import stratified
from spectrax.saved_config import agree_on_data, same_data

SHARES = {"train": 0.5, "validation": 0.25, "test": 0.25}
SEEN = (transforms.Resize(8), transforms.CentreCrop(8), transforms.ToFloat())
RANDOM = (transforms.RandomResizedCrop(8), transforms.ToFloat())


def picture(path, seed):
    """Of a size of its own, its upper left corner telling which it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    height, width = generator.integers(9, 20, 2)
    pixels = generator.integers(0, 256, (height, width, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def classes(root, count=8):
    """Cats and dogs; what is no picture of theirs lies beside them."""
    for label, name in enumerate(("cat", "dog")):
        for index in range(count):
            suffix = ("png", "jpg", "JPEG")[index % 3]
            picture(root / name / ("young" if index == 1 else ".") / f"{index:02}.{suffix}", 100 * label + index)
    (root / ".hidden").mkdir()
    (root / "cat" / ".00.png").write_bytes(b"")
    (root / "cat" / "notes.txt").write_text("furry")
    return root


def folder(root, tmp_path, **changes):
    arguments = {
        "image_dir": str(root), "data_dir": str(tmp_path / "data"), "image_size": 8, "channels": 3, "num_classes": 2,
        "train": SEEN, "evaluate": SEEN, "shares": SHARES,
    }  # fmt: skip
    return ImageFolder(**{**arguments, **changes})


def labels(dataset, split):
    return [int(example["label"]) for example in dataset.stored(split)]


def first(feeds, count):
    batches = list(itertools.islice(feeds, count))
    feeds.close()
    return batches


def test_folders_of_classes_are_split_by_class_and_always_alike(tmp_path):
    root = classes(tmp_path / "pets")
    dataset = folder(root, tmp_path)
    assert dataset.spec.class_names == ("cat", "dog")
    assert dataset.spec.splits == {"train": 8, "validation": 4, "test": 4}
    for split in ("train", "validation", "test"):
        assert np.bincount(labels(dataset, split)).tolist() == [dataset.spec.splits[split] / 2] * 2
    listing = list_files(root, SHARES, 0)
    assert len(set(listing.names)) == 16 and "cat/young/01.jpg" in listing.names
    assert [list_files(root, SHARES, 0).splits[name].names for name in listing.splits] == [
        files.names for files in listing.splits.values()
    ]
    assert list_files(root, SHARES, 1).splits["test"].names != listing.splits["test"].names
    assert "made here" in dataset.card().split_rule


def test_folders_of_splits_are_taken_as_they_are(tmp_path):
    for split, count in (("train", 4), ("val", 2), ("test", 1)):
        classes(tmp_path / "pets" / split, count)
    dataset = folder(tmp_path / "pets", tmp_path)
    assert dataset.spec.splits == {"train": 8, "validation": 4, "test": 2}
    assert labels(dataset, "validation") == [0, 0, 1, 1] and "folders" in dataset.card().split_rule


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda root: root.rename(root.with_name("gone")), r"pets is not a directory.*dataset\.image_dir=DIR"),
        (lambda root: (root / "train" / "emu").mkdir(), "emu holds no PNG or JPEG"),
        (lambda root: picture(root / "val" / "emu" / "a.png", 0), "val/emu has no counterpart"),
        (lambda root: picture(root / "validation" / "cat" / "a.png", 0), "both validation and val"),
    ],
)
def test_a_folder_that_is_not_as_it_should_be_is_a_sentence(tmp_path, spoil, said):
    for split in ("train", "val"):
        classes(tmp_path / "pets" / split, 1)
    spoil(tmp_path / "pets")
    with pytest.raises(DataMissing, match=said):
        folder(tmp_path / "pets", tmp_path).prepare()


def test_another_number_of_classes_than_stated_names_both_and_the_classes(tmp_path):
    with pytest.raises(ConfigError, match=r"num_classes=3, but .*pets holds 2 classes: cat, dog\."):
        _ = folder(classes(tmp_path / "pets", 4), tmp_path, num_classes=3).spec


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"shares": {"train": 0.5, "test": 0.4}}, "add up to 0.9"),
        ({"shares": {"train": 0.5, "trial": 0.5}}, "train, validation and test"),
        ({"channels": 4}, r"dataset\.channels=4"),
        ({"class_names": ["cat"]}, "1 names for 2 classes"),
        ({"evaluate": RANDOM}, r"dataset\.evaluate"),
    ],
)
def test_arguments_that_make_no_sense(tmp_path, changes, said):
    with pytest.raises(ConfigError, match=said):
        folder(tmp_path, tmp_path, **changes)


def test_without_the_folder_a_person_can_predict_and_sizes_can_be_stated(tmp_path):
    picture(tmp_path / "mine.png", 3)
    dataset = folder(tmp_path / "gone", tmp_path)
    assert "test" in dataset.spec.splits
    assert dataset.transform("test", dataset.read(tmp_path / "mine.png"), None)["image"].shape == (8, 8, 3)
    with pytest.raises(DataMissing, match=r"gone is not a directory.*dataset\.split_sizes"):
        dataset.spec.splits.get("train", 0)
    stated = folder(tmp_path / "gone", tmp_path, split_sizes={"train": 70, "test": 30})
    assert stated.card().splits == {"train": 70, "test": 30}


def test_grey_and_colour(tmp_path):
    dataset = folder(classes(tmp_path / "pets", 4), tmp_path, channels=1)
    example = dataset.split("train")[0]
    assert example["image"].shape[-1] == 1 and example["image"].dtype == np.uint8
    assert dataset.transform("train", example, None)["image"].shape == (8, 8, 1)


def spoil(root, *names):
    for name in names:
        (root / name).write_bytes((root / name).read_bytes()[:100])


def train_names(root):
    return list_files(root, SHARES, 0).splits["train"].names


def test_the_next_of_its_class_stands_in_for_a_corrupt_file_and_it_is_told_once(tmp_path, warned):
    root = classes(tmp_path / "pets")
    whole = list(folder(root, tmp_path).stored("train"))
    names = train_names(root)
    spoil(root, names[3], names[5])  # the last cat, a dog
    dataset = folder(root, tmp_path)
    split = dataset.split("train")
    seen = [pickle.loads(pickle.dumps(split))[index] for _ in range(2) for index in range(8)]
    assert [example["label"] for example in seen] == [example["label"] for example in whole] * 2
    stand_ins = [0, 1, 2, 0, 4, 6, 6, 7]
    for example, expected in zip(seen[:8], stand_ins, strict=True):
        np.testing.assert_array_equal(example["image"], whole[expected]["image"])
    assert len(warned) == 2 and names[3] in warned[0] and f"{names[0]} stands in" in warned[0]


def test_more_corrupt_files_than_borne_end_the_run_from_a_worker_too(tmp_path):
    root = classes(tmp_path / "pets")
    names = train_names(root)
    spoil(root, names[0], names[4])
    dataset = folder(root, tmp_path, max_corrupt=1, train=RANDOM)
    loader = GrainLoader(dataset, batch_size=8, eval_batch_size=4, seed=0, workers=1)
    with pytest.raises(DataMissing, match=rf"2 corrupt files in .*max_corrupt=1: .*{names[0]}") as caught:
        first(loader.feeds(0), 1)
    assert names[4] in str(caught.value)


def test_workers_change_nothing_where_a_file_is_corrupt(tmp_path):
    root = classes(tmp_path / "pets")
    spoil(root, train_names(root)[2])
    dataset = folder(root, tmp_path, train=RANDOM)
    alone, worked = (
        first(GrainLoader(dataset, batch_size=5, eval_batch_size=4, seed=0, workers=workers).feeds(0), 4)
        for workers in (0, 1)
    )
    for ours, theirs in zip(alone, worked, strict=True):
        for name in ("image", "label"):
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_a_class_without_a_readable_file_is_a_sentence(tmp_path):
    root = classes(tmp_path / "pets")
    spoil(root, *[name for name in train_names(root) if name.startswith("cat")])
    with pytest.raises(DataMissing, match=r"None of the files beside .*cat"):
        folder(root, tmp_path).split("train")[0]


def test_checked_files_are_left_out_until_one_is_changed(tmp_path, capsys, warned):
    root = classes(tmp_path / "pets")
    before = list_files(root, SHARES, 0)
    bad = before.splits["train"].names[1]
    spoil(root, bad)
    dataset = folder(root, tmp_path)
    directory = dataset.verify(progress=False)
    assert f"{bad} cannot be read" in capsys.readouterr().out
    again = folder(root, tmp_path)
    assert again.prepare() == directory and again.spec.splits == {"train": 7, "validation": 4, "test": 4}
    images = [example["image"] for example in again.stored("train")]
    assert len(images) == 7 and not warned
    card = json.loads((directory / "card.json").read_text())
    assert card["splits"]["train"] == 7 and card["content_hash"] == again.card().content_hash != ""
    picture(root / bad, 1)
    mended = folder(root, tmp_path)
    assert mended.spec.splits["train"] == 8 and mended.card().content_hash == ""
    assert any("dataset=image_folder" in text for text in warned)
    mended.verify(progress=False)
    assert mended.card().content_hash not in ("", card["content_hash"])


def test_a_check_that_finds_too_many_lists_them_and_keeps_no_index(tmp_path, capsys):
    root = classes(tmp_path / "pets")
    spoil(root, "cat/00.png", "dog/03.png")
    dataset = folder(root, tmp_path, max_corrupt=1)
    with pytest.raises(DataMissing, match=r"2 corrupt files in .*max_corrupt=1"):
        dataset.verify(progress=False)
    assert capsys.readouterr().out.count("left out") == 2 and not dataset.directory.exists()


class Network(nnx.Module):
    def __init__(self, *, rngs):
        self.layer = nnx.Linear(8 * 8 * 3, 2, rngs=rngs)

    def __call__(self, inputs, *, train, key=None):
        return self.layer(inputs.reshape(inputs.shape[0], -1))


def test_a_run_over_a_folder_with_a_corrupt_file(tmp_path, warned):
    root = classes(tmp_path / "pets")
    bad = train_names(root)[0]
    spoil(root, bad)
    dataset = folder(root, tmp_path, train=RANDOM)
    loader = GrainLoader(dataset, batch_size=8, eval_batch_size=4, seed=0)
    experiment = training_pieces.experiment(
        tmp_path / "run",
        make_model=functools.partial(Network),
        dataset=dataset,
        loader=loader,
        task=training_pieces.Classification(num_classes=2, class_names=dataset.spec.class_names),
    )
    counts = {"steps": 2, "batch_size": 8, "eval_batch_size": 4, "steps_per_call": 1, "evaluate_every_steps": 2}
    summary = training_pieces.trainer(**counts).run(experiment)
    assert summary.step == 2 and np.isfinite(summary.metrics["final.test.loss"])
    assert [bad in text for text in warned if "stands in" in text] == [True]


def test_predictions_name_the_folders(tmp_path):
    """The config need not know the classes' names; the task gets those found."""
    classes(tmp_path / "pets", 2)
    words = ["dataset=image_folder", f"dataset.image_dir={tmp_path}/pets", "dataset.num_classes=2", "loader=grain"]
    experiment = assemble(spectrax.compose("svt_digits", words))
    rows = experiment.task.rows({"probabilities": np.array([[0.1, 0.9], [0.8, 0.2]])})
    assert [row["label"] for row in rows] == ["dog", "cat"]
    assert experiment.loader.examples("train") and jax.tree.leaves(experiment.loader.example_feed())[0].shape[0] == 64


def test_a_preview_shows_what_the_loader_feeds(tmp_path):
    from spectrax.prepare import preview

    dataset = folder(classes(tmp_path / "pets"), tmp_path, train=RANDOM)
    batch = first(GrainLoader(dataset, batch_size=8, eval_batch_size=4, seed=5).feeds(0), 1)[0]
    figure = preview(dataset, 5, 8)
    assert [axes.get_title() for axes in figure.axes] == [("cat", "dog")[label] for label in batch["label"]]
    for axes, image in zip(figure.axes, batch["image"], strict=True):
        low, high = image.min(), image.max()
        np.testing.assert_allclose(axes.images[0].get_array(), (image - low) / (high - low), atol=1e-6)
    assert figure.axes[0].texts[0].get_text() == f"example {order.example_at(5, 8, 0)[1]}"


def test_a_picture_more_moves_few_others():
    names = [f"cat/{index:03}.png" for index in range(200)]
    before = stratified(np.zeros(200, np.int32), SHARES, 0, names)
    after = stratified(np.zeros(201, np.int32), SHARES, 0, ["cat/0000.png", *names])
    for split in before:
        kept = {names[row] for row in before[split]} & {names[row - 1] for row in after[split] if row}
        assert len(kept) >= len(before[split]) - 2


def test_changed_data_are_noticed(tmp_path):
    root, run_dir = classes(tmp_path / "pets"), tmp_path / "run"
    run_dir.mkdir()
    agree_on_data(run_dir, folder(root, tmp_path))
    (run_dir / "checkpoints" / "step_1").mkdir(parents=True)
    agree_on_data(run_dir, folder(root, tmp_path))
    assert same_data(run_dir, folder(root, tmp_path))
    picture(root / "cat" / "another.png", 7)
    assert not same_data(run_dir, folder(root, tmp_path))
    with pytest.raises(CheckpointError, match="data changed since the run"):
        agree_on_data(run_dir, folder(root, tmp_path))
