"""RandAugment: each operation against its formula, and how often and how strongly they are drawn."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from spectrax.core.errors import ConfigError
from spectrax.data.rand_augment import OPERATIONS, Draw, RandAugment

FILL = (124, 116, 104)


@pytest.fixture(scope="module")
def photograph():
    return load_sample_images().images[0][100:164, 100:180]


def done(name, image, level, sign=1.0):
    draw = Draw(level, sign, FILL, Image.Resampling.NEAREST)
    return np.asarray(OPERATIONS[name](Image.fromarray(image), draw)).astype(int)


def test_there_are_fifteen_and_all_keep_size_and_type(photograph):
    assert len(OPERATIONS) == 15
    for name in OPERATIONS:
        for level in (0.0, 0.9, 1.0):
            assert done(name, photograph, level).shape == photograph.shape
    assert not done("posterize", photograph, 1.0).any()


@pytest.mark.parametrize(
    "name", ["rotate", "color", "contrast", "brightness", "shear_x", "translate_y", "solarize_add"]
)
def test_without_strength_nothing_happens(photograph, name):
    np.testing.assert_array_equal(done(name, photograph, 0.0), photograph)


def test_tone_operations_are_their_formulas(photograph):
    pixels = photograph.astype(int)
    np.testing.assert_array_equal(done("invert", photograph, 0.9), 255 - pixels)
    np.testing.assert_array_equal(done("posterize", photograph, 0.9), pixels & 0b10000000)
    np.testing.assert_array_equal(done("solarize", photograph, 0.5), np.where(pixels < 128, pixels, 255 - pixels))
    added = np.where(pixels < 128, np.minimum(255, pixels + 99), pixels)
    np.testing.assert_array_equal(done("solarize_add", photograph, 0.9), added)
    np.testing.assert_allclose(done("brightness", photograph, 0.5, -1.0), pixels * 0.55, atol=1)
    np.testing.assert_allclose(done("brightness", photograph, 1.0, -1.0), pixels * 0.1, atol=1)


def test_what_moves_in_has_the_fill_colour(photograph):
    moved = done("translate_x", photograph, 1.0)
    np.testing.assert_array_equal(moved[:, :44], photograph[:, 36:])
    assert (moved[:, 44:] == FILL).all()
    assert (done("rotate", photograph, 1.0)[0, 0] == FILL).all()


def test_operations_are_drawn_with_half_probability_and_repeatably(photograph):
    augment = RandAugment()
    seen = [augment(photograph, np.random.default_rng(seed)) for seed in range(200)]
    untouched = sum(np.array_equal(image, photograph) for image in seen)
    assert 30 <= untouched <= 75  # a quarter, and what changes nothing
    np.testing.assert_array_equal(seen[3], augment(photograph, np.random.default_rng(3)))


def test_strengths_scatter_around_the_magnitude():
    rng = np.random.default_rng(0)
    draws = [RandAugment()._draw(rng) for _ in range(2000)]
    levels = np.array([draw.level for draw in draws])
    assert abs(levels.mean() - 0.9) < 0.01 and 0.04 < levels.std() < 0.055 and levels.max() <= 1
    assert abs(np.mean([draw.sign for draw in draws])) < 0.1 and len({draw.method for draw in draws}) == 2


def test_what_it_cannot_take_is_a_sentence(photograph):
    with pytest.raises(ConfigError, match="before ToFloat"):
        RandAugment()(photograph.astype(np.float32), np.random.default_rng(0))
    with pytest.raises(ConfigError, match="magnitude=11"):
        RandAugment(magnitude=11)
