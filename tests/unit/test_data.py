"""Data: the order of examples, both loaders, splits, published files, preparation, transforms."""

import errno
import gzip
import hashlib
import itertools
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import spectrax
from spectrax.config.build import build
from spectrax.core.errors import ConfigError, DataMissing
from spectrax.data import fashion_mnist, order, prepared, transforms
from spectrax.data.digits import Digits, stratified_split
from spectrax.data.images import Images
from spectrax.data.loader import GrainLoader, ResidentLoader

PLAIN = (transforms.ToFloat(16.0),)
SHIFTS = (transforms.PadAndCrop(1), transforms.HorizontalFlip(), transforms.ToFloat(16.0))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


def digits(data_dir, train=PLAIN, evaluate=PLAIN, **changes):
    sizes = {"image_size": 8, "channels": 1, "num_classes": 10, **changes}
    return Images(source=Digits(), data_dir=data_dir, train=train, evaluate=evaluate, **sizes)


@pytest.fixture(scope="module")
def dataset(data_dir):
    data = digits(data_dir)
    data.prepare(progress=False)
    return data


def grain(dataset, workers=0, **changes):
    return GrainLoader(dataset, **{"batch_size": 50, "eval_batch_size": 100, "seed": 3, "workers": workers, **changes})


def first(feeds, count):
    batches = list(itertools.islice(feeds, count))
    feeds.close()
    return batches


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_every_epoch_is_a_permutation_and_epochs_differ():
    seen = [order.examples_at(7, 10, 10 * epoch, 10) for epoch in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in seen)
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(order.examples_at(7, 10, 5, 20), np.concatenate(seen)[5:25])
    assert [order.example_at(7, 10, p)[1] for p in range(25)] == np.concatenate(seen)[:25].tolist()


def test_the_order_depends_on_the_seed():
    assert not np.array_equal(order.epoch_order(0, 0, 100), order.epoch_order(1, 0, 100))


def test_both_loaders_give_the_same_sequence_over_an_epoch_border(dataset):
    resident = ResidentLoader(dataset, batch_size=50, eval_batch_size=100, seed=3)
    indices = first(resident.feeds(0), 30)  # 1,500 examples of 1,077
    ours = [{name: array[index] for name, array in resident.resident.items()} for index in indices]
    assert_same(ours, first(grain(dataset).feeds(0), 30))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_changes_nothing_even_half_way(data_dir, dataset, workers):
    random = digits(data_dir, train=SHIFTS)
    alone = first(grain(random).feeds(0), 8)
    assert_same(first(grain(random, workers).feeds(0), 8), alone)
    assert_same(first(grain(random, workers).feeds(5), 3), alone[5:])


def test_random_transforms_differ_between_epochs_and_not_between_reruns(data_dir, dataset):
    random = digits(data_dir, train=SHIFTS)
    example = random.split("train")[0]
    images = [random.transform("train", example, order.example_generator(0, epoch, 0))["image"] for epoch in range(8)]
    assert len({image.tobytes() for image in images}) > 3
    np.testing.assert_array_equal(
        images[5], random.transform("train", example, order.example_generator(0, 5, 0))["image"]
    )


def test_processes_take_slices_of_the_global_batch(dataset):
    whole = first(grain(dataset).feeds(2), 3)
    parts = [first(grain(dataset).feeds(2, process=(index, 2)), 3) for index in range(2)]
    joined = [{name: np.concatenate([a[name], b[name]]) for name in a} for a, b in zip(parts[0], parts[1], strict=True)]
    assert_same(joined, whole)
    with pytest.raises(ConfigError, match=r"trainer\.batch_size=50 does not divide over 3"):
        next(grain(dataset).feeds(0, process=(0, 3)))


