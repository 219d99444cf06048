"""T1 and T1U against the released code with the same weights: outputs, loss, gradients, running and initial moments."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from recorded import official_shapes, recorded
from t1_cases import CASES, INIT, T1_CASES, T1U_CASES, TRAINED, fields, fill, thumbnail

from spectrax.core.errors import CheckpointError
from spectrax.core.trees import abstract_module, leaf_paths, merge_module, parameter_count, split_module
from spectrax.importers import t1 as importer
from spectrax.importers.t1 import sizes
from spectrax.models.t1 import T1
from spectrax.models.t1u import T1U
from spectrax.ops import cosine

BAR = 3e-5  # of the deviation of the output: the released code's own results in float64 are up to 2.2e-5 away


def stored(name):
    return recorded(f"t1_{name}")


def official_state(arrays):
    """Every learned key of the released model with its array, rebuilt by the rule."""
    return {key: fill(key, shape) for key, shape in official_shapes(arrays).items() if importer.path_and_layout(key)}


def filled(name, arrays):
    """Graph and trees of the case's model, with the released one's weights."""
    kind = T1U if name in T1U_CASES else T1
    model = abstract_module(functools.partial(kind, **CASES[name]))
    graph, parameters, statistics = split_module(model)
    converted = importer.convert(official_state(arrays))
    paths = {path: leaf.shape for tree in (parameters, statistics) for path, leaf in leaf_paths(tree)}
    assert paths == {path: array.shape for path, array in converted.items()}
    return graph, _placed(parameters, "", converted), _placed(statistics, "", converted)


def _placed(tree, prefix, converted):
    if isinstance(tree, dict):
        return {key: _placed(value, f"{prefix}/{key}" if prefix else key, converted) for key, value in tree.items()}
    return jnp.asarray(converted[prefix])


def channels_last(array):
    return jnp.asarray(array.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("name", CASES)
def test_outputs(name):
    arrays = stored(name)
    graph, parameters, statistics = filled(name, arrays)
    run = jax.jit(lambda p, s, x: merge_module(graph, p, s)(x, train=False))
    output = np.asarray(run(parameters, statistics, channels_last(fields(CASES[name])[0])))
    difference = np.abs(thumbnail(output.transpose(0, 3, 1, 2)) - arrays["output"]).max()
    assert difference < BAR * float(arrays["deviation"]), difference / float(arrays["deviation"])


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_step(name):
    """Relative L2, of coefficients where the output is those; the norm of every gradient; BatchNorm's moments."""
    case, arrays = CASES[name], stored(name)
    graph, parameters, statistics = filled(name, arrays)
    x, target = map(channels_last, fields(case))
    if case["output"] == "spectrum":
        target = cosine.dctn(target, norm="ortho")

    @jax.jit
    def run(parameters, statistics, x):
        def loss(parameters):
            model = merge_module(graph, parameters, statistics)
            norm = lambda array: jnp.sqrt(jnp.sum(array**2, (1, 2, 3)))  # noqa: E731
            value = jnp.mean(norm(model(x, train=True) - target) / norm(target))
            return value, split_module(model)[2]

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    (loss, moments), gradients = run(parameters, statistics, x)
    assert abs(float(loss) - float(arrays["loss"])) < 1e-6 * float(arrays["loss"])
    ours = {path: float(jnp.linalg.norm(leaf)) for path, leaf in leaf_paths(gradients)}
    theirs = {
        importer.path_and_layout(key[5:])[0]: float(value) for key, value in arrays.items() if key.startswith("norm:")
    }
    assert ours.keys() == theirs.keys()
    largest = max(theirs.values())
    for path, norm in theirs.items():
        # A bias before a normalisation has no gradient in exact arithmetic; what is left there is rounding.
        assert abs(ours[path] - norm) < 1e-4 * norm + 1e-6 * largest, path
    running = {importer.path_and_layout(k[5:])[0]: v for k, v in arrays.items() if k.startswith("stat:")}
    for path, leaf in leaf_paths(moments):
        np.testing.assert_allclose(leaf, running[path], rtol=1e-5, atol=1e-6, err_msg=path)


