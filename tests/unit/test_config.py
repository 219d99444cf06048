"""Configs: composing, checking in one pass, targets that are refused, user folders, hashes, saved runs."""

import importlib
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flax import nnx
from omegaconf import OmegaConf

import spectrax
from spectrax.config import find, pairing
from spectrax.config.build import build
from spectrax.config.compose import compose_command, config_hash, essence
from spectrax.config.explain import differences, nearest_key
from spectrax.config.targets import KNOWN_PLACES, resolve
from spectrax.config.values import Made, mismatch
from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.core.protocols import Dataset, Model, Task
from spectrax.data.images import Images
from spectrax.saved_config import agree, reopen
from spectrax.training.gradient import Gradient


def problem(*overrides):
    with pytest.raises(ConfigError) as caught:
        compose_command(list(overrides))
    assert caught.value.exit_code == 2
    return str(caught.value)


def resolved(*overrides):
    return OmegaConf.to_container(compose_command(list(overrides)), resolve=True)


def test_compose_gives_a_resolved_config():
    config = spectrax.compose("svt_digits", ["trainer.steps=10"])
    assert config.trainer.steps == 10 and config.experiment == "svt_digits"
    assert config.model.num_classes == 10 and config.model.in_channels == 1
    assert config.run_dir.startswith("runs/svt_digits/")
    assert "${" not in OmegaConf.to_yaml(config)


@pytest.mark.parametrize("word", ["experiment=svt_fashion_mnist", "+experiment=svt_fashion_mnist"])
def test_an_experiment_with_or_without_plus(word):
    assert compose_command([word]).dataset.source._target_.endswith("FashionMnist")


def test_the_default_experiment():
    assert compose_command([]).experiment == "svt_digits"


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["trainer.stepz=3"], ["trainer.stepz", "trainer.steps"]),
        (["+experiment=svt_digit"], ["svt_digit ", "svt_digits"]),
        (["model=svt_tinny"], ["model=svt_tinny", "svt_tiny"]),
        (["modell=svt_tiny"], ["modell is not a key", "model"]),
        (["trainer.steps=many"], ["trainer.steps='many'", "whole number or null"]),
        (["trainer.select_mode=most"], ["trainer.select_mode", "max, min"]),
        (["model.dims=null"], ["model.dims=None", "list"]),
        (["model.dims=[a,b]"], ["model.dims"]),
        (["+model.width=3"], ["model.width", "not an argument"]),
        (["+optimizer.method.decay=0.1"], ["optimizer.method.decay", "optimizer.method.weight_decay"]),
        (["trainer.optimizer=3"], ["trainer.optimizer=3", "_target_"]),
        (["dataset.image_size=???"], ["dataset.image_size has no value"]),
        (["model.dtype=${nowhere}"], ["model.dtype", "nowhere"]),
        (["seed=abc"], ["seed='abc'", "whole number"]),
        (["~model"], ["model is missing"]),
        (["task=null"], ["task must be one of", "classification"]),
        (["trainer.steps=[1"], ["'trainer.steps=[1'", "key=value"]),
        (["word"], ["'word'", "key=value"]),
        (["model._target_=spectrax.models.svt.SVTT"], ["model._target_", "no SVTT", "Nearest: SVT"]),
        (["model._target_=spectrax.models.missing.SVT"], ["model._target_", "no missing"]),
        (["model._target_=spectrax.nn.scattering.BLOCKS"], ["model._target_", "neither a class nor a function"]),
        (["model._recursive_=false"], ["model._recursive_"]),
        (["model._target_=spectrax.data.images.Images"], ["model._target_", "makes no Model"]),
        (["trainer._target_=spectrax.training.optimizers.Optimizer"], ["trainer._target_", "makes no Trainer"]),
        (["writer.csv._target_=spectrax.models.svt.SVT"], ["writer.csv._target_", "makes no Writer"]),
        (["dataset.source._target_=spectrax.models.svt.SVT"], ["dataset.source='spectrax.models", "ImageSource"]),
        (["dataset.train.0._target_=spectrax.training.optimizers.Optimizer"], ["dataset.train=", "Transform"]),
        (["model._target_=optax._src.alias.adam"], ["model._target_", "private"]),
        (["~schedule.peak"], ["schedule.peak is missing"]),
        (["seed=-1"], ["seed=-1", "from 0"]),
        (["precision.compute_dtype=float16"], ["model.dtype='float16'", "float32, bfloat16"]),
    ],
)
def test_what_is_wrong_is_named(overrides, words):
    text = problem(*overrides)
    for word in words:
        assert word in text, text