def test_repeated_examples_stand_in_a_row_and_look_different(data_dir):
    """Also where a batch ends within the repeats, and for every process and start alike."""
    random = digits(data_dir, train=SHIFTS)

    def feeds(*start, repeats=3, **process):
        return first(grain(random, repeats=repeats).feeds(*start, **process), 4)

    whole = feeds(0)
    expected = order.epoch_order(3, 0, 1077)[np.arange(200) // 3]
    stored = random.split("train")
    labels = [int(stored[int(example)]["label"]) for example in expected]
    np.testing.assert_array_equal(np.concatenate([batch["label"] for batch in whole]), labels)
    images = np.concatenate([batch["image"] for batch in whole])
    same = [np.array_equal(images[i], images[j]) for i in range(0, 198, 3) for j in (i + 1, i + 2)]
    assert sum(same) < len(same) / 2
    assert_same(feeds(2)[:2], whole[2:])
    part = feeds(0, process=(1, 2))
    assert_same(part, [{name: array[25:] for name, array in batch.items()} for batch in whole])
    assert_same(feeds(0, repeats=1), first(grain(random).feeds(0), 4))


def test_a_feed_is_known_without_reading(dataset):
    for loader in (grain(dataset), ResidentLoader(dataset, batch_size=50, eval_batch_size=100, seed=3)):
        real, known = first(loader.feeds(0), 1)[0], loader.example_feed()
        describe = lambda feed: {k: (v.shape, v.dtype) for k, v in feed.items()} if isinstance(feed, dict) else (  # noqa: E731
            feed.shape, feed.dtype
        )  # fmt: skip
        assert describe(real) == describe(known)


@pytest.mark.parametrize("kind", [grain, lambda d: ResidentLoader(d, batch_size=50, eval_batch_size=100, seed=3)])
def test_evaluation_meets_every_example_once(dataset, kind):
    batches = list(kind(dataset).evaluation("test"))
    assert [batch["label"].shape for batch in batches] == [(100,)] * 4
    kept = np.concatenate([batch["label"][batch["mask"]] for batch in batches])
    np.testing.assert_array_equal(kept, [example["label"] for example in dataset.stored("test")])
    assert not batches[-1]["image"][~batches[-1]["mask"]].any()


def test_the_resident_loader_refuses_random_transforms(data_dir, dataset):
    loader = ResidentLoader(digits(data_dir, train=SHIFTS), batch_size=5, eval_batch_size=5, seed=0)
    with pytest.raises(ConfigError, match="loader=grain"):
        _ = loader.resident


def test_evaluation_must_not_be_random(data_dir):
    with pytest.raises(ConfigError, match=r"dataset\.evaluate"):
        digits(data_dir, evaluate=SHIFTS)


def test_an_image_of_another_size_than_stated_is_named(data_dir, dataset):
    wrong = digits(data_dir, image_size=32)
    with pytest.raises(ConfigError, match=r"\(8, 8, 1\).*\(32, 32, 1\)"):
        wrong.transform("train", wrong.split("train")[0], None)


def test_the_digits_split_is_stratified_and_disjoint(dataset):
    from sklearn.datasets import load_digits

    labels = load_digits().target
    parts = stratified_split(labels)
    assert {name: len(rows) for name, rows in parts.items()} == Digits.splits
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(1797))
    for rows in parts.values():
        share = np.bincount(labels[rows], minlength=10) / np.bincount(labels)
        assert np.ptp(share) < 0.02
    card = prepared.read_card(dataset.directory)
    assert card["splits"] == dict(Digits.splits) and "stratified" in card["split_rule"]
    assert card["content_hash"] == prepared.content_hash(Digits().examples())


def test_tfds_reads_what_was_prepared(dataset):
    stored = dataset.split("validation")
    assert len(stored) == 360
    for index in (0, 359):
        expected = next(itertools.islice(dataset.stored("validation"), index, None))
        np.testing.assert_array_equal(stored[index]["image"], expected["image"])
        assert stored[index]["label"] == expected["label"]


