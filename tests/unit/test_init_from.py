"""A run that begins with the weights of another one, and a run opened at another image size."""

import dataclasses
import functools
import logging
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from omegaconf import OmegaConf
from training_pieces import Network, experiment, trainer

from spectrax import converted_run, train
from spectrax.assembly import assemble
from spectrax.config.build import build
from spectrax.config.compose import compose_command, config_hash
from spectrax.config.origin import find
from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.core.trees import leaf_paths, split_module
from spectrax.evaluate import load_run
from spectrax.fitted_weights import Beginning
from spectrax.nn.gate_resizing import resized_gate
from spectrax.saved_config import agree
from spectrax.training.checkpoints import Checkpoints

HEAD = {"layers/0/kernel", "layers/0/bias"}


class Headed(Network):
    """The network of the pieces with a head of so many classes."""

    def __init__(self, width=16, classes=3, *, rngs):
        super().__init__(width, rngs=rngs)
        self.layers = nnx.List([nnx.Linear(width, classes, rngs=rngs)])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of three classes; its best step is not its last."""
    run_dir = tmp_path_factory.mktemp("source")
    changes = {"steps": 20, "average": 0.9, "select_by": "loss", "figures": False}
    trainer(**changes).run(experiment(run_dir))
    OmegaConf.save({"dataset": {"num_classes": 3}}, run_dir / "config.yaml")
    return run_dir


def begun(source, run_dir, width=16, classes=3, fresh=None, average=0.9):
    """The state that a run begins with, its fresh one, and what the log said."""
    spec = experiment(run_dir, make_model=functools.partial(Headed, width, classes))
    begin = Beginning(str(source), find(str(source)), classes, fresh, spec.layout)
    with jax.set_mesh(spec.layout.mesh):
        program = trainer(average=average).program(spec, 10)
        return program.create(begin), program.create()


def saved(source):
    step = find(str(source)).step
    checkpoints = Checkpoints(source / "checkpoints", read_only=True)
    weights = dict(leaf_paths(checkpoints.restore_weights(step, experiment_layout(checkpoints, step))[0]))
    checkpoints.close()
    return weights


def experiment_layout(checkpoints, step):
    from spectrax.parallel.layout import make_layout

    return make_layout(1).state(checkpoints.weights_like(step))


def test_parameters_statistics_and_average_are_those_of_the_best_step(source, tmp_path):
    state, fresh = begun(source, tmp_path)
    expected = saved(source)
    found = dict(leaf_paths({"parameters": state.parameters, "statistics": state.statistics}))
    assert found.keys() == expected.keys() and any(path.startswith("statistics/") for path in found)
    for path, leaf in found.items():
        np.testing.assert_array_equal(leaf, expected[path], err_msg=path)
    for path, leaf in leaf_paths(state.average):
        np.testing.assert_array_equal(leaf, expected[f"parameters/{path}"])
    assert int(state.step) == 0 and jax.tree.structure(state) == jax.tree.structure(fresh)


def test_the_head_of_other_classes_is_drawn_and_named_in_one_line(source, tmp_path, caplog):
    logger = logging.getLogger("spectrax")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "spectrax")
    state, fresh = begun(source, tmp_path, classes=5)
    logger.removeHandler(caplog.handler)
    expected, drawn = saved(source), dict(leaf_paths(fresh.parameters))
    for path, leaf in leaf_paths(state.parameters):
        np.testing.assert_array_equal(leaf, drawn[path] if path in HEAD else expected[f"parameters/{path}"])
    # Where the log propagates, the handler hears it twice.
    (said,) = {record.getMessage() for record in caplog.records if "Beginning" in record.getMessage()}
    assert said.endswith("freshly drawn: layers/0/bias, layers/0/kernel.")


def test_what_is_named_is_drawn_whatever_its_shape(source, tmp_path):
    state, fresh = begun(source, tmp_path, fresh=["^layers/"], average=None)
    drawn = dict(leaf_paths(fresh.parameters))
    same = {path for path, leaf in leaf_paths(state.parameters) if np.array_equal(leaf, drawn[path])}
    assert same == HEAD and state.average == {}


@pytest.mark.parametrize(
    "changes, error, words",
    [
        ({"width": 24}, CheckpointError, r"first/kernel: float32\[8, 16\] saved, float32\[8, 24\] wanted\n[^?]*norm/m"),
        ({"classes": 5, "fresh": ["bias$"]}, CheckpointError, r"layers/0/kernel: float32\[16, 3\].*\n.*init_fresh="),
        ({"fresh": ["^haed/"]}, ConfigError, r"'\^haed/' fits no weight\. There are: .*layers/0/kernel"),
        ({"fresh": ["["]}, ConfigError, r"init_fresh: '\[' is not a regular expression"),
    ],
)
def test_everything_else_that_differs_is_named(source, tmp_path, changes, error, words):
    with pytest.raises(error, match=words):
        begun(source, tmp_path, **changes)


def test_a_run_that_goes_on_does_not_begin_again(tmp_path):
    def refuse(drawn):
        raise AssertionError

    short = {"figures": False, "steps_per_call": 5}
    trainer(steps=5, **short).run(experiment(tmp_path))
    summary = trainer(steps=10, **short).run(dataclasses.replace(experiment(tmp_path), begin=refuse))
    assert summary.step == 10


def test_the_hash_names_the_weights_and_not_their_place(source, tmp_path):
    shutil.copytree(source, tmp_path / "a copy=1")
    plain, here, there = (
        compose_command(words) for words in ([], [f"init_from={source}"], [f"init_from={tmp_path}/a copy=1"])
    )
    assert here.init_weights == find(str(source)).digest and here.run_dir == there.run_dir != plain.run_dir
    # The last step alone holds other weights.
    best = find(str(source)).step
    shutil.rmtree(tmp_path / "a copy=1" / "checkpoints" / f"step_{best}")
    assert compose_command([f"init_from={tmp_path}/a copy=1"]).run_dir != here.run_dir
    assert "init_weights" not in plain and config_hash({"seed": 0, "init_from": "a"}) == config_hash({"seed": 0})
    with pytest.raises(CheckpointError, match="init_from=nowhere holds no checkpoint"):
        compose_command(["init_from=nowhere"])


SMALL = [
    "dataset.image_size=32", "model.depths=[1,0,0,0]", "model.dims=[8,8,8,8]", "model.heads=[1,1,1,1]",
    "model.ffn_ratios=[1,1,1,1]", "model.stem_width=4",
]  # fmt: skip


def written(directory, *words):
    """A run of weights that were drawn and not trained."""
    config = compose_command([*SMALL, *words])
    _, parameters, statistics = split_module(build(config.model, rngs=nnx.Rngs(3)))
    converted_run.write(directory, config, {"parameters": parameters, "statistics": statistics}, [*SMALL, *words])
    return parameters["stages"]["0"]["blocks"]["0"]["mixer"]["gate"]


def test_a_run_at_another_image_size_has_interpolated_gates(tmp_path):
    gate = written(tmp_path / "run", "model.mixer=channel")
    loaded = load_run(str(tmp_path / "run"), overrides=["dataset.image_size=64"])
    larger = loaded.model.stages[0].blocks[0].mixer.gate[...]
    np.testing.assert_allclose(larger, resized_gate(gate, (16, 16)), rtol=1e-6)
    assert loaded.predict(np.zeros((2, 64, 64, 1), np.float32))["probabilities"].shape == (2, 10)
    own = load_run(str(tmp_path / "run"))
    np.testing.assert_array_equal(own.model.stages[0].blocks[0].mixer.gate[...], gate)
    with pytest.raises(CheckpointError, match=r"head/bias: float32\[10\] saved, float32\[4\] wanted"):
        load_run(str(tmp_path / "run"), overrides=["dataset.num_classes=4", "dataset.class_names=null"])


def test_weights_that_mix_positions_refuse_another_size(tmp_path):
    written(tmp_path / "run")
    with pytest.raises(CheckpointError, match="stages/0/blocks/0/mixer mixes the positions of maps of 8x8"):
        load_run(str(tmp_path / "run"), overrides=["dataset.image_size=64"])


def begun_with(run, words, classes):
    """The state of a new run that begins with the weights of one."""
    config = compose_command([*SMALL, *words, f"init_from={run}"])
    spec = assemble(config)
    begin = Beginning(str(run), find(str(run)), classes, None, spec.layout)
    with jax.set_mesh(spec.layout.mesh):
        return build(config.trainer).program(spec, 10).create(begin)


@pytest.mark.parametrize("before, now", [("true", "false"), ("false", "true")])
def test_a_head_that_only_one_of_them_has_is_the_only_difference(tmp_path, caplog, before, now):
    gate = written(tmp_path / "run", "model.mixer=channel", f"model.token_label={before}")
    with caplog.at_level("INFO", logger="spectrax"):
        state = begun_with(tmp_path / "run", ["model.mixer=channel", f"model.token_label={now}"], 10)
    told = "left out" if before == "true" else "freshly drawn"
    assert f"; {told}: token_head/bias, token_head/kernel" in caplog.text
    found = state.parameters["stages"]["0"]["blocks"]["0"]["mixer"]["gate"]
    np.testing.assert_array_equal(found, gate)
    assert ("token_head" in state.parameters) == (now == "true")


def test_a_converted_run_is_begun_with_at_another_size_and_for_other_classes(tmp_path):
    gate = written(tmp_path / "run", "model.mixer=channel")
    words = ["model.mixer=channel", "dataset.image_size=64", "dataset.num_classes=4", "dataset.class_names=null"]
    agree(tmp_path / "new", compose_command([*SMALL, *words, f"init_from={tmp_path}/run"]), [])
    state = begun_with(tmp_path / "run", words, 4)
    larger = state.parameters["stages"]["0"]["blocks"]["0"]["mixer"]["gate"]
    np.testing.assert_allclose(larger, resized_gate(gate, (16, 16)), rtol=1e-6)
    assert state.parameters["head"]["kernel"].shape == (8, 4)


def test_a_run_that_is_continued_does_not_need_its_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(Path("source"), "model.mixer=channel")
    words = [*SMALL, "model.mixer=channel", "init_from=source", "writer=quiet"]
    named, unnamed = compose_command([*words, "run_dir=run"]), compose_command(words)
    for config in (named, unnamed):
        agree(Path(config.run_dir), config, [])
    shutil.rmtree("source")
    again = compose_command(words)
    assert again.run_dir == unnamed.run_dir and again.init_weights == unnamed.init_weights
    # Another length may do, and whether it does is for `agree` to say.
    longer = compose_command([*words, "run_dir=run", "trainer.steps=4"])
    assert longer.init_weights == named.init_weights
    begun = train._begun(assemble(longer), longer)
    with pytest.raises(CheckpointError, match="init_from=source holds no checkpoint"):
        begun.begin({})  # which only a run does that has nothing to go on from
    for changed in (["trainer.steps=5"], ["run_dir=run", "init_from=sauce"], ["run_dir=elsewhere"]):
        with pytest.raises(CheckpointError, match="holds no checkpoint"):
            compose_command([*words, *changed])