def test_all_problems_at_once_and_each_once():
    text = problem("trainer.stepz=3", "model=svt_tinny", "seed=abc", "optimizer.method._target_=optax.adamx")
    assert "4 places" in text
    for word in ("trainer.stepz", "model=svt_tinny", "seed='abc'", "_target_: optax.adamx"):
        assert text.count(f"{word} ") == 1, text


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "jax._src.config.os.system",
        "subprocess.Popen",
        "builtins.eval",
        "spectrax.core.files.os.system",
        "spectrax.data.prepared.shutil.rmtree",
        "flax.nnx.__builtins__.eval",
        "flax.io.rmtree",
        "jax.numpy.load",
        "spectrax.core.files.write_text",
        "optax.adam.__globals__",
        "flax.nnx.jit",
        "flax.nnx.clone",
        "spectrax.data.prepared.write_card",
        "spectrax.writers.csv.CsvWriter.open",
        "spectrax.training.checkpoints.Checkpoints",
        "spectrax.training.run_directory.record_environment",
    ],
)
def test_targets_outside_the_known_packages_are_refused_and_not_run(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = problem(f"model._target_={target}", f"+model.command='touch {tmp_path}/ran'")
    assert "model._target_" in text and target in text
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("library", ["optax", "jax.nn", "jax.nn.initializers"])
def test_every_function_of_the_pure_libraries_may_be_named(library):
    module = importlib.import_module(library)
    names = [name for name, found in vars(module).items() if not name.startswith("_") and callable(found)]
    functions = [name for name in names if not isinstance(getattr(module, name), type) and not is_type(module, name)]
    assert len(functions) > 15
    for name in functions:
        assert resolve(f"{library}.{name}", KNOWN_PLACES) is getattr(module, name)


def is_type(module, name):
    """Aliases such as `optax.Params`."""
    return hasattr(getattr(module, name), "__origin__") or getattr(module, name).__module__ == "typing"


def test_layers_and_activations_of_flax_may_be_named():
    for name in ("Linear", "LayerNorm", "MultiHeadAttention", "relu", "tanh", "max_pool", "initializers.he_normal"):
        resolve(f"flax.nnx.{name}", KNOWN_PLACES)


def test_an_experiment_cannot_allow_packages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("allow_packages: [os]\nmodel:\n  _target_: os.system\n")
    text = problem("+experiment=mine")
    assert "allow_packages is not a key" in text and "os.system is outside" in text


def test_the_command_line_allows_packages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_models.py").write_text(
        textwrap.dedent(
            """
            from flax import nnx

            class Tiny(nnx.Module):
                def __init__(self, width: int, *, rngs):
                    self.layer = nnx.Linear(width, width, rngs=rngs)

                def __call__(self, inputs, *, train, key=None):
                    return self.layer(inputs)
            """
        )
    )
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        "# My own.\nmodel:\n  _target_: their_models.Tiny\n  width: 4\n"
    )
    # The default model's other arguments do not fit this class.
    removed = [f"~model.{key}" for key in compose_command([]).model if key != "_target_"]
    assert "their_models.Tiny is outside" in problem("+experiment=mine", *removed)
    config = compose_command(["+experiment=mine", "allow_packages=[their_models]", *removed])
    assert config.model.width == 4
    assert "model.width='x'" in problem("+experiment=mine", "allow_packages=[their_models]", *removed, "model.width=x")


def test_an_option_drops_what_the_experiment_set_for_another():
    config = compose_command(["schedule=constant"])
    assert set(config.schedule) == {"_target_", "_partial_", "peak"} and config.schedule.peak == 2.0e-3
    assert "schedule.warmup_steps" in problem("schedule=constant", "+schedule.warmup_steps=3")


def test_the_users_folders_are_found_and_win(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("# My sizes.\ndefaults: [svt_tiny, _self_]\nstem_width: 24\n")
    (tmp_path / "model" / "svt_h_b.yaml").write_text("defaults: [svt_tiny, _self_]\nstem_width: 40\n")
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "svt_digits.yaml").write_text("# Mine.\ndefaults:\n  - override /model: mine\n")
    monkeypatch.setenv("SPECTRAX_CONFIG_PATH", str(tmp_path))
    assert compose_command([]).model.stem_width == 24
    assert compose_command(["model=svt_h_b"]).model.stem_width == 40
    assert find.first_comment(find.experiments()["svt_digits"]) == "Mine."
    monkeypatch.delenv("SPECTRAX_CONFIG_PATH")
    assert compose_command([]).model.stem_width == 16


