"""Learned Koopman models against released code with the same weights: outputs, losses, gradients, and the way back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from koopman_cases import (
    BATCH,
    CONSISTENT,
    INFORMATION,
    RADIUS,
    SIGNS,
    TEMPERATURE,
    WEIGHTS,
    fill,
    thumbnail,
    trajectories,
)
from recorded import official_shapes, recorded

from spectrax.core.errors import CheckpointError
from spectrax.core.trees import leaf_paths, merge_module, parameter_count, split_module
from spectrax.importers import consistent_koopman, information_koopman
from spectrax.importers.consistent_koopman import sizes as consistent_sizes
from spectrax.importers.information_koopman import sizes as information_sizes
from spectrax.models.consistent_koopman import ConsistentKoopman
from spectrax.models.information_koopman import InformationKoopman
from spectrax.tasks.consistent_koopman import ConsistentKoopmanTask
from spectrax.tasks.information_koopman import InformationKoopmanTask

# The perceptrons that stand in for convolutions have no released names.
STAND_IN = {"ENCODER": "encoder", "DECODER": "decoder", "first": "layers/0", "last": "layers/1", "weight": "kernel"}


def official_state(arrays):
    return {key: fill(key, shape) for key, shape in official_shapes(arrays).items()}


def loaded(make, weights):
    """Graph and trees of a model with converted weights in all their places."""
    graph, parameters, statistics = split_module(nnx.eval_shape(make))
    paths = {path: leaf.shape for tree in (parameters, statistics) for path, leaf in leaf_paths(tree)}
    assert paths == {path: np.shape(array) for path, array in weights.items()}
    return graph, _placed(parameters, "", weights), _placed(statistics, "", weights)


def _placed(tree, prefix, weights):
    if isinstance(tree, dict):
        return {key: _placed(value, f"{prefix}/{key}" if prefix else key, weights) for key, value in tree.items()}
    return jnp.asarray(weights[prefix])


def compare_gradients(gradients, arrays, prefix, path_of):
    """The norm of each gradient within a thousandth."""
    ours = {path: float(jnp.linalg.norm(leaf)) for path, leaf in leaf_paths(gradients)}
    theirs = {path_of(key.partition(":")[2]): float(v) for key, v in arrays.items() if key.startswith(f"{prefix}:")}
    assert ours.keys() == theirs.keys()
    for path, norm in theirs.items():
        assert abs(ours[path] - norm) < 1e-3 * norm, (path, ours[path], norm)


def consistent(name):
    arrays, case = recorded(f"koopman_consistent_{name}"), CONSISTENT[name]
    state = official_state(arrays)
    sizes = consistent_sizes.model_sizes(state)
    assert sizes == {"state": [case["m"] * case["n"]], "latent": case["b"], "width": 16 * case["alpha"]}
    make = lambda: ConsistentKoopman(**sizes, rngs=nnx.Rngs(0))  # noqa: E731
    frames = trajectories(case["steps"] + 1, BATCH, (1, case["m"], case["n"]))
    return arrays, state, loaded(make, consistent_koopman.convert(state)), frames


@pytest.mark.parametrize("name", CONSISTENT)
def test_outputs_of_the_consistent_autoencoder(name):
    arrays, _, trees, frames = consistent(name)
    found = jax.jit(lambda x: consistent_koopman.outputs(merge_module(*trees), x))(frames[:, 0])
    for key in ("output", "backward", "latent"):
        np.testing.assert_allclose(found[key], arrays[key], atol=1e-5, err_msg=key)


@pytest.mark.parametrize("name", CONSISTENT)
def test_a_training_step_of_the_consistent_autoencoder(name):
    arrays, _, (graph, parameters, statistics), frames = consistent(name)
    task, window = ConsistentKoopmanTask(), frames.reshape(*frames.shape[:2], -1)

    def loss(parameters):
        value, (_, terms) = task.loss("all", merge_module(graph, parameters, statistics), {"window": window}, {}, KEY)
        return value, terms

    (total, terms), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(parameters)
    ours = {
        "sum": total, "forward": terms["prediction"], "identity": terms["reconstruction"],
        "backward": terms["backward"], "consistency": terms["consistency"],
    }  # fmt: skip
    for key, value in ours.items():
        np.testing.assert_allclose(value, arrays[f"loss:{key}"], rtol=1e-5, err_msg=key)
    compare_gradients(gradients, arrays, "norm", lambda key: consistent_koopman.path_and_layout(key)[0])


KEY = jax.random.key(0)


def information(name):
    """What is recorded of a case, its state dict, the model with its weights, and its window, channels last."""
    arrays, case = recorded(f"koopman_information_{name}"), INFORMATION[name]
    state = official_state(arrays)
    window = trajectories(case["frames"] + 1, case["batch"], tuple(case["state"]))
    if name == "cylinder":
        weights, sizes = information_koopman.convert(state), information_sizes.model_sizes(state)
        options = {**sizes, "network": "flow", "dropout": 0.1}
        window = np.moveaxis(window, 2, -1)
    else:
        weights = {_stand_in_path(key): array.T if array.ndim == 2 else array for key, array in state.items()}
        weights |= {"operator/mean": np.eye(case["latent"], dtype=np.float32), "operator/count": np.float32(0)}
        options = {"state": case["state"], "latent": case["latent"], "hidden": [case["hidden"]]}
    make = lambda: InformationKoopman(**options, operator="batch", rngs=nnx.Rngs(0))  # noqa: E731
    return arrays, state, loaded(make, weights), window


def _stand_in_path(key):
    return "/".join(STAND_IN.get(part, part) for part in key.split("."))


@pytest.mark.parametrize("name", INFORMATION)
def test_latent_states_operator_and_decoded_states(name):
    arrays, _, trees, window = information(name)

    @jax.jit
    def run(window):
        model = merge_module(*trees)
        step = model.one_step(window, train=True)
        # Once it has seen a single batch, what the operator remembers is that batch's.
        return {
            "latent": step.latent, "operator": model.operator.matrix(), "reconstruction": step.reconstruction,
            "prediction": step.prediction,
        }  # fmt: skip

    for key, value in run(window).items():
        value = np.moveaxis(value, -1, 2) if name == "cylinder" and value.ndim == 5 else value
        np.testing.assert_allclose(thumbnail(value), arrays[key], atol=1e-4, err_msg=key)


@pytest.mark.parametrize("name", INFORMATION)
@pytest.mark.parametrize("sign", SIGNS)
def test_losses_and_gradients_of_the_released_objective(name, sign):
    arrays, _, (graph, parameters, statistics), window = information(name)
    task = InformationKoopmanTask(
        variant="released", prediction=WEIGHTS["forward"], reconstruction=WEIGHTS["identity"],
        information=WEIGHTS["mi"], entropy=WEIGHTS["entropy"], linearity=0.0, entropy_sign=sign, radius=RADIUS,
        temperature=TEMPERATURE,
    )  # fmt: skip

    def loss(parameters):
        model = merge_module(graph, parameters, statistics)
        terms = task.one_step_terms(model.one_step(window, train=True))
        return task.weighted(terms), terms

    (total, terms), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(parameters)
    names = {"fwd": "prediction", "identity": "reconstruction", "mi": "contrast", "entropy": "entropy"}
    for theirs, ours in names.items():
        np.testing.assert_allclose(terms[ours], arrays[f"loss:{theirs}"], rtol=1e-4, err_msg=theirs)
    np.testing.assert_allclose(total, arrays[f"total:{sign}"], rtol=1e-4)
    path_of = _stand_in_path if name != "cylinder" else lambda key: information_koopman.path_and_layout(key)[0]
    compare_gradients(gradients, arrays, sign, path_of)


def test_the_released_network_has_its_number_of_parameters():
    make = lambda: InformationKoopman(  # noqa: E731
        state=[64, 64, 2], latent=512, network="flow", operator="batch", rngs=nnx.Rngs(0)
    )
    parameters = split_module(nnx.eval_shape(make))[1]
    assert parameter_count(parameters) == 5_004_868
    assert parameter_count(parameters["encoder"]) == 2_499_600


def test_the_ways_back_are_whole():
    for importer, name in ((consistent_koopman, "consistent_wide"), (information_koopman, "information_cylinder")):
        state = official_state(recorded(f"koopman_{name}"))
        back = importer.official_state(importer.convert(state))
        kept = back.pop("C_forward", None)
        assert kept is None or (kept == np.eye(512)).all()
        assert {key: array.tolist() for key, array in back.items()} == {k: a.tolist() for k, a in state.items()}


def test_an_operator_beside_the_weights_is_taken():
    state = official_state(recorded("koopman_information_cylinder"))
    operator = fill("C_forward", (512, 512))
    weights = information_koopman.convert({**state, "C_forward": operator})
    assert (weights["operator/mean"] == operator).all()


@pytest.mark.parametrize(
    "importer, key", [(consistent_koopman, "encoder.fc1.weight"), (information_koopman, "ENCODER.linear.weight")]
)
def test_what_is_no_checkpoint_is_said(importer, key):
    with pytest.raises(CheckpointError, match="is missing"):
        importer.overrides({}, [])
    with pytest.raises(CheckpointError, match="has the shape"):
        importer.convert({key: np.zeros((2, 3, 4))})
    with pytest.raises(CheckpointError, match=r"conv1\.weight is not a key"):
        importer.convert({"conv1.weight": np.zeros(1)})