def test_initial_deviations_are_those_of_the_released_formulas():
    theirs = stored("init")["deviations"]
    options = {**T1_CASES["gelu"], **INIT}
    for number, row in enumerate(theirs, start=1):
        model = T1(**options, weight_init=number, rngs=nnx.Rngs(0))
        layer = model.layers[0]
        found = [layer.across_channels, layer.across_rows, layer.across_columns, model.expand, model.contract]
        ours = [float(jnp.std(parameter[...])) for parameter in found]
        # 16,384, 1,024, 1,024, 2,048 and 128 draws on either side: four standard errors of their difference.
        np.testing.assert_array_less(np.abs(np.array(ours) / row - 1), 4 / np.sqrt([16384, 1024, 1024, 2048, 128]))


@pytest.mark.parametrize("name", CASES)
def test_sizes_are_found_from_keys_and_shapes_and_the_way_back_is_whole(name):
    arrays, case = stored(name), CASES[name]
    state = official_state(arrays)
    model, found = sizes.model_sizes(state)
    assert model == ("t1u_2d" if name in T1U_CASES else "t1_2d")
    expected = {key: case[key] for key in case.keys() & found.keys()}
    if model == "t1_2d":
        expected |= {"modes": [case["modes"]] * 2, "head": 128}
    assert found == expected
    back = importer.official_state(importer.convert(state))
    assert {key: np.shape(array) for key, array in back.items()} == official_shapes(arrays)
    assert all((back[key] == array).all() for key, array in state.items())


# Measured on the released code.
COUNTS = [
    (T1, {"grid": [64, 64], "modes": 24, "width": 48, "depth": 8}, 1, 11_065_664),
    (T1, {"grid": [128, 128], "modes": 64, "width": 48, "depth": 6}, 3, 58_989_216),
    (T1, {"grid": [128, 128], "modes": 100, "width": 24, "depth": 6}, 3, 37_443_600),
    (T1U, {"grid": [64, 64], "modes": 24, "channel_exponent": 6}, 1, 10_230_989),
    (T1U, {"grid": [64, 64], "modes": 24, "channel_exponent": 5}, 1, 2_568_013),
    (T1U, {"grid": [128, 128], "modes": 100, "channel_exponent": 6}, 3, 13_167_185),
]


@pytest.mark.parametrize("kind, options, channels, expected", COUNTS)
def test_published_parameter_counts(kind, options, channels, expected):
    sizes = {"in_channels": channels, "out_channels": channels}
    model = abstract_module(functools.partial(kind, **options, **sizes))
    assert parameter_count(split_module(model)[1]) == expected


def test_the_parameter_count_of_the_video_network():
    """Two frames of context, and a rectangular frame."""
    sizes = {"grid": [1062, 600], "in_channels": 2, "out_channels": 1, "modes": 384, "channel_exponent": 7}
    model = abstract_module(functools.partial(T1U, **sizes))
    assert parameter_count(split_module(model)[1]) == 56_458_773


@pytest.mark.parametrize(
    "change, said",
    [
        ({"fc0.weight": None}, "fc0.weight is missing"),
        (
            {"layers.1.ch_mixing_1": None, "layers.1.spatial_mixing_1": None, "layers.1.spatial_mixing_2": None},
            "layers.1",
        ),
        ({"fc2": np.zeros(3, np.float32)}, r"fc2 has the shape \[3\]"),
    ],
)
def test_what_is_no_checkpoint_of_t1_is_said(change, said):
    state = {**official_state(stored("gelu")), **change}
    with pytest.raises(CheckpointError, match=said):
        importer.overrides({key: array for key, array in state.items() if array is not None}, [])
    with pytest.raises(CheckpointError, match=r"conv1\.weight is not a key"):
        importer.convert({"conv1.weight": np.zeros(1)})
