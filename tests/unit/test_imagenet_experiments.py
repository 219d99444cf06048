"""ImageNet's recipes: the whole resolved config as a golden file, how they differ, and what decays.

After a change that is meant, write the golden file anew: python tests/unit/test_imagenet_experiments.py
"""

from pathlib import Path

import jax
import numpy as np
import pytest
from omegaconf import OmegaConf

import spectrax
from spectrax.config.build import build, partial
from spectrax.core.errors import DataMissing
from spectrax.core.trees import abstract_module, leaf_paths, split_module
from spectrax.data.views import View

GOLDEN = Path(__file__).parent / "golden" / "svt_imagenet.yaml"


def resolved(name, *words):
    return OmegaConf.to_container(spectrax.compose(name, ["data_dir=data", "run_dir=run", *words]))


def test_the_recipe_is_the_golden_one():
    assert resolved("svt_imagenet") == OmegaConf.to_container(OmegaConf.load(GOLDEN))


def changed(one, other, path=""):
    """Dotted keys whose values differ, or that only one has."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return set() if one == other else {path}
    keys = {*one, *other}
    return {key for name in keys for key in changed(one.get(name), other.get(name), f"{path}.{name}".lstrip("."))}


SIZES = {f"model.{name}" for name in ("stem_width", "dims", "heads", "depths")}


@pytest.mark.parametrize(
    "name, expected",
    [
        ("svt_imagenet_b", SIZES),
        ("svt_imagenet_l", SIZES | {"model.drop_path", "optimizer.clip_norm", "trainer.optimizer.clip_norm"}),
        (
            "svt_imagenet_plain",
            {"model.token_label", "model.mix_token", "dataset.label_maps", "task._target_", "task.mixup", "task.cutmix"}
            | {"task.image_weight", "task.token_weight", "task.ground_truth"},
        ),
    ],
)
def test_the_others_differ_in_nothing_else(name, expected):
    assert changed(resolved("svt_imagenet"), resolved(name)) == expected | {"experiment"}


def test_the_smoke_experiment_runs_the_same_recipe():
    """It changes sizes, data and how often things are said; what the recipe is made of stays."""
    one, other = resolved("svt_imagenet"), resolved("svt_imagenet_smoke")
    for key in ("task", "schedule", "optimizer"):
        assert {**other[key], "num_classes": 1000} == {**one[key], "num_classes": 1000}
    kinds = lambda found: [step["_target_"] for split in ("train", "evaluate") for step in found["dataset"][split]]  # noqa: E731
    assert kinds(one) == kinds(other)
    assert other["model"]["mix_token"] and other["dataset"]["label_maps"] and other["trainer"]["average"]
    assert other["loader"]["repeats"] > 1 and other["dataset"]["image_size"] >= 96


def test_everything_decays_that_has_more_axes_and_is_no_bias_of_a_layer():
    """As the released optimizer's groups: the biases of the wavelet mixing decay, since they have two axes."""
    config = spectrax.compose("svt_imagenet", [])
    _, parameters, _ = split_module(abstract_module(partial(config.model)))
    mask = build(config.optimizer).decay_mask(parameters)
    for path, decays in leaf_paths(mask):
        assert decays == (path.rpartition("/")[2] not in ("bias", "scale")), path
    decayed = [path for path, decays in leaf_paths(mask) if decays]
    assert {"gate", "first_bias", "kernel"} <= {path.rpartition("/")[2] for path in decayed}