def test_unreadable_yaml_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "broken.yaml").write_text("a: [1\n")
    assert "broken.yaml is not readable yaml" in problem("+experiment=broken")


def test_the_hash_names_what_is_computed_not_where():
    base = config_hash(resolved())
    for same in (
        ["data_dir=/elsewhere"],
        ["trainer.parallel=pmap"],
        ["trainer.patience=9"],
        ["trainer.figures=false"],
        ["writer=quiet"],
        ["mesh.data=1"],
        ["run_dir=/r"],
    ):
        assert config_hash(resolved(*same)) == base, same
    for other in (["seed=1"], ["trainer.steps=3"], ["model.stem_width=8"]):
        assert config_hash(resolved(*other)) != base, other
    assert "data_dir" not in str(essence(resolved()))
    # A callback's patience is another thing than the trainer's.
    early = [config_hash(resolved("callback=[early_stop]", f"callback.early_stop.patience={n}")) for n in (8, 9)]
    assert early[0] != early[1]


def test_paths_are_taken_as_they_are():
    config = compose_command(["run_dir=a, b=[c] {d}", "data_dir=x y"])
    assert config.run_dir == "a, b=[c] {d}" and config.data_dir == "x y"


def test_a_users_module_that_does_not_import_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_slip.py").write_text("def f(:\n")
    (tmp_path / "their_need.py").write_text("import a_package_that_is_not_there\n")
    for package, word in [("their_slip", "SyntaxError"), ("their_need", "Install"), ("their_absence", "no package")]:
        text = problem(f"allow_packages=[{package}]", f"model._target_={package}.Model")
        assert f"model._target_: {'there is' if package == 'their_absence' else package}" in text and word in text


def test_where_things_are_may_be_left_out_or_at_home(monkeypatch):
    monkeypatch.setenv("SPECTRAX_DATA_DIR", "~/data")
    config = compose_command(["run_dir=null", "data_dir="])
    assert config.run_dir.startswith("runs/svt_digits/") and config.data_dir == str(Path.home() / "data")
    assert compose_command(["run_dir=~/run"]).run_dir == str(Path.home() / "run")


@pytest.fixture
def saved_run(tmp_path):
    agree(tmp_path, compose_command(["trainer.steps=7", "mesh.data=8", f"data_dir={tmp_path}"]), [])
    return tmp_path


def test_a_saved_config_with_changes(saved_run):
    config = reopen(saved_run, ["dataset=fashion_mnist", "trainer.eval_batch_size=10", "precision=bfloat16"])
    assert config.trainer.steps == 7 and config.trainer.eval_batch_size == 10
    assert config.dataset.class_names[0] == "t-shirt" and config.model.image_size == 48
    # A change reaches what referred to it, and what referred to the place of data means this machine's.
    assert config.loader.eval_batch_size == 10 and config.model.dtype == "bfloat16"
    assert config.dataset.data_dir == str(saved_run)
    assert reopen(saved_run, ["data_dir=/elsewhere"]).dataset.data_dir == "/elsewhere"
    # The devices that trained it need not be here.
    assert config.mesh.data == -1
    for wrong in ("trainer.stepz=7", "seed=0,1", "~schedule.warmup_epochs", "experiment=svt_imagenet"):
        with pytest.raises(ConfigError, match=re.escape(wrong.partition("=")[0])):
            reopen(saved_run, [wrong])
    (saved_run / "config.yaml").write_text("[1")
    with pytest.raises(ConfigError, match="not a readable config"):
        reopen(saved_run, [])


def test_a_run_from_another_machine_finds_this_ones_data(saved_run, monkeypatch):
    text = (saved_run / "config.yaml").read_text()
    (saved_run / "config.yaml").write_text(text.replace(f"data_dir: {saved_run}", "data_dir: /of/another/machine"))
    monkeypatch.setenv("SPECTRAX_DATA_DIR", "/here")
    assert reopen(saved_run, []).dataset.data_dir == "/here"


def test_a_run_may_grow_but_not_change(tmp_path):
    def start(*overrides):
        agree(tmp_path, compose_command([*overrides, f"run_dir={tmp_path}"]), [])

    start("trainer.steps=10", "model.stem_width=32")
    start("trainer.steps=10")  # nothing was saved with the other width
    (tmp_path / "checkpoints" / "step_10").mkdir(parents=True)
    start("trainer.steps=20")
    with pytest.raises(CheckpointError, match=r"trainer\.steps: 20 -> 5"):
        start("trainer.steps=5")
    with pytest.raises(CheckpointError, match=r"model\.stem_width: 16 -> 24"):
        start("trainer.steps=20", "model.stem_width=24")


def test_a_finished_run_counted_in_epochs_grows_by_steps(tmp_path):
    agree(tmp_path, compose_command([]), [])
    (tmp_path / "checkpoints" / "step_30").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"trainer\.steps: None -> 40"):
        agree(tmp_path, compose_command(["trainer.steps=40"]), [])
    (tmp_path / "summary.json").write_text('{"step": 30}')
    agree(tmp_path, compose_command(["trainer.steps=40"]), [])


