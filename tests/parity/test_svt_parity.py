"""SVT against the released code with the same weights: activations, logits, loss, gradients, running statistics."""

import ast
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from svt_cases import CASES, TRAINED, fill, images

from spectrax.core.trees import leaf_paths, merge_module, split_module
from spectrax.importers import svt as importer
from spectrax.models.svt import SVT
from spectrax.tasks.classification import cross_entropy

FIXTURES = Path(__file__).parent / "fixtures"


def stored(name):
    return dict(np.load(FIXTURES / f"svt_{name}.npz", allow_pickle=False))


def official_state(arrays):
    """Every key of the released model with its array, rebuilt by the rule."""
    shapes = dict(line.split("|") for line in arrays["shapes"].tolist())
    kept = {key: ast.literal_eval(shape) for key, shape in shapes.items() if importer.path_and_layout(key)}
    return {key: fill(key, shape) for key, shape in kept.items()}


def built(case):
    """Graph, and the state tree with the case's shapes but no values."""
    sizes = {key: value for key, value in case.items()}
    return split_module(nnx.eval_shape(lambda: SVT(in_channels=3, rngs=nnx.Rngs(0), **sizes)))


def filled(case, arrays):
    graph, parameters, statistics = built(case)
    converted = importer.convert(official_state(arrays))
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


@pytest.mark.parametrize("name", CASES)
def test_logits_and_stage_activations(name):
    case, arrays = CASES[name], stored(name)
    graph, parameters, statistics = filled(case, arrays)
    x = jnp.asarray(images(case)[0].transpose(0, 2, 3, 1))

    @jax.jit
    def run(parameters, statistics, x):
        model = merge_module(graph, parameters, statistics)
        return model(x, train=False), model.features(x, train=False)

    logits, maps = run(parameters, statistics, x)
    for index, stage in enumerate(maps, start=1):
        thumbnail = np.asarray(stage).reshape(stage.shape[0], -1)[:, ::97]
        assert relative(thumbnail, arrays[f"stage{index}"]) < 1e-4, f"stage {index}"
    assert relative(logits, arrays["logits"]) < 1e-4


@pytest.mark.parametrize("name", TRAINED)
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


def test_a_foreign_key_is_refused():
    from spectrax.core.errors import CheckpointError

    with pytest.raises(CheckpointError, match=r"layer4\.0\.conv1\.weight"):
        importer.convert({"layer4.0.conv1.weight": np.zeros((1, 1, 1, 1))})