def test_resident_training_needs_neither_grain_nor_tfds(data_dir, dataset):
    code = (
        "import sys\n"
        "import spectrax\n"
        "from spectrax.config.build import build\n"
        f"config = spectrax.compose('svt_digits', ['data_dir={data_dir}'])\n"
        "loader = build(config.loader, dataset=build(config.dataset))\n"
        "assert loader.resident['image'].shape == (1077, 32, 32, 1)\n"
        "assert not {'grain', 'tensorflow_datasets', 'tensorflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "JAX_PLATFORMS": "cpu"})


def test_preparation_is_whole_or_absent(tmp_path):
    target = tmp_path / "set" / "1.0.0"

    def fails(directory):
        (directory / "half").write_text("")
        raise DataMissing("no more")

    with pytest.raises(DataMissing):
        prepared.prepare(target, fails)
    assert not target.exists()
    prepared.prepare(target, lambda directory: (directory / "whole").write_text(""))
    assert [path.name for path in target.iterdir()] == ["whole"]
    prepared.prepare(target, fails)  # there already: not built again


def test_two_processes_prepare_once(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from spectrax.data.prepared import prepare\n"
        "def build(directory):\n"
        "    time.sleep(0.5)\n"
        "    with open(sys.argv[1] + '.count', 'a') as file: file.write('x')\n"
        "prepare(Path(sys.argv[1]), build)\n"
    )
    target = tmp_path / "1.0.0"
    both = [subprocess.Popen([sys.executable, "-c", code, str(target)]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert Path(f"{target}.count").read_text() == "x"


def test_unprepared_data_names_the_command(tmp_path):
    with pytest.raises(DataMissing, match=r"spectrax\.prepare dataset=digits data_dir="):
        digits(str(tmp_path)).split("train")


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def published(directory):
    """Files with the names, format and counts of Fashion-MNIST (contents all zero but the first image)."""
    for split, count in (("train", 60_000), ("t10k", 10_000)):
        images, labels = np.zeros((count, 28, 28), np.uint8), np.zeros(count, np.uint8)
        images[0, 3, 4], labels[0] = 200, 9
        (directory / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images), 1))
        (directory / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels))


def test_fashion_mnist_reads_idx_files_gzipped_or_not(tmp_path, monkeypatch):
    published(tmp_path)
    contents = {name: fashion_mnist._Directory(tmp_path)(name) for name in fashion_mnist._MD5}
    sums = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(fashion_mnist, "_MD5", sums)
    examples = fashion_mnist.FashionMnist(manual_dir=str(tmp_path)).examples()
    images, labels = examples["train"]
    assert images.shape == (60_000, 28, 28, 1) and images[0, 3, 4, 0] == 200 and labels[0] == 9
    assert examples["test"][0].shape == (10_000, 28, 28, 1)


def test_fashion_mnist_says_what_is_missing_or_broken(tmp_path):
    source = fashion_mnist.FashionMnist(manual_dir=str(tmp_path))
    with pytest.raises(DataMissing, match=r"train-images-idx3-ubyte\.gz.*manual_dir=DIR "):
        source.examples()
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + bytes(20))
    with pytest.raises(DataMissing, match="not a whole IDX file"):
        source.examples()
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(os.urandom(1000))[:500])
    with pytest.raises(DataMissing, match="not a whole gzip file"):
        source.examples()
    flipped = bytearray(gzip.compress(bytes(range(256)) * 40))
    flipped[20:40] = b"\xff" * 20
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bytes(flipped))
    with pytest.raises(DataMissing, match="not a whole gzip file"):
        source.examples()


def test_another_data_set_with_the_same_names_is_refused(tmp_path):
    """The original MNIST has the names, format and counts of Fashion-MNIST."""
    published(tmp_path)
    overrides = [f"data_dir={tmp_path}/data", f"dataset.source.manual_dir={tmp_path}"]
    config = spectrax.compose("svt_fashion_mnist", overrides)
    words = rf"train-images-idx3-ubyte, .60000, 28, 28., holds other data.*manual_dir=DIR data_dir={tmp_path}/data "
    with pytest.raises(DataMissing, match=words):
        build(config.dataset).prepare(progress=False)
    assert not list((tmp_path / "data" / "fashion_mnist").glob("1.0.0*/*"))