def test_evaluation_resizes_to_233_and_takes_the_middle():
    dataset = build(spectrax.compose("svt_imagenet_plain", []).dataset)
    picture = np.zeros((466, 600, 3), np.uint8)
    picture[9:457, 76:524] = 255  # what 224 of 233 pixels show of it
    seen = dataset.transform("validation", {"image": picture, "label": 1}, None)["image"]
    assert seen.shape == (224, 224, 3)
    white = (1 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(seen[2:-2, 2:-2], np.broadcast_to(white, (220, 220, 3)), atol=0.02)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    words = [f"data_dir={tmp_path_factory.mktemp('data')}", "dataset.published={train: 24, validation: 8}"]
    dataset = build(spectrax.compose("svt_imagenet_smoke", words).dataset)
    dataset.prepare(progress=False)
    return dataset


def test_the_sample_has_the_layout_of_the_official_archives(sample):
    assert sample.spec.splits == {"train": 24, "validation": 8}
    examples = [sample.split("train")[index] for index in range(24)]
    assert np.bincount([example["label"] for example in examples]).tolist() == [3] * 8
    assert len({example["image"].tobytes() for example in examples}) == 24
    assert sample.spec.class_names[0] == "china, upper left" and sample.card().name == "imagenet_sample"


def test_an_example_comes_with_its_map_and_box(sample):
    stored = sample.split("train")[5]
    seen = [sample.transform("train", stored, np.random.default_rng(seed)) for seed in range(6)]
    fields = sample.spec.fields
    assert {name: (seen[0][name].shape, seen[0][name].dtype.name) for name in fields} == {
        name: (field.shape, field.dtype) for name, field in fields.items()
    }
    assert all((one["label_classes"][0, 9, 9], one["label"]) == (stored["label"],) * 2 for one in seen)
    boxes = np.stack([one["crop_box"] for one in seen])
    assert len(np.unique(boxes[:, 0])) > 3 and (boxes[:, 1] > boxes[:, 3]).any() and (boxes[:, 1] < boxes[:, 3]).any()
    # Looked at without chance, and at evaluation, nothing is learnt from it.
    for split, rng in (("validation", None), ("train", None)):
        assert not sample.transform(split, stored, rng)["label_scores"].any()


def test_without_label_maps_one_sentence_says_what_to_do(sample, tmp_path):
    words = [f"data_dir={tmp_path}", "dataset.published={train: 24, validation: 8}"]
    config = spectrax.compose("svt_imagenet_smoke", words)
    config.dataset._target_ = "spectrax.data.imagenet2012.Imagenet2012"
    config.dataset.data_dir = str(sample.prepare().parents[1])
    with pytest.raises(DataMissing, match=rf"not in {tmp_path}/\S+\. Unpack .* there, .*dataset\.label_maps=null"):
        build(config.dataset).prepare()
    config.dataset.label_maps = None
    dataset = build(config.dataset)
    dataset.prepare()
    assert set(dataset.transform("train", dataset.split("train")[0], np.random.default_rng(0))) == {"image", "label"}


def test_a_map_that_is_missing_is_named(sample):
    with pytest.raises(DataMissing, match="no label map of n1_7"):
        sample._label_maps.seen(b"n1_7.JPEG", View())


def test_the_loss_of_a_real_batch_is_that_of_tokens_with_labels(sample):
    """Targets of the maps are what the task computes with: another map, another loss."""
    stored = [sample.split("train")[index] for index in range(4)]
    examples = [sample.transform("train", one, np.random.default_rng(3)) for one in stored]
    batch = {name: np.stack([example[name] for example in examples]) for name in examples[0]}
    task = build(spectrax.compose("svt_imagenet_smoke", []).task)
    generator = np.random.default_rng(0)
    outputs = {
        "logits": generator.normal(size=(4, 8)).astype(np.float32),
        "token_logits": generator.normal(size=(4, 16, 8)).astype(np.float32),
        "mixed_share": np.float32(0.25),
    }
    loss = jax.jit(lambda batch: task.loss("main", lambda *_, **__: outputs, batch, {}, jax.random.key(0))[0])
    moved = {**batch, "label_classes": (batch["label_classes"] + 1) % 8}
    unmapped = {name: batch[name] for name in ("image", "label")}
    losses = [float(loss(one)) for one in (batch, batch, moved, unmapped)]
    assert losses[0] == losses[1] and len({round(value, 4) for value in losses}) == 3


if __name__ == "__main__":
    GOLDEN.write_text("# `svt_imagenet`, resolved.\n" + OmegaConf.to_yaml(OmegaConf.create(resolved("svt_imagenet"))))
