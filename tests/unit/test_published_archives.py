"""CIFAR, Flowers and Cars from small archives of exactly the published layout: counted, labelled, nothing trusted."""

import functools
import io
import json
import tarfile

import imagenet_archive as archive
import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image
from scipy.io import savemat

import spectrax
from spectrax import prepare
from spectrax.config.build import build
from spectrax.core.errors import DataMissing
from spectrax.data import cifar, flowers102

COUNTS = {"train": 20, "test": 5}
WORDS = {
    "flowers102": ["dataset.published={train: 4, validation: 2, test: 3}", "dataset.num_classes=3"],
    "cars196": ["dataset.published={train: 5, test: 4}", "dataset.num_classes=3"],
}
CARS = ("Acura RL Sedan 2012", "BMW M3 Coupe 2012", "Ram C/V Cargo Van Minivan 2012")
FLOWER_LABELS = np.array([3, 1, 2, 1, 3, 2, 1, 2, 3])
FLOWER_SETS = {"trnid": [9, 2, 4, 5], "valid": [1, 3], "tstid": [6, 7, 8]}
CAR_LABELS = {"train": [2, 1, 3, 3, 1], "test": [1, 2, 2, 3]}


def pixels(split, number):
    return np.random.default_rng([len(split), number]).integers(0, 256, (32, 32, 3), np.uint8)


def records(split, start, count, label_bytes, classes):
    """As published: labels, then the red, the green and the blue plane."""
    every = b""
    for number in range(start, start + count):
        labels = [number % 7, number % classes][-label_bytes:]
        every += bytes(labels) + pixels(split, number).transpose(2, 0, 1).tobytes()
    return every


def cifar10():
    folder = "cifar-10-batches-bin"
    files = {f"{folder}/batches.meta.txt": "\n".join([*cifar.Cifar10.class_names, "", ""]).encode()}
    for batch in range(5):
        files[f"{folder}/data_batch_{batch + 1}.bin"] = records("train", 4 * batch, 4, 1, 10)
    return {**files, f"{folder}/readme.html": b"<html>", f"{folder}/test_batch.bin": records("test", 0, 5, 1, 10)}


def cifar100():
    folder = "cifar-100-binary"
    return {
        f"{folder}/coarse_label_names.txt": b"people\n",
        f"{folder}/fine_label_names.txt": "".join(f"{name}\n" for name in cifar.Cifar100.class_names).encode(),
        f"{folder}/train.bin": records("train", 0, 20, 2, 100),
        f"{folder}/test.bin": records("test", 0, 5, 2, 100),
    }


def mat(**variables):
    file = io.BytesIO()
    savemat(file, variables)
    return file.getvalue()


def flowers():
    pictures = {f"jpg/image_{number + 1:05d}.jpg": archive.jpeg(number % 4, number) for number in reversed(range(9))}
    sets = {name: np.array([numbers], np.uint16) for name, numbers in FLOWER_SETS.items()}
    labels = mat(labels=FLOWER_LABELS[None].astype(np.uint8))
    return {"102flowers.tgz": archive.tar(pictures, "w:gz"), "imagelabels.mat": labels, "setid.mat": mat(**sets)}


def annotations(labels):
    fields = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")
    rows = [(39, 116, 569, 375, label, f"{number + 1:05d}.jpg") for number, label in enumerate(labels)]
    return mat(annotations=np.array(rows, dtype=[(name, object) for name in fields])[None])


def cars():
    kit = {
        "devkit/cars_meta.mat": mat(class_names=np.array([CARS], object)),
        "devkit/cars_train_annos.mat": annotations(CAR_LABELS["train"]),
        "devkit/README.txt": b"",
    }
    files = {"car_devkit.tgz": archive.tar(kit, "w:gz")}
    files["cars_test_annos_withlabels.mat"] = annotations(CAR_LABELS["test"])
    for split, labels in CAR_LABELS.items():
        pictures = {f"cars_{split}/{n + 1:05d}.jpg": archive.jpeg(n % 4, 30 + n) for n in range(len(labels))}
        files[f"cars_{split}.tgz"] = archive.tar(pictures, "w:gz")
    return files


