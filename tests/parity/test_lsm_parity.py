"""Latent spectral models against the released code with the same weights: outputs, loss, gradients, running moments."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from lsm_cases import CASES, arrays, fill, thumbnail
from recorded import official_shapes, recorded
from sparing import sparing

from spectrax.core.trees import leaf_paths, merge_module, split_module
from spectrax.importers import lsm as importer
from spectrax.models.lsm import LSM
from spectrax.models.lsm_irregular import LSMIrregular

# Of the outputs' deviation. In training coarse maps are divided by deviations of few values, and rounding grows.
EVALUATED, TRAINED = 1e-5, 5e-5


@functools.cache
def stored(name):
    return recorded(f"lsm_{name}")


def official_state(name):
    """Every learned key of the released model with its array, rebuilt by the rule."""
    shapes = official_shapes(stored(name))
    return {key: fill(key, shape) for key, shape in shapes.items() if "num_batches" not in key}


def make(case):
    kept = {key: value for key, value in case.items() if key not in ("kind", "code", "points", "seed")}
    return (LSMIrregular if case["kind"] == "irregular" else LSM)(**kept, rngs=nnx.Rngs(0))


def filled(name):
    """Graph and trees of the case's model, with the released one's weights."""
    graph, *trees = split_module(nnx.eval_shape(lambda: make(CASES[name])))
    converted = importer.convert(official_state(name))
    paths = {path: leaf.shape for tree in trees for path, leaf in leaf_paths(tree)}
    assert paths == {path: array.shape for path, array in converted.items()}
    return graph, *(_placed(tree, "", converted) for tree in trees)


def _placed(tree, prefix, converted):
    if isinstance(tree, dict):
        return {key: _placed(value, f"{prefix}/{key}" if prefix else key, converted) for key, value in tree.items()}
    return jnp.asarray(converted[prefix])


def inputs(name):
    given = arrays(CASES[name])
    target = given.pop("target")
    return (given if "code" in given else given["input"]), target


def apart(ours, theirs):
    return float(np.max(np.abs(np.asarray(ours) - theirs)) / np.std(theirs))


@pytest.mark.parametrize("name", sparing(CASES, "odd_2d", "irregular", "irregular_undeformed"))
def test_outputs_and_a_training_step(name):
    """Outputs in evaluation and in training, loss, every parameter's gradient by its norm, and running moments."""
    graph, parameters, statistics = filled(name)
    given, target = inputs(name)

    @jax.jit
    def evaluate(parameters, statistics, given):
        return merge_module(graph, parameters, statistics)(given, train=False)

    @jax.jit
    def step(parameters, statistics, given):
        def loss(parameters):
            model = merge_module(graph, parameters, statistics)
            output = model(given, train=True)
            flat = lambda x: x.reshape(x.shape[0], -1)  # noqa: E731
            errors = jnp.linalg.norm(flat(output - target), axis=1) / jnp.linalg.norm(flat(target), axis=1)
            return jnp.sum(errors), (output, split_module(model)[2])

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    assert apart(evaluate(parameters, statistics, given), stored(name)["output"]) < EVALUATED
    (loss, (output, moments)), gradients = step(parameters, statistics, given)
    assert apart(thumbnail(output), stored(name)["trained"]) < TRAINED
    assert float(loss) == pytest.approx(float(stored(name)["loss"]), rel=1e-6)
    check_gradients_and_moments(gradients, moments, stored(name))


def check_gradients_and_moments(gradients, moments, expected):
    ours = {path: float(jnp.linalg.norm(leaf)) for path, leaf in leaf_paths(gradients)}
    named = {key.removeprefix("norm:"): float(norm) for key, norm in expected.items() if key.startswith("norm:")}
    theirs = {importer.path_and_layout(key)[0]: norm for key, norm in named.items()}
    assert not any(ours[path] for path in ours.keys() - theirs.keys())  # the entrance that is not used has none there
    largest = max(theirs.values())
    for path, norm in theirs.items():
        assert abs(ours[path] - norm) < 1e-3 * norm + 1e-6 * largest, (path, ours[path], norm)
    running = {importer.path_and_layout(k[5:])[0]: v for k, v in expected.items() if k.startswith("stat:")}
    for path, leaf in leaf_paths(moments):
        np.testing.assert_allclose(leaf, running[path], rtol=1e-5, atol=1e-6, err_msg=path)


@pytest.mark.parametrize("name", CASES)
def test_the_way_back_to_their_keys_and_layout(name):
    state = official_state(name)
    back = importer.official_state({**importer.convert(state), "normaliser/input/mean": np.zeros(1)})
    assert {key: array.shape for key, array in back.items()} == official_shapes(stored(name))
    for key, array in state.items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)
