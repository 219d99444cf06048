"""Fourier neural operators against the released codes with the same weights: outputs, loss, gradients, checkpoints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from fno_cases import CASES, arrays, fill
from recorded import official_shapes, recorded

from spectrax.core.errors import CheckpointError
from spectrax.core.trees import leaf_paths, merge_module, path_string, split_module
from spectrax.importers import fno as importer
from spectrax.importers.fno.sizes import model_and_sizes
from spectrax.models.fno_classic import ClassicFNO
from spectrax.models.fno_geo import GeoFNO
from spectrax.models.fno_neuralop import NeuralopFNO

MODELS = {"classic": ClassicFNO, "geo": GeoFNO, "neuralop": NeuralopFNO}
OTHERS = ("kind", "points", "code")  # what is of the case and not of the model
TOLD = ("padding", "norm_groups", "domain_padding", "coordinates")  # what leaves no trace in a checkpoint


def stored(name):
    return recorded(f"fno_{name}")


def official_state(name):
    """Every key of the released model with its array, rebuilt by the rule; counters as they are begun."""
    shapes = official_shapes(stored(name))
    state = {key: fill(key, shape, CASES[name]["kind"]) for key, shape in shapes.items()}
    return {key: np.zeros((), np.int64) if "num_batches" in key else array for key, array in state.items()}


def made(name):
    case = CASES[name]
    options = {key: value for key, value in case.items() if key not in OTHERS}
    return lambda: MODELS[case["kind"]](rngs=nnx.Rngs(0), **options)


def filled(name):
    """Graph and trees of the case's model, with the released one's weights."""
    graph, parameters, statistics = split_module(nnx.eval_shape(made(name)))
    converted = importer.convert(official_state(name))
    assert {path: leaf.shape for path, leaf in leaf_paths(parameters)} == {
        path: array.shape for path, array in converted.items()
    }
    placed = jax.tree_util.tree_map_with_path(lambda path, _: jnp.asarray(converted[path_string(path)]), parameters)
    return graph, placed, statistics


@pytest.mark.parametrize("name", CASES)
def test_output_loss_and_gradients(name):
    graph, parameters, statistics = filled(name)
    given, expected = arrays(CASES[name]), stored(name)
    inputs = {key: given[key] for key in ("input", "code") if key in given} if "code" in given else given["input"]

    @jax.jit
    def run(parameters, inputs, target):
        def loss(parameters):
            output = merge_module(graph, parameters, statistics)(inputs, train=True)
            flat = lambda x: x.reshape(x.shape[0], -1)  # noqa: E731
            norm = lambda x: jnp.sqrt(jnp.sum(flat(x) ** 2, axis=1))  # noqa: E731
            return jnp.sum(norm(output - target) / norm(target)), output

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    (loss, output), gradients = run(parameters, inputs, given["target"])
    # The coordinate network looks at angles of up to 128 pi, where the last digit of a float32 is 3e-5.
    tolerance = 1e-4 if CASES[name].get("deformation") else 1e-5
    assert np.abs(output - expected["output"]).max() < tolerance * expected["output"].std()
    assert abs(float(loss) - expected["loss"]) < 1e-5 * expected["loss"]
    check_gradients(gradients, {key[5:]: float(norm) for key, norm in expected.items() if key.startswith("norm:")})


def check_gradients(gradients, norms):
    """Turned into the released layout, the norm of each; what has none there has a gradient of zeros here."""
    ours = importer.official_state({path: np.asarray(leaf) for path, leaf in leaf_paths(gradients)})
    largest = max(norms.values())
    assert norms.keys() <= ours.keys()
    for key in ours.keys() - unused(ours):
        norm = norms.get(key, 0.0)
        assert abs(np.linalg.norm(ours[key]) - norm) < 1e-4 * norm + 1e-6 * largest, key


def unused(state):
    """Keys of the batch norms that the released 3-D model holds and does not apply."""
    return {key for key in state if key.startswith("bn")}


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_there_and_back(name):
    """All that is learned comes back as it was, under every key that the released model has."""
    state = official_state(name)
    back = importer.official_state(importer.convert(state))
    assert back.keys() == state.keys()
    for key in state.keys() - unused(state):
        np.testing.assert_array_equal(back[key], state[key], err_msg=key)
        assert back[key].dtype == state[key].dtype, key


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_tells_its_sizes(name):
    case = CASES[name]
    kind, axes, sizes = model_and_sizes(official_state(name), coordinates=case.get("coordinates", True))
    assert kind == f"fno_{case['kind']}"
    grid = case.get("grid", case.get("latent_grid"))
    assert axes == len(grid)
    told = {key: case[key] for key in TOLD if key in case}
    named = "latent_grid" if kind == "fno_geo" else "grid"
    made = MODELS[case["kind"]](rngs=nnx.Rngs(0), **{**told, **sizes, named: grid})
    found = {path: leaf.shape for path, leaf in leaf_paths(split_module(made)[1])}
    assert found == {path: array.shape for path, array in importer.convert(official_state(name)).items()}


def without(state, *keys):
    return {key: array for key, array in state.items() if key not in keys}


def test_what_is_no_checkpoint_is_refused():
    classic, library = official_state("classic_2d_odd"), official_state("neuralop_2d")
    with pytest.raises(CheckpointError, match="neither `lifting"):
        importer.convert({"layer4.0.conv1.weight": np.zeros((1, 1, 1, 1))})
    with pytest.raises(CheckpointError, match=r"conv1\.weights has the corners 1 of 2 axes"):
        importer.convert(without(classic, "conv1.weights2"))
    with pytest.raises(CheckpointError, match=r"norm5\.weight is not a key"):
        importer.convert({**classic, "norm5.weight": np.zeros(3)})
    with pytest.raises(CheckpointError, match=r"convs\.0\.weight\.tensor has the shape"):
        importer.convert({**library, "fno_blocks.convs.0.weight.tensor": np.zeros((3, 3))})
    with pytest.raises(CheckpointError, match="deconvolution"):
        importer.official_state({**importer.convert(classic), "deconvolution/kernel": np.zeros(1)})
