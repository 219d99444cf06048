"""SVT against the released code with the same weights: activations, logits, loss, gradients, running statistics."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from recorded import official_shapes, recorded
from sparing import sparing
from svt_cases import BOX, CASES, MIXED, TOKENS, TRAINED, fill, images, token_labels

from spectrax.core.trees import abstract_module, leaf_paths, merge_module, split_module
from spectrax.importers import svt as importer
from spectrax.models.svt import SVT
from spectrax.tasks.classification import cross_entropy
from spectrax.tasks.token_labelling import TokenLabelling


def stored(name):
    return recorded(f"svt_{name}")


def official_state(arrays):
    """Every key of the released model with its array, rebuilt by the rule."""
    kept = {key: shape for key, shape in official_shapes(arrays).items() if importer.path_and_layout(key)}
    kept |= {f"aux_head.{name}": kept[f"head.{name}"] for name in ("weight", "bias")}
    return {key: fill(key, shape) for key, shape in kept.items()}


def filled(case, arrays, **options):
    """Graph and trees of the case's model, with the released one's weights."""
    model = abstract_module(functools.partial(SVT, in_channels=3, **case, **options))
    graph, parameters, statistics = split_module(model)
    state = official_state(arrays)
    if not case["token_label"]:
        state = {key: array for key, array in state.items() if not key.startswith("aux_head")}
    converted = importer.convert(state)
    paths = {path: leaf.shape for tree in (parameters, statistics) for path, leaf in leaf_paths(tree)}
    assert paths == {path: array.shape for path, array in converted.items()}
    place = lambda tree: _placed(tree, "", converted)  # noqa: E731
    return graph, place(parameters), place(statistics)


def _placed(tree, prefix, converted):
    if isinstance(tree, dict):
        return {key: _placed(value, f"{prefix}/{key}" if prefix else key, converted) for key, value in tree.items()}
    return jnp.asarray(converted[prefix])


def relative(ours, theirs):
    return float(np.max(np.abs(np.asarray(ours) - theirs)) / np.max(np.abs(theirs)))


@pytest.mark.parametrize("name", sparing(CASES, "channel_2_64_tokens", "channel_token_2_96"))
def test_logits_of_both_kinds_of_head_and_stage_activations(name):
    """The model has a token head, whose weights a plain one lacks; its logits without that head are the plain one's."""
    case, arrays = {**CASES[name], "token_label": True}, stored(name)
    graph, parameters, statistics = filled(case, arrays)
    x = jnp.asarray(images(case)[0].transpose(0, 2, 3, 1))

    @jax.jit
    def run(parameters, statistics, x):
        model = merge_module(graph, parameters, statistics)
        maps = model.features(x, train=False)
        return maps, model.classify(maps[-1], train=False), model.classify(maps[-1], train=True)["logits"]

    maps, with_tokens, plain = run(parameters, statistics, x)
    for index, stage in enumerate(maps, start=1):
        thumbnail = np.asarray(stage).reshape(stage.shape[0], -1)[:, ::97]
        assert relative(thumbnail, arrays[f"stage{index}"]) < 1e-4, f"stage {index}"
    own, other = (with_tokens, plain) if CASES[name]["token_label"] else (plain, with_tokens)
    assert relative(own, arrays["logits"]) < 1e-4
    assert relative(other, arrays["other_logits"]) < 1e-4


@pytest.mark.parametrize("name", sparing(TRAINED, "channel_1_64", "channel_2_64_large"))
def test_a_training_step(name):
    """Loss, the norm of every parameter's gradient, and BatchNorm's running moments after one step."""
    case, arrays = CASES[name], stored(name)
    graph, parameters, statistics = filled(case, arrays)
    x, targets = images(case)

    @jax.jit
    def run(parameters, statistics, x):
        def loss(parameters):
            model = merge_module(graph, parameters, statistics)
            value = jnp.mean(cross_entropy(model(x, train=True), targets))
            return value, split_module(model)[2]

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    (loss, moments), gradients = run(parameters, statistics, jnp.asarray(x.transpose(0, 2, 3, 1)))
    assert abs(float(loss) - float(arrays["loss"])) < 1e-5 * abs(float(arrays["loss"]))
    check_gradients_and_moments(gradients, moments, arrays)


def check_gradients_and_moments(gradients, moments, arrays):
    ours = {path: float(jnp.linalg.norm(leaf)) for path, leaf in leaf_paths(gradients)}
    keys = [key.removeprefix("norm:") for key in arrays if key.startswith("norm:")]
    theirs = {importer.path_and_layout(key)[0]: float(arrays[f"norm:{key}"]) for key in keys}
    assert ours.keys() == theirs.keys()
    largest = max(theirs.values())
    for path, norm in theirs.items():
        # A key's bias has no gradient in exact arithmetic; what is left there is rounding of the largest ones.
        assert abs(ours[path] - norm) < 1e-3 * norm + 1e-6 * largest, path
    running = {importer.path_and_layout(k[5:])[0]: v for k, v in arrays.items() if k.startswith("stat:")}
    for path, leaf in leaf_paths(moments):
        np.testing.assert_allclose(leaf, running[path], rtol=1e-5, atol=1e-6, err_msg=path)


def token_labelling(outputs, targets):
    """Our loss for the released code's form of targets: of images, or of the truth, the image and its tokens."""
    if targets.ndim == 2:
        return TokenLabelling(10).weighed(outputs, targets, targets[:, None])
    return TokenLabelling(10).weighed(outputs, targets[:, :, 1], jnp.moveaxis(targets[:, :, 2:], 1, 2))


def test_a_training_step_with_mixed_tokens_and_token_labels():
    """Outputs, both forms of the loss, gradients and running moments, with the box given on both sides."""
    arrays = stored("mixed")
    graph, parameters, statistics = filled(MIXED, arrays, mix_token=True)
    x, of_images = images(MIXED)

    @jax.jit
    def run(parameters, statistics, x):
        def loss(parameters):
            model = merge_module(graph, parameters, statistics)
            outputs = model(x, train=True, box=jnp.asarray(BOX))
            return token_labelling(outputs, token_labels(MIXED)), (outputs, split_module(model)[2])

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    (loss, (outputs, moments)), gradients = run(parameters, statistics, jnp.asarray(x.transpose(0, 2, 3, 1)))
    assert float(outputs["mixed_share"]) == pytest.approx(4 / TOKENS)
    assert relative(outputs["logits"], arrays["logits"]) < 1e-4
    assert relative(outputs["token_logits"], arrays["token_logits"]) < 1e-4
    for value, name in ((loss, "loss"), (token_labelling(outputs, jnp.asarray(of_images)), "loss_of_images")):
        assert abs(float(value) - float(arrays[name])) < 1e-5 * abs(float(arrays[name])), name
    check_gradients_and_moments(gradients, moments, arrays)


def test_a_foreign_key_is_refused():
    from spectrax.core.errors import CheckpointError

    with pytest.raises(CheckpointError, match=r"layer4\.0\.conv1\.weight"):
        importer.convert({"layer4.0.conv1.weight": np.zeros((1, 1, 1, 1))})