def test_differences_and_nearest_keys():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == {
        "a.c": (2, 3),
        "d": ("absent", 4),
    }
    assert nearest_key("trainer.stepz", ["trainer.steps", "trainer.epochs", "model.depths"])[0] == "trainer.steps"
    assert nearest_key("model.log_every", ["trainer.log_every", "model.depths"]) == ["trainer.log_every"]
    noises = ["dataset.normalise", "dataset.observation_noise", "dataset.process_noise", "trainer.noise"]
    assert nearest_key("dataset.noise", noises) == [*noises[1:3], noises[0]]
    nodes = ["processes.count", "model", "model.dictionary", "model.chunk"]
    assert nearest_key("model.dictonary.count", nodes) == ["model.dictionary"]
    inner = "model.dictionary.dictionaries.0.count"
    assert nearest_key("model.dictonary.count", [*nodes, inner]) == [inner]


@pytest.mark.parametrize(
    "words, told",
    [
        (
            ["+experiment=resdmd_pendulum", "trainer=gradient"],
            "trainer: Gradient trains by gradients: it goes with a model such as koopman_autoencoder and a task such "
            "as dynamics. ResDMD and Spectrum go with trainer=direct.",
        ),
        (
            ["+experiment=koopman_pendulum", "trainer=direct"],  # whose loader refers to what only the other one has
            "trainer: Direct fits in closed form: it goes with a model such as resdmd and a task such as spectrum. "
            "KoopmanAutoencoder and Dynamics go with trainer=gradient.",
        ),
        (
            ["+experiment=resdmd_duffing", "model=koopman_autoencoder"],
            "model: KoopmanAutoencoder is trained by gradients: it goes with trainer=gradient and a task such as "
            "dynamics. Direct and Spectrum go with a model such as resdmd.",
        ),
        (
            ["+experiment=koopman_pendulum", "task=spectrum"],
            "task: Spectrum judges what is fitted in closed form: it goes with trainer=direct and a model such as "
            "resdmd. Gradient and KoopmanAutoencoder go with a task such as dynamics.",
        ),
    ],
)
def test_what_does_not_go_together_is_one_sentence_with_the_next_step(words, told):
    assert problem(*words) == f"The config is wrong:\n  {told}"


def test_partners_that_are_named_are_there():
    for (node, _), (_, words) in pairing._WORDS.items():
        assert words.replace("=", " ").split()[-1] in find.groups()[node]


def test_values_and_annotations():
    fits = [(3, int), (3, float), (None, int | None), ([1, 2], list[int]), (Made(None), Dataset), ("x", Any)]
    fits += [(Made(Images), Dataset), (Made(Images), Dataset | None), (Made(Gradient, partial=True), Callable)]
    fits += [(Made(factory), Model), (Made(Wrapper), Dataset), (Made(rate), float), (Made(rate, partial=True), Model)]
    assert all(mismatch(value, annotation) is None for value, annotation in fits)
    unfit = [(3.5, int), (True, int), ("x", float), (1, bool), ("ab", list[str]), ([1, "a"], list[int])]
    unfit += [(Made(Images), Task), (Made(Images), int), (Made(Images, partial=True), Dataset), (3, Dataset)]
    unfit += [(Made(rate), int), (Made(rate), Dataset), (Made(nothing), Dataset)]
    assert all(mismatch(value, annotation) for value, annotation in unfit)


def factory(*, rngs) -> nnx.Module: ...


def rate() -> float: ...


def nothing() -> None: ...


class Wrapper:
    """A dataset around another one."""

    def __getattr__(self, name): ...


def test_build_binds_and_nests():
    node = {"_target_": "spectrax.training.schedules.constant", "_partial_": True, "peak": 0.5}
    assert build(node)(total_steps=3, steps_per_epoch=1.0)(0) == 0.5
    with pytest.raises(ConfigError):
        build({"_target_": "os.getcwd"})
