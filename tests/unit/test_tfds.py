"""Prepared TFDS data sets by name: a tiny real one, made here as TFDS makes them, under keys of its own."""

import io

import numpy as np
import pytest
from PIL import Image

from spectrax.core.errors import ConfigError, DataMissing
from spectrax.data import transforms
from spectrax.data.loader import GrainLoader, ResidentLoader
from spectrax.data.prepared import quiet_tfds
from spectrax.data.tfds_dataset import Tfds

SEEN = (transforms.Resize(6), transforms.CentreCrop(6), transforms.ToFloat())
SPLITS = {"train": "train[:75%]", "validation": "train[75%:]", "test": "holdout"}


def picture(seed):
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return pixels, file.getvalue()


@pytest.fixture(scope="module")
def tfds_dir(tmp_path_factory):
    """`flowers/tiny/1.2.0`: 12 pictures to train on and 5 held out, named "photo" and "species"."""
    tfds = quiet_tfds()

    class Flowers(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.2.0")
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="tiny")]  # noqa: RUF012

        def _info(self):
            features = {
                "photo": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                "species": tfds.features.ClassLabel(names=["aster", "lily", "rose"]),
                "name": tfds.features.Text(),
            }
            features = tfds.features.FeaturesDict(features)
            citation = "Linnaeus, Species plantarum, 1753"
            return tfds.core.DatasetInfo(builder=self, features=features, citation=citation, disable_shuffling=True)

        def _split_generators(self, download_manager):
            return {"train": self._generate_examples(0, 12), "holdout": self._generate_examples(50, 55)}

        def _generate_examples(self, start, end):
            for seed in range(start, end):
                yield seed, {"photo": picture(seed)[1], "species": seed % 3, "name": f"flower {seed}"}

    directory = tmp_path_factory.mktemp("tfds")
    Flowers(config="tiny", data_dir=str(directory), file_format="array_record").download_and_prepare()
    return directory


def flowers(tfds_dir, **changes):
    arguments = {
        "name": "flowers/tiny", "data_dir": "nowhere", "tfds_dir": str(tfds_dir), "splits": SPLITS,
        "image_key": "photo", "label_key": "species", "image_size": 6, "channels": 3, "num_classes": 3,
        "train": SEEN, "evaluate": SEEN,
    }  # fmt: skip
    return Tfds(**{**arguments, **changes})


def test_sizes_names_and_examples_are_those_prepared(tfds_dir):
    dataset = flowers(tfds_dir)
    assert dataset.prepare() == tfds_dir / "flowers" / "tiny" / "1.2.0"
    assert dataset.spec.splits == {"train": 9, "validation": 3, "test": 5}
    assert dataset.spec.class_names == ("aster", "lily", "rose")
    for split, start in (("train", 0), ("validation", 9), ("test", 50)):
        for index, example in enumerate(dataset.stored(split)):
            assert example.keys() == {"image", "label"} and example["label"] == (start + index) % 3
            np.testing.assert_array_equal(example["image"], picture(start + index)[0])
    card = dataset.card()
    assert card.version == "1.2.0" and "Linnaeus" in card.citation and card.splits["test"] == 5


def test_both_loaders_read_it_and_a_worker_opens_it_itself(tfds_dir):
    dataset = flowers(tfds_dir)
    _ = dataset.spec
    sizes = {"batch_size": 4, "eval_batch_size": 2, "seed": 1}
    feeds = GrainLoader(dataset, **sizes, workers=1).feeds(0)
    batch = next(feeds)
    feeds.close()
    resident = ResidentLoader(dataset, **sizes)
    for name in ("image", "label"):
        np.testing.assert_array_equal(batch[name], resident.resident[name][next(resident.feeds(0))])
    assert sum(int(batch["mask"].sum()) for batch in resident.evaluation("test")) == 5


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"num_classes": 5}, "num_classes=5, but flowers/tiny has 3 classes"),
        ({"channels": 1}, r"channels=1, but the field 'photo' .*None, None, 3"),
        ({"image_key": "image"}, "no field 'image'; it has: .*photo"),
        ({"label_key": "name"}, "says nothing of classes in its field 'name'"),
        ({"splits": {"train": "train", "test": "test"}}, "no split 'test'; it has: .*holdout"),
        ({"splits": {"test": "holdout"}}, "train at least"),
    ],
)
def test_another_data_set_than_stated_is_a_sentence(tfds_dir, changes, said):
    with pytest.raises(ConfigError, match=said):
        flowers(tfds_dir, **changes).prepare()


@pytest.mark.parametrize("name", ["flowers", "flowers/huge", "flowers/tiny:2.0.0"])
def test_what_is_not_prepared_names_directory_and_command_and_what_is_there(tfds_dir, name):
    wanted = tfds_dir / name.partition(":")[0]
    with pytest.raises(DataMissing) as caught:
        flowers(tfds_dir, name=name).prepare()
    text = str(caught.value)
    assert f"not prepared in {wanted}." in text and "Prepared there: flowers/tiny." in text
    assert f"tfds build {name.partition(':')[0]} --data_dir={tfds_dir} --file_format=array_record" in text


def test_a_version_can_be_named_and_newer_numbers_win(tfds_dir):
    from spectrax.data.tfds_directory import newest_version

    assert flowers(tfds_dir, name="flowers/tiny:1.2.0").spec.splits["test"] == 5
    for version in ("0.9.0", "0.10.0"):
        directory = tfds_dir / "other" / version
        directory.mkdir(parents=True)
        (directory / "dataset_info.json").write_text("{}")
        (directory / "other-train.array_record-00000-of-00001").write_bytes(b"")
    assert newest_version(tfds_dir / "other").name == "0.10.0"


def test_without_the_data_it_can_be_described_and_predict(tmp_path):
    dataset = flowers(tmp_path, split_sizes={"train": 9, "test": 5})
    assert dataset.spec.splits == {"train": 9, "test": 5} and dataset.card().splits["train"] == 9
    (tmp_path / "a.png").write_bytes(picture(0)[1])
    unknown = flowers(tmp_path)
    assert "test" in unknown.spec.splits
    assert unknown.transform("test", unknown.read(tmp_path / "a.png"), None)["image"].shape == (6, 6, 3)
    with pytest.raises(DataMissing, match="tfds build"):
        unknown.spec.splits.get("train", 0)