FILES = {
    "cifar10": lambda: {"cifar-10-binary.tar.gz": archive.tar(cifar10(), "w:gz")},
    "cifar100": lambda: {"cifar-100-binary.tar.gz": archive.tar(cifar100(), "w:gz")},
    "flowers102": flowers,
    "cars196": cars,
}


def write(directory, files):
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return directory


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The data directory with every data set, two of them prepared by the command."""
    data_dir, patch = tmp_path_factory.mktemp("data"), pytest.MonkeyPatch()
    for source in (cifar.Cifar10, cifar.Cifar100):
        patch.setattr(source, "splits", COUNTS)
    for name, make in FILES.items():
        manual_dir = write(tmp_path_factory.mktemp("the owner's files"), make())
        if name in ("cifar10", "flowers102"):  # where manual_dir is the source's, and where it is the data set's
            words = ["loader=grain", f"data_dir={data_dir}", "dataset.image_size=32", *WORDS.get(name, [])]
            assert prepare.run({"dataset": name, "manual_dir": str(manual_dir)}, words) == 0
        else:
            dataset(name, data_dir, manual_dir).prepare(progress=False)
    yield data_dir
    patch.undo()


@functools.cache
def composed(name):
    words = ["loader=grain", f"dataset={name}", "dataset.image_size=32", *WORDS.get(name, [])]
    return OmegaConf.to_container(spectrax.compose("svt_digits", words).dataset)


def dataset(name, data_dir, manual_dir=None, **changes):
    node = {**composed(name), "data_dir": str(data_dir), **changes}
    manual = {"manual_dir": None if manual_dir is None else str(manual_dir)}
    return build(OmegaConf.create(node | ({"source": node["source"] | manual} if "cifar" in name else manual)))


@pytest.mark.parametrize("name, classes", [("cifar10", 10), ("cifar100", 100)])
def test_cifar_has_its_pixels_and_labels(name, classes, prepared):
    data = dataset(name, prepared)
    for split, count in COUNTS.items():
        stored = data.split(split)
        assert len(stored) == count
        for number in range(count):
            np.testing.assert_array_equal(stored[number]["image"], pixels(split, number))
            assert stored[number]["label"] == number % classes
    card = json.loads((data.prepare() / "card.json").read_text())
    assert "Krizhevsky" in card["citation"] and len(card["content_hash"]) == 64


def stored_files(split):
    return [(e["file_name"].decode(), int(e["label"])) for e in (split[i] for i in range(len(split)))]


def test_flowers_lie_in_the_published_splits(prepared):
    data = dataset("flowers102", prepared)
    assert data.spec.class_names == flowers102.CLASS_NAMES[:3] and len(set(flowers102.CLASS_NAMES)) == 102
    for split, numbers in zip(("train", "validation", "test"), FLOWER_SETS.values(), strict=True):
        expected = [(f"image_{n:05d}.jpg", FLOWER_LABELS[n - 1] - 1) for n in sorted(numbers, reverse=True)]
        assert stored_files(data.split(split)) == expected
    picture = data.split("test")[0]["image"]
    np.testing.assert_array_equal(picture, np.asarray(Image.open(io.BytesIO(archive.jpeg(7 % 4, 7)))))
    splits = {"train": "train+validation", "validation": None, "test": "test"}
    joined = dataset("flowers102", prepared, splits=splits)
    assert joined.spec.splits == {"train": 6, "test": 3}
    assert stored_files(joined.split("train")) == stored_files(data.split("train")) + stored_files(
        data.split("validation")
    )


def test_cars_have_the_labels_of_both_files(prepared):
    data = dataset("cars196", prepared)
    assert data.spec.class_names == CARS and data.spec.splits == {"train": 5, "test": 4}
    for split, labels in CAR_LABELS.items():
        assert stored_files(data.split(split)) == [(f"{n + 1:05d}.jpg", c - 1) for n, c in enumerate(labels)]
    assert data.card().content_hash and "Krause" in data.card().citation


@pytest.mark.parametrize("name", FILES)
def test_what_is_missing_is_named_with_its_address(name, tmp_path):
    made = sorted(FILES[name]())
    directory = write(tmp_path / "here", {file: b"" for file in made[1:]})
    with pytest.raises(DataMissing, match=rf"{name} cannot be prepared: not there is\n  {made[0]}: https?://"):
        dataset(name, tmp_path, directory).prepare()
    with pytest.raises(DataMissing, match="manual_dir=DIR"):
        dataset(name, tmp_path).prepare()


def changed(name, file, content):
    return {**FILES[name](), file: content}


def archived(files, **changes):
    return archive.tar({**files, **changes}, "w:gz")


def cut_short():
    return archived({**cifar10(), "cifar-10-batches-bin/data_batch_3.bin": bytes(3000)})


def other_classes():
    return archived({**cifar100(), "cifar-100-binary/fine_label_names.txt": b"apple\n"})


# What is wrong: the data set, the file that is, how it is made, and words of the refusal.
WRONG = {
    "a path that leads out": ("cars196", "cars_train.tgz", lambda: archived({"../1.jpg": b""}), r"holds '\.\./1\.jpg'"),
    "a picture twice": ("flowers102", "102flowers.tgz", lambda: twice("jpg/image_00001.jpg"), "where all should be"),
    "too few pictures": (
        "flowers102", "102flowers.tgz", lambda: archived({"jpg/image_00002.jpg": archive.jpeg(0, 1)}),
        "has 1 pictures for train where 4 are published",
    ),
    "half an archive": ("cars196", "cars_test.tgz", lambda: cars()["cars_test.tgz"][:2000], "is not a whole .tar.gz"),
    "no label": ("cars196", "cars_test.tgz", lambda: archived({"cars_test/00009.jpg": b"x"}), "00009, which has no"),
    "not MATLAB's": ("flowers102", "setid.mat", lambda: b"MATLAB, perhaps", "cannot be read as a MATLAB file"),
    "a crash": ("flowers102", "setid.mat", lambda: crashing(), "cannot be read as a MATLAB file"),
    "no such variable": ("flowers102", "imagelabels.mat", lambda: mat(names=[1]), "holds no numbers called labels"),
    "a split short": ("flowers102", "setid.mat", lambda: mat(trnid=[1], valid=[2], tstid=[3]), "of the 9 pictures"),
    "a batch cut short": ("cifar10", "cifar-10-binary.tar.gz", cut_short, r"data_batch_3\.bin in .* 3,073 bytes"),
    "a wrong checksum": (
        "cifar10", "cifar-10-binary.tar.gz", lambda: archived(cifar10())[:-8] + bytes(8), "is not a whole .tar.gz",
    ),
    "a link": ("cifar100", "cifar-100-binary.tar.gz", lambda: linked(), r"train\.bin, but not as it is published"),
    "other classes": ("cifar100", "cifar-100-binary.tar.gz", other_classes, "names other classes"),
}  # fmt: skip


def crashing():
    """A type that no array has, on which SciPy's reader ends the whole process."""
    content = bytearray(mat(trnid=np.array([["a", "bc"]], object)))
    content[144] = 5
    return bytes(content)


def twice(name):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        for _ in range(2):
            member = tarfile.TarInfo(name)
            made.addfile(member, io.BytesIO())
    return file.getvalue()


def linked():
    file = io.BytesIO(archived({name: content for name, content in cifar100().items() if "train" not in name}))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as made:
        with tarfile.open(fileobj=file) as given:
            for member in given:
                made.addfile(member, given.extractfile(member))
        member = tarfile.TarInfo("cifar-100-binary/train.bin")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(member)
    return out.getvalue()


@pytest.mark.parametrize("wrong", WRONG)
def test_files_that_are_not_the_published_ones_are_refused(wrong, tmp_path):
    name, file, content, words = WRONG[wrong]
    directory = write(tmp_path / "here", changed(name, file, content()))
    with pytest.raises(DataMissing, match=words):
        dataset(name, tmp_path, directory).prepare(progress=False)
    assert not (tmp_path / name / "1.0.0").exists()
