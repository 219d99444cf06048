"""The classification task: targets, augmentation on the device, metrics over padded batches, figures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.tasks.classification import Classification, cross_entropy, shifted
from spectrax.tasks.mixing import Mixing


class Recalls:
    """A model that answers with logits it was given, whatever it sees."""

    def __init__(self, logits):
        self.logits = jnp.asarray(logits, jnp.float32)

    def __call__(self, inputs, *, train, key):
        return self.logits


def test_smoothed_targets_are_distributions():
    targets = Classification(4, label_smoothing=0.2).targets(jnp.array([1, 3]))
    np.testing.assert_allclose(targets, [[0.05, 0.85, 0.05, 0.05], [0.05, 0.05, 0.05, 0.85]], atol=1e-6)


def test_cross_entropy_is_the_formula():
    generator = np.random.default_rng(0)
    logits, targets = generator.normal(size=(3, 5)).astype(np.float32), generator.dirichlet(np.ones(5), 3)
    expected = [
        -sum(t * np.log(e / np.exp(row).sum()) for t, e in zip(ts, np.exp(row), strict=True))
        for row, ts in zip(logits.astype(float), targets, strict=True)
    ]
    np.testing.assert_allclose(cross_entropy(jnp.asarray(logits), jnp.asarray(targets)), expected, rtol=1e-5)


def test_mixup_mixes_images_and_targets_with_one_weight():
    images = jnp.arange(4.0).reshape(4, 1, 1, 1)
    targets = jax.nn.one_hot(jnp.arange(4), 4)
    mixed, soft = Mixing(mixup=0.8)(images, targets, jax.random.key(3))
    weight = float(soft[0, 0])
    assert 0 < weight < 1
    np.testing.assert_allclose(mixed[:, 0, 0, 0], [weight * i + (1 - weight) * (3 - i) for i in range(4)], rtol=1e-5)
    np.testing.assert_allclose(np.sum(soft, -1), 1, rtol=1e-6)


def test_shifted_images_are_windows_of_the_padded_ones():
    images = jnp.asarray(np.random.default_rng(0).normal(size=(16, 6, 5, 2)), jnp.float32)
    moved = np.asarray(shifted(images, 2, jax.random.key(0)))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    seen = set()
    for index in range(16):
        windows = {
            (i, j) for i in range(5) for j in range(5)
            if np.array_equal(moved[index], padded[index, i : i + 6, j : j + 5])
        }  # fmt: skip
        assert len(windows) == 1
        seen |= windows
    assert len(seen) > 5


def test_metrics_leave_padding_out_and_add_up():
    task = Classification(6)
    logits = np.random.default_rng(1).normal(size=(8, 6)).astype(np.float32)
    labels = np.array([0, 1, 2, 3, 4, 5, 0, 1], np.int32)
    mask = np.array([True] * 6 + [False] * 2)
    batch = {"image": np.zeros((8, 1, 1, 1)), "label": labels, "mask": mask}
    sums = {name: np.asarray(value) for name, value in task.metrics(Recalls(logits), batch).items()}
    assert sums["examples"] == 6 and sums["confusion"].sum() == 6
    metrics = task.reduce(sums)
    right = logits.argmax(1) == labels
    assert metrics["accuracy"] == pytest.approx(right[:6].mean())
    top5 = [label in np.argsort(-row)[:5] for row, label in zip(logits[:6], labels[:6], strict=True)]
    assert metrics["accuracy_top5"] == pytest.approx(np.mean(top5))
    doubled = {name: 2 * value for name, value in sums.items()}
    assert task.reduce(doubled) == pytest.approx(metrics)


def test_of_equal_logits_the_first_are_ahead():
    labels = np.arange(10, dtype=np.int32)
    batch = {"image": np.zeros((10, 1, 1, 1)), "label": labels, "mask": np.ones(10, bool)}
    metrics = Classification(10).reduce(Classification(10).metrics(Recalls(np.zeros((10, 10))), batch))
    assert (metrics["accuracy"], metrics["accuracy_top5"]) == (pytest.approx(0.1), pytest.approx(0.5))


def test_top5_of_few_classes_is_not_reported():
    task = Classification(3)
    batch = {"image": np.zeros((2, 1, 1, 1)), "label": np.array([0, 1], np.int32), "mask": np.array([True, True])}
    assert set(task.reduce(task.metrics(Recalls(np.eye(3)[:2]), batch))) == {"loss", "accuracy"}


def test_many_classes_keep_no_confusion_matrix():
    task = Classification(1000)
    batch = {"image": np.zeros((2, 1, 1, 1)), "label": np.array([0, 1], np.int32), "mask": np.array([True, True])}
    assert "confusion" not in task.metrics(Recalls(np.zeros((2, 1000))), batch)


def test_training_draws_depend_on_the_key_alone():
    task = Classification(4, mixup=0.4, shift=1)
    batch = {"image": jnp.asarray(np.random.default_rng(0).normal(size=(6, 4, 4, 1))), "label": jnp.arange(6) % 4}

    class Sums:
        def __call__(self, inputs, *, train, key):
            return jnp.sum(inputs, (1, 2)) * jnp.arange(4.0)

    losses = [float(task.loss("main", Sums(), batch, {}, jax.random.key(seed))[0]) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_figures_draw_mistakes_and_confusion():
    task = Classification(3, class_names=["a", "b", "c"])
    labels = np.array([0, 1, 2, 0], np.int32)
    batch = {"image": np.random.default_rng(0).normal(size=(4, 5, 5, 1)), "label": labels}
    probabilities = np.eye(3)[[0, 1, 1, 0]] * 0.8 + 0.2 / 3
    totals = {"confusion": np.eye(3) * 2, "examples": 4.0}
    figures = task.figures(lambda _: {"probabilities": probabilities}, batch, totals)
    assert set(figures) == {"predictions", "confusion"}
    titles = [axes.get_title() for axes in figures["predictions"].axes]
    assert titles[0].startswith("b") and "is c" in titles[0]
    assert "1 mistake in 4" in figures["predictions"].get_suptitle()


def test_nonsense_is_refused():
    with pytest.raises(ConfigError, match=r"task\.label_smoothing"):
        Classification(3, label_smoothing=1.0)
    with pytest.raises(ConfigError, match=r"task\.class_names has 2 names for 3"):
        Classification(3, class_names=["a", "b"])
