"""`spectrax.prepare`: a person's own pictures checked, and what training will see as a picture."""

import json

import numpy as np
import pytest
from command_line import call
from PIL import Image

from spectrax import prepare
from spectrax.core.errors import ConfigError, DataMissing

SIZE = ["dataset.num_classes=2", "dataset.image_size=16", "loader=grain", "data_dir=data"]


@pytest.fixture
def pets(tmp_path):
    """Twelve pictures of two classes, one of them cut short, in a path with a space."""
    for seed, name in enumerate(("cat", "dog")):
        folder = tmp_path / "my pets" / name
        folder.mkdir(parents=True)
        for index in range(6):
            pixels = np.random.default_rng([seed, index]).integers(0, 256, (20, 30, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    bad = tmp_path / "my pets" / "cat" / "3.png"
    bad.write_bytes(bad.read_bytes()[:200])
    return tmp_path / "my pets"


def test_own_pictures_are_checked_and_drawn(pets, tmp_path, data_dir):
    words = ["spectrax.prepare", "dataset=image_folder", f"dataset.image_dir={pets}", *SIZE, "preview=4"]
    code, output = call(words, tmp_path, data_dir)
    assert code == 0, output
    assert "cat/3.png cannot be read" in output and "left out." in output and "Reading" in output
    (index,) = (tmp_path / "data" / "image_folder").glob("*/index.json")
    found = json.loads(index.read_text())
    assert list(found["corrupt"]) == ["cat/3.png"] and found["files"] == 12
    assert f"{sum(json.loads(index.with_name('card.json').read_text())['splits'].values())}" == "11"
    with Image.open(index.with_name("preview_train.png")) as picture:
        assert picture.width > 2 * picture.height  # four in a row


def test_too_many_corrupt_files_end_it(pets, tmp_path):
    words = [f"dataset.image_dir={pets}", *SIZE[:-1], f"data_dir={tmp_path}/data", "dataset.max_corrupt=0"]
    with pytest.raises(DataMissing, match=r"1 corrupt file in .*max_corrupt=0: cat/3\.png") as caught:
        prepare.run({"dataset": "image_folder"}, words)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "keys, said",
    [
        ({"preview": "many"}, "preview=many should be a whole number"),
        ({"preview": "0"}, "preview=0"),
        ({"output": "a.png"}, "output=FILE is for the picture"),
    ],
)
def test_mistakes_are_found_before_anything_is_prepared(tmp_path, keys, said):
    with pytest.raises(ConfigError, match=said):
        prepare.run({"dataset": "digits", **keys}, [f"data_dir={tmp_path}/data"])
    assert not (tmp_path / "data").exists()


def test_a_dataset_that_cannot_be_drawn_says_so():
    with pytest.raises(ConfigError, match="object cannot draw its examples"):
        prepare._previewed({"preview": "8"}, object())


def test_a_preview_goes_where_it_should(tmp_path, capsys):
    words = [f"data_dir={tmp_path}/data"]
    assert prepare.run({"dataset": "digits", "preview": "8", "output": f"{tmp_path}/look/at.png"}, words) == 0
    assert f"Preview: {tmp_path}/look/at.png" in capsys.readouterr().out
    with Image.open(tmp_path / "look" / "at.png") as picture:
        assert picture.format == "PNG"
    assert not (tmp_path / "data" / "digits" / "1.0.0" / "preview_train.png").exists()


def test_an_experiment_alone_names_its_dataset(tmp_path, capsys):
    place = [f"data_dir={tmp_path}/data"]
    for word in ("+experiment=svt_digits", "experiment=svt_digits"):
        assert prepare.run({}, [word, *place]) == 0
        assert f"The dataset of svt_digits is prepared in {tmp_path}/data/digits/1.0.0\n" in capsys.readouterr().out
    with pytest.raises(DataMissing, match=r"cifar10 cannot be prepared.*\n.*cifar-10-binary"):
        prepare.run({"manual_dir": f"{tmp_path}/none"}, ["+experiment=svt_cifar10", *place])
    for words in ([], place, ["experiments=svt_digits"]):
        with pytest.raises(ConfigError, match="dataset=NAME is needed, or"):
            prepare.run({}, words)


def test_nothing_is_said_of_nodes_that_a_dataset_alone_does_not_need(tmp_path):
    with pytest.raises(ConfigError) as caught:
        prepare.run({"dataset": "darcy"}, ["dataset.discretisation=official", f"data_dir={tmp_path}"])
    assert "dataset.source.discretisation" in str(caught.value) and "model" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"darcy takes no manual_dir.* Take dataset=darcy_published\."):
        prepare.run({"dataset": "darcy", "manual_dir": str(tmp_path)}, [])
    with pytest.raises(ConfigError, match=r"lorenz63 takes no manual_dir.* Leave it out\."):
        prepare.run({"dataset": "lorenz63", "manual_dir": str(tmp_path)}, [])


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "flowers102", "cars196"])
def test_the_command_that_an_error_tells_keeps_the_place(name, tmp_path):
    place = f"data_dir={tmp_path}/my data"
    with pytest.raises(DataMissing) as caught:
        prepare.run({"dataset": name}, [place])
    command = f"python -m spectrax.prepare dataset={name} manual_dir=DIR '{place}'"
    assert str(caught.value).endswith(f"run: {command}")
