"""What is frozen does not change by a bit, and layers learn at their own rates."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from training_pieces import experiment, trainer

import spectrax
from spectrax.config.build import partial
from spectrax.core.errors import ConfigError
from spectrax.core.trees import abstract_module, leaf_paths, split_module
from spectrax.training import layer_rates
from spectrax.training.optimizers import Optimizer

ADAMW = functools.partial(optax.adamw, weight_decay=0.1)
BODY = ["^first/", "^norm/"]


def frozen(statistics=True, **changes):
    """A trainer that trains the head alone."""
    rule = Optimizer(ADAMW, l2=0.1, clip_norm=1.0, freeze=BODY, freeze_statistics=statistics, layer_decay=0.5)
    return trainer(optimizer=rule, average=0.5, steps_per_call=5, figures=False, evaluate_every_steps=5, **changes)


def saved(run_dir, step):
    import orbax.checkpoint as ocp

    tree = ocp.StandardCheckpointer().restore((run_dir / "checkpoints" / f"step_{step}" / "state").absolute())
    return {path: np.asarray(leaf) for path, leaf in leaf_paths(tree)}


def minus_zeros(drawn):
    """Weights whose first row is -0.0, which is another number in its bits alone."""
    drawn["parameters"]["first"]["kernel"] = drawn["parameters"]["first"]["kernel"].at[0].set(-0.0)
    return drawn


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """States at steps 5 and 10 with a frozen body, where the run was continued after the fifth; and without a break."""
    broken, whole = tmp_path_factory.mktemp("broken"), tmp_path_factory.mktemp("whole")
    for steps in (5, 10):
        frozen(steps=steps).run(experiment(broken, begin=minus_zeros))
    frozen(steps=10).run(experiment(whole, begin=minus_zeros))
    return saved(broken, 5), saved(broken, 10), saved(whole, 10)


def test_frozen_parameters_and_statistics_stay_to_the_bit(runs, tmp_path):
    early, late, _ = runs
    with jax.set_mesh(experiment(tmp_path).layout.mesh):
        start = frozen().program(experiment(tmp_path), 10).create(minus_zeros)
    beginning = dict(leaf_paths({"parameters": start.parameters, "statistics": start.statistics}))
    still = {path for path, leaf in beginning.items() if late[path].tobytes() == np.asarray(leaf).tobytes()}
    assert still == {path for path in beginning if "layers/" not in path}
    assert np.signbit(late["parameters/first/kernel"][0]).all()
    assert all(early[path].tobytes() != late[path].tobytes() for path in beginning if path not in still)
    np.testing.assert_array_equal(late["average/first/kernel"], late["parameters/first/kernel"])


def test_only_what_is_trained_has_optimizer_state_and_it_is_continued(runs):
    _, late, whole = runs
    moments = [path for path in late if path.startswith("optimizer/") and late[path].ndim]
    assert moments and all("layers/0/" in path for path in moments)
    assert late.keys() == whole.keys()
    for path, leaf in whole.items():
        np.testing.assert_array_equal(late[path], leaf, err_msg=path)


def test_statistics_move_unless_they_are_frozen_too(tmp_path):
    frozen(statistics=False, steps=5).run(experiment(tmp_path))
    late = saved(tmp_path, 5)
    assert np.abs(late["statistics/norm/mean"]).max() > 1e-3
    assert (late["parameters/norm/scale"] == 1).all()


def test_layers_are_ordered_from_the_image_to_the_head():
    for words, order in [
        (
            [],
            [
                "stages/0/embedding/projection/kernel", "stages/0/blocks/0/mixer/gate", "stages/1/norm/scale",
                "stages/1/blocks/0/feed_forward/expand/kernel", "stages/2/embedding/norm/scale",
                "stages/2/blocks/0/mixer/attention/query/kernel", "stages/3/embedding/projection/bias",
                "stages/3/blocks/0/mixer_norm/scale", "class_block/attention/query/kernel", "head/kernel",
            ],
        ),
        (
            ["model=svt_t", "model.depth=11", "model.scatter_blocks=1", "model.width=32", "model.patch_size=4"],
            [
                "patches/kernel", *(f"blocks/{index}/mixer_norm/scale" for index in range(11)), "norm/scale",
                "head/bias",
            ],
        ),
    ]:  # fmt: skip
        config = spectrax.compose("svt_digits", words)
        _, parameters, _ = split_module(abstract_module(partial(config.model)))
        found = layer_rates.factors(parameters, 0.5, config.optimizer.layers)
        assert [found[path] for path in order] == [0.5**power for power in reversed(range(len(order)))]
        assert tuple(config.optimizer.layers) == layer_rates.LAYERS


def test_updates_are_scaled_last():
    """Of Adam, whose step does not depend on the size of a gradient."""
    parameters = {"blocks": {"0": {"kernel": jnp.ones((2, 2))}}, "head": {"kernel": jnp.ones((2, 2))}}
    rule = Optimizer(ADAMW, layer_decay=0.25).build(optax.constant_schedule(0.1))
    changes, _ = rule.update(parameters, rule.init(parameters), parameters)
    np.testing.assert_allclose(changes["blocks"]["0"]["kernel"], 0.25 * changes["head"]["kernel"], rtol=1e-6)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"freeze": ["["]}, r"optimizer\.freeze: '\[' is not a regular expression"),
        ({"freeze_statistics": True}, r"freeze_statistics=true is for what optimizer\.freeze names"),
        ({"layer_decay": 0.0}, r"layer_decay=0\.0 must be above 0"),
        ({"freeze": ["^haed/"]}, r"optimizer\.freeze: '\^haed/' fits no parameter\. There are: blocks/0, head\."),
        ({"freeze": ["b", "h"]}, r"leaves no parameter to train"),
        ({"layer_decay": 0.5, "layers": ["stem"]}, r"optimizer\.layers finds one in: blocks/0, head"),
    ],
)
def test_what_makes_no_sense_is_named(changes, words):
    parameters = {"blocks": {"0": jnp.ones(2)}, "head": jnp.ones(2)}
    with pytest.raises(ConfigError, match=words):
        rule = Optimizer(ADAMW, **changes).build(optax.constant_schedule(0.1))
        rule.update(parameters, rule.init(parameters), parameters)


def test_many_parameters_are_told_by_what_their_paths_begin_with():
    parameters = {"head": jnp.ones(2), "blocks": {str(index): {"kernel": jnp.ones((2, 2))} for index in range(5)}}
    deep = {"stages": {str(index): parameters for index in range(4)}, "norm": jnp.ones(2)}
    rule = Optimizer(ADAMW, freeze=["^haed/"]).build(optax.constant_schedule(0.1))
    told = "norm, stages/0/blocks/…, stages/0/head, stages/1/blocks/…"
    with pytest.raises(ConfigError, match=f"There are: {told}.*stages/3/head\\.$"):
        rule.init(deep)
