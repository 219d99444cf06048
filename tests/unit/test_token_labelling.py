"""Token labelling: targets cut from label maps as torchvision's RoI-align would, the loss, and what is refused."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.tasks.token_labelling import TokenLabelling, corrected
from spectrax.tasks.token_targets import axis_weights, dense, of_batch

CLASSES, SIDE = 12, 6


def maps(batch, generator):
    """The best five of all classes at every place, as they are stored."""
    scores = generator.normal(size=(batch, CLASSES, SIDE, SIDE)).astype(np.float16)
    best = np.argsort(-scores, 1)[:, :5]
    return {"label_scores": np.take_along_axis(scores, best, 1), "label_classes": best.astype(np.int16)}


def bilinear(plane, y, x):
    """The value of a map (rows, columns) at a point in units of its places, the first of which has its middle at 0."""
    if not (-1 <= y <= plane.shape[0] and -1 <= x <= plane.shape[1]):
        return 0.0
    total = 0.0
    y, x = (min(max(value, 0.0), size - 1) for value, size in zip((y, x), plane.shape, strict=True))
    for row, part in ((math.floor(y), 1 - y % 1), (min(math.floor(y) + 1, plane.shape[0] - 1), y % 1)):
        for column, other in ((math.floor(x), 1 - x % 1), (min(math.floor(x) + 1, plane.shape[1] - 1), x % 1)):
            total += part * other * plane[row, column]
    return total


def roi_align(plane, box, cells):
    """Sample by sample, by the definition: (cells, cells) of a map, for a box (top, left, bottom, right) in parts."""
    top, left = box[0] * plane.shape[0] - 0.5, box[1] * plane.shape[1] - 0.5
    height, width = (max((box[i + 2] - box[i]) * plane.shape[i], 1.0) / cells for i in (0, 1))
    down, along = math.ceil(height), math.ceil(width)
    found = np.zeros((cells, cells))
    for i, j in np.ndindex(cells, cells):
        points = [(i + (a + 0.5) / down, j + (b + 0.5) / along) for a in range(down) for b in range(along)]
        found[i, j] = np.mean([bilinear(plane, top + y * height, left + x * width) for y, x in points])
    return found


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.1, 0.3, 0.45, 0.95), (0.5, 0.02, 0.6, 0.1), (0.8, 0.7, 1, 1)])
@pytest.mark.parametrize("cells", [1, 4])
def test_two_matrices_are_roi_align(box, cells):
    plane = np.random.default_rng(3).normal(size=(SIDE, SIDE))
    parts = [jnp.array([value], jnp.float32) for value in box]
    down = axis_weights(parts[0], parts[2], SIDE, cells)[0]
    along = axis_weights(parts[1], parts[3], SIDE, cells)[0]
    np.testing.assert_allclose(down @ plane @ along.T, roi_align(plane, box, cells), atol=1e-5)
    mirrored = axis_weights(parts[3], parts[1], SIDE, cells)[0]
    np.testing.assert_array_equal(mirrored, along[::-1])


def test_targets_are_the_softmax_of_what_the_box_cuts_out():
    generator = np.random.default_rng(0)
    batch = {**maps(2, generator), "crop_box": np.array([[0.1, 0.2, 0.9, 0.7], [0, 0.9, 0.5, 0.3]], np.float32)}
    images, tokens = of_batch(batch, CLASSES, (3, 3))
    assert images.shape == (2, CLASSES) and tokens.shape == (2, 9, CLASSES)
    for index, box in enumerate([(0.1, 0.2, 0.9, 0.7), (0, 0.3, 0.5, 0.9)]):
        planes = np.zeros((CLASSES, SIDE, SIDE))
        np.put_along_axis(planes, batch["label_classes"][index].astype(int), batch["label_scores"][index], 0)
        np.testing.assert_array_equal(
            dense(batch["label_scores"], batch["label_classes"], CLASSES)[index], planes.transpose(1, 2, 0)
        )
        cut = np.stack([roi_align(plane, box, 3) for plane in planes], -1)
        if index == 1:
            cut = cut[:, ::-1]
        np.testing.assert_allclose(tokens[index], jax.nn.softmax(cut.reshape(9, CLASSES)), atol=1e-5)
        whole = np.stack([roi_align(plane, box, 1)[0, 0] for plane in planes])
        np.testing.assert_allclose(images[index], jax.nn.softmax(whole), atol=1e-5)


def outputs(batch, tokens, share=0.0):
    generator = np.random.default_rng(1)
    return {
        "logits": jnp.asarray(generator.normal(size=(batch, CLASSES)), jnp.float32),
        "token_logits": jnp.asarray(generator.normal(size=(batch, tokens, CLASSES)), jnp.float32),
        "mixed_share": jnp.float32(share),
    }


def soft_loss(logits, targets):
    return -np.mean(np.sum(np.asarray(targets) * np.asarray(jax.nn.log_softmax(logits)), -1))


@pytest.mark.parametrize("ground_truth", [False, True])
def test_the_loss_with_maps_is_the_formula(ground_truth):
    batch = {**maps(4, np.random.default_rng(2)), "crop_box": np.tile(np.float32([0, 0, 1, 1]), (4, 1))}
    batch |= {"label": jnp.array([1, 2, 3, 4])}
    task = TokenLabelling(CLASSES, label_smoothing=0.1, ground_truth=ground_truth)
    found, off = outputs(4, 9, share=0.25), 0.1 / CLASSES
    images, tokens = (np.asarray(one) * (0.9 + off) + off for one in of_batch(batch, CLASSES, (3, 3)))
    true = np.asarray(task.targets(batch["label"]))
    if ground_truth:
        trust = np.where(images.argmax(-1) == true.argmax(-1), 0.5, 0.9)[:, None]
        images = trust * images + (1 - trust) * true
    images = 0.75 * images + 0.25 * images[::-1]
    expected = soft_loss(found["logits"], images) + 0.5 * soft_loss(found["token_logits"], tokens)
    assert float(task.objective(found, jnp.asarray(true), batch)) == pytest.approx(expected, rel=1e-5)


def test_without_maps_every_token_learns_the_label_of_its_image():
    task = TokenLabelling(CLASSES, label_smoothing=0.1, image_weight=2.0, token_weight=3.0)
    found, true = outputs(2, 4), task.targets(jnp.array([5, 7]))
    expected = 2 * soft_loss(found["logits"], true)
    expected += 3 * soft_loss(found["token_logits"], np.repeat(np.asarray(true)[:, None], 4, 1))
    assert float(task.objective(found, true, {})) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_that_is_right_is_trusted_less():
    soft, true = jnp.array([[0.8, 0.2], [0.8, 0.2]]), jnp.eye(2)
    np.testing.assert_allclose(corrected(soft, true), [[0.9, 0.1], [0.72, 0.28]], atol=1e-6)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match=r"model\.token_label=true"):
        TokenLabelling(3).objective(jnp.zeros((2, 3)), jnp.zeros((2, 3)), {})
    with pytest.raises(ConfigError, match=r"model\.mix_token=true"):
        TokenLabelling(3, cutmix=1.0)
    with pytest.raises(ConfigError, match=r"task\.token_weight=-1"):
        TokenLabelling(3, token_weight=-1)
    with pytest.raises(ConfigError, match="8 tokens"):
        TokenLabelling(CLASSES).objective(outputs(1, 8), jnp.zeros((1, CLASSES)), {"label_scores": 0})
