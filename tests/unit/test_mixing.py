"""Augmentation inside the step: mixup and cutmix with timm's draws, boxes of noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.tasks.classification import Classification
from spectrax.tasks.erasing import ASPECT, erase
from spectrax.tasks.mixing import Mixing, cut_box

KEYS = jax.random.split(jax.random.key(0), 400)


def marked(height=12, width=10):
    """Images that hold the number of their place in the batch, and one-hot targets."""
    images = jnp.broadcast_to(jnp.arange(4.0)[:, None, None, None], (4, height, width, 1))
    return images, jnp.eye(4)


def test_cutmix_corrects_the_target_by_the_area_that_was_cut():
    images, targets = marked()
    mixed, soft = jax.jit(jax.vmap(lambda key: Mixing(cutmix=1.0)(images, targets, key)))(KEYS)
    mixed, soft = np.asarray(mixed[..., 0]), np.asarray(soft)
    first = mixed[:, 0]  # holds 0 or, from its partner, 3
    assert set(np.unique(first)) == {0, 3}
    np.testing.assert_array_equal(first == 3, mixed[:, 3] == 0)
    np.testing.assert_allclose(soft[:, 0, 3], (first == 3).mean((1, 2)), atol=1e-6)
    np.testing.assert_allclose(soft.sum(-1), 1, atol=1e-6)
    for one in first == 3:  # a box: what is cut is a product of rows and columns
        np.testing.assert_array_equal(one, one.any(1)[:, None] & one.any(0))
    assert 0.15 < soft[:, 0, 3].mean() < 0.5


def test_a_box_in_the_middle_has_the_share_that_was_asked_for():
    boxes = jax.vmap(lambda key: cut_box(key, (64, 64), jnp.float32(0.75)))(KEYS)
    sides = np.asarray(boxes).any(2).sum(1), np.asarray(boxes).any(1).sum(1)
    assert max(sides[0]) == max(sides[1]) == 32  # int(64 * sqrt(0.25))
    assert min(sides[0]) == 16  # about the edge, half of it is clipped away


def test_a_batch_is_mixed_cut_or_left_alone_with_the_probabilities_stated():
    images, targets = marked()
    mixing = Mixing(mixup=0.8, cutmix=1.0, probability=0.8, switch=0.25)
    mixed, soft = jax.jit(jax.vmap(lambda key: mixing(images, targets, key)))(KEYS)
    first, part = np.asarray(mixed[:, 0, ..., 0]).reshape(len(KEYS), -1), np.asarray(soft[:, 0, 3])
    whole = np.ptp(first, axis=1) == 0
    even = whole & (part > 0) & (part < 1)  # the same part of the partner in every pixel
    np.testing.assert_allclose(first[even, 0], 3 * part[even], rtol=1e-5)
    assert 0.5 < even.mean() < 0.7  # 0.8 * 0.75
    assert 0.1 < (~whole).mean() < 0.25  # 0.8 * 0.25, but for boxes that were empty
    assert 0.15 < (part == 0).mean() < 0.3


def test_noise_fills_boxes_of_the_images_that_are_drawn():
    images = jnp.full((600, 32, 24, 3), 9.0)
    erased = np.asarray(jax.jit(lambda x: erase(x, 0.25, jax.random.key(1)))(images))
    changed = (erased != 9).any(-1)
    hit = changed.any((1, 2))
    assert 0.19 < hit.mean() < 0.31
    noise = erased[(erased != 9)]
    assert abs(noise.mean()) < 0.02 and abs(noise.std() - 1) < 0.02
    areas, ratios = [], []
    for one in changed[hit]:
        rows, columns = one.any(1), one.any(0)
        np.testing.assert_array_equal(one, rows[:, None] & columns)
        areas.append(one.mean())
        ratios.append(rows.sum() / columns.sum())
    assert 0.01 < min(areas) < 0.06 and 0.25 < max(areas) < 0.36  # of 0.02 to 1/3, sides rounded
    assert ASPECT[0] / 1.4 < min(ratios) < 0.6 and 1.8 < max(ratios) < ASPECT[1] * 1.4
    assert len(np.unique(noise)) > 0.9 * noise.size  # no two images share theirs


def test_all_of_it_in_a_step_follows_from_the_key():
    task = Classification(4, label_smoothing=0.1, mixup=0.8, cutmix=1.0, erasing=0.5)
    batch = {"image": jnp.asarray(np.random.default_rng(0).normal(size=(6, 8, 8, 1))), "label": jnp.arange(6) % 4}

    def sums(inputs, *, train, key):
        return jnp.sum(inputs, (1, 2)) * jnp.arange(4.0)

    losses = [float(task.loss("main", sums, batch, {}, jax.random.key(seed))[0]) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_nonsense_is_refused():
    for name, value in (("mixup", -1), ("cutmix", -0.1), ("mix_probability", 1.5), ("erasing", 2), ("shift", -1)):
        with pytest.raises(ConfigError, match=rf"task\.{name}={value}"):
            Classification(3, **{name: value})