@pytest.mark.skipif(not fashion_mnist._DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_the_files_of_debians_package_are_the_published_ones():
    images, labels = fashion_mnist.FashionMnist().examples()["test"]
    assert images.shape == (10_000, 28, 28, 1) and np.bincount(labels).tolist() == [1000] * 10


def imagenet(data_dir):
    return build(spectrax.compose("svt_imagenet_plain", [f"data_dir={data_dir}"]).dataset)


def test_imagenet_in_a_format_without_random_access_is_a_sentence(tmp_path):
    version = tmp_path / "imagenet2012" / "5.1.0"
    version.mkdir(parents=True)
    with pytest.raises(DataMissing, match=r"not prepared.*spectrax\.prepare dataset=imagenet2012"):
        imagenet(tmp_path).prepare()
    (version / "dataset_info.json").write_text("{}")
    (version / "imagenet2012-train.tfrecord-00000-of-01024").write_text("")
    with pytest.raises(DataMissing, match="tfrecord"):
        imagenet(tmp_path).prepare()
    (version / "imagenet2012-train.array_record-00000-of-01024").write_text("")
    assert imagenet(tmp_path).prepare() == version


def test_without_files_and_network_fashion_mnist_fails_at_once(monkeypatch):
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", Path("/nonexistent"))
    monkeypatch.setattr(fashion_mnist, "_ADDRESS", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(DataMissing, match=r"cannot be reached.*spectrax\.prepare dataset=fashion_mnist"):
        fashion_mnist.FashionMnist().examples()
    assert time.monotonic() - began < 30


def test_an_unwritable_data_directory_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataMissing, match="data_dir=PATH"):
        digits(str(tmp_path / "file")).prepare(progress=False)
    for named, told in (
        ("/data", "cannot be prepared in /data/a/b .*data_dir=PATH"),
        ("/own/x", "/own/x cannot be read"),
    ):
        with pytest.raises(DataMissing, match=told), prepared.told_if_unwritable(Path("/data/a/b")):
            raise PermissionError(errno.EACCES, "Permission denied", named)


def picture(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)


def test_transforms_give_the_sizes_they_say():
    rng = np.random.default_rng(0)
    image = picture(40, 60)
    assert transforms.Resize(20)(image, None).shape == (20, 30, 3)
    assert transforms.CentreCrop(32)(image, None).shape == (32, 32, 3)
    assert transforms.CentreCrop(50)(image, None).shape == (50, 50, 3)
    assert transforms.Pad(2)(image, None).shape == (44, 64, 3)
    assert transforms.PadAndCrop(4)(image, rng).shape == image.shape
    for _ in range(20):
        assert transforms.RandomResizedCrop(24)(image, rng).shape == (24, 24, 3)
    assert transforms.RandomResizedCrop(8)(picture(2, 200), rng).shape == (8, 8, 3)


def test_evaluation_rounds_as_torchvision_does():
    assert transforms.Resize(224, kept=0.96)(picture(375, 500), None).shape == (233, 310, 3)
    numbered = np.arange(7)[None, :, None] * np.ones((4, 1, 1), np.uint8)
    np.testing.assert_array_equal(transforms.CentreCrop(4)(numbered, None)[0, :, 0], [2, 3, 4, 5])
    np.testing.assert_array_equal(transforms.CentreCrop(4)(numbered[:, :5], None)[0, :, 0], [0, 1, 2, 3])


def test_a_whole_window_is_a_resize():
    image = picture(30, 30)
    crop = transforms.RandomResizedCrop(16, scale=(1, 1), ratio=(1, 1), methods=("bicubic",))
    np.testing.assert_array_equal(crop(image, np.random.default_rng(0)), transforms.resize(image, (16, 16), "bicubic"))


def test_flip_and_values():
    image = picture(4, 6)
    np.testing.assert_array_equal(transforms.HorizontalFlip(1.0)(image, np.random.default_rng(0)), image[:, ::-1])
    normal = transforms.Normalise([0.5], [0.25])(transforms.ToFloat()(image, None), None)
    np.testing.assert_allclose(normal, (image / 255 - 0.5) / 0.25, atol=1e-6)
    assert normal.dtype == np.float32


def test_an_unknown_resampling_method_is_named():
    with pytest.raises(ConfigError, match=r"'cubist'.*bicubic"):
        transforms.resize(picture(4, 4), (2, 2), "cubist")
