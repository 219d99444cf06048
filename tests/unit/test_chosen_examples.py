"""Some classes of a data set, and a number of its training examples."""

from pathlib import Path

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.data import prepared
from spectrax.data.chosen_examples import Choice
from spectrax.data.digits import Digits
from spectrax.data.images import Images
from spectrax.data.transforms import ToFloat

LABELS = {"train": np.repeat(np.arange(4), 6)[np.random.default_rng(0).permutation(24)], "test": np.arange(8) % 4}


class Squares:
    """Images of one grey, which tells the place of the example."""

    name, version, shape, maximum, balanced = "squares", "1.0.0", (2, 2, 1), 255, True
    splits, class_names = {"train": 24, "test": 8}, tuple("abcd")

    def examples(self):
        def images(count):
            return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, *self.shape))

        return {name: (images(len(labels)), labels) for name, labels in LABELS.items()}

    def card(self, content_hash):
        return Digits().card(content_hash)


def squares(data_dir, num_classes=2, source=None, **choice):
    plain = {"train": (ToFloat(),), "evaluate": (ToFloat(),), "image_size": 2, "channels": 1}
    return Images(source=source or Squares(), data_dir=str(data_dir), num_classes=num_classes, **plain, **choice)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    dataset = squares(directory, classes=[3, 1], train_examples=5)
    assert dataset.prepare(progress=False) == squares(directory, 4).prepare(progress=False)
    return directory


def numbers(examples):
    return [(int(np.ravel(example["image"])[0]), int(example["label"])) for example in examples]


def test_the_first_of_each_class_evenly_and_renumbered(data_dir):
    dataset = squares(data_dir, classes=[3, 1], train_examples=5)
    assert dataset.spec.splits == {"train": 5, "test": 4}  # known without data
    ones, threes = (np.flatnonzero(LABELS["train"] == label) for label in (1, 3))
    expected = sorted([*((place, 1) for place in ones[:3]), *((place, 0) for place in threes[:2])])
    other = sorted([*((place, 1) for place in ones[:2]), *((place, 0) for place in threes[:3])])
    found = numbers(dataset.stored("train"))
    assert found in (expected, other)
    split = dataset.split("train")
    assert numbers(split[index] for index in range(len(split))) == found == numbers(split.__getitems__(range(5)))
    assert numbers(dataset.stored("test")) == [(place, 1 - place % 4 // 2) for place in (1, 3, 5, 7)]


def test_without_a_choice_nothing_changes(data_dir):
    dataset = squares(data_dir, 4)
    assert dataset.spec.splits == Squares.splits
    assert numbers(dataset.split("train").__getitems__(range(24))) == list(enumerate(LABELS["train"]))
    assert len(squares(data_dir, 4, train_examples=7).split("train")) == 7
    assert isinstance(dataset.prepare(), Path) and prepared.read_card(dataset.directory)["content_hash"]


@pytest.mark.parametrize(
    "choice, words",
    [
        ({"classes": [0, 0]}, "different numbers from 0 to 3"),
        ({"classes": [0, 4]}, "different numbers from 0 to 3"),
        ({"classes": [0, 1, 2]}, r"Set dataset\.num_classes=3"),
        ({"classes": [0, 1], "train_examples": 13}, "train_examples=13, but there are 12"),
        ({"train_examples": 0}, "must be at least 1"),
        ({"classes": [0, 1], "source": Digits()}, "equally many examples of each class"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(choice, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        squares(tmp_path, **choice)


def test_a_choice_is_even_where_examples_divide():
    rows = Choice(None, 12).rows("train", LABELS["train"])
    assert np.bincount(LABELS["train"][rows]).tolist() == [3, 3, 3, 3]
