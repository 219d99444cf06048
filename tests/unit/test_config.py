"""Configs: composing, checking in one pass, targets that are refused, user folders, hashes, saved runs."""

import textwrap

import pytest
from omegaconf import OmegaConf

import spectrax
from spectrax.config import find, targets
from spectrax.config.build import build
from spectrax.config.compose import compose_command, config_hash, essence, recompose
from spectrax.config.explain import differences, nearest_key
from spectrax.config.values import mismatch
from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.saved_config import agree


def problem(*overrides):
    with pytest.raises(ConfigError) as caught:
        compose_command(list(overrides))
    assert caught.value.exit_code == 2
    return str(caught.value)


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
    ],
)
def test_targets_outside_the_known_packages_are_refused_and_not_run(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = problem(f"model._target_={target}", f"+model.command='touch {tmp_path}/ran'")
    assert "model._target_" in text and target in text
    assert not (tmp_path / "ran").exists()


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
    base = config_hash(OmegaConf.to_container(compose_command([])))
    for same in (["data_dir=/elsewhere"], ["writer=quiet"], ["mesh.data=1"], ["run_dir=/r"]):
        assert config_hash(OmegaConf.to_container(compose_command(same))) == base, same
    for other in (["seed=1"], ["trainer.steps=3"], ["model.stem_width=8"]):
        assert config_hash(OmegaConf.to_container(compose_command(other))) != base, other
    assert "data_dir" not in str(essence(OmegaConf.to_container(compose_command([]))))


def test_paths_are_taken_as_they_are():
    config = compose_command(["run_dir=a, b=[c] {d}", "data_dir=x y"])
    assert config.run_dir == "a, b=[c] {d}" and config.data_dir == "x y"


def test_a_saved_config_with_changes(tmp_path):
    saved = tmp_path / "config.yaml"
    saved.write_text(OmegaConf.to_yaml(compose_command(["trainer.steps=7"])))
    config = recompose(saved, ["dataset=fashion_mnist", "trainer.eval_batch_size=10"])
    assert config.trainer.steps == 7 and config.trainer.eval_batch_size == 10
    assert config.dataset.class_names[0] == "t-shirt"
    with pytest.raises(ConfigError, match=r"trainer\.stepz"):
        recompose(saved, ["trainer.stepz=7"])
    saved.write_text("[1")
    with pytest.raises(ConfigError, match="not a readable config"):
        recompose(saved, [])


def test_a_run_may_grow_but_not_change(tmp_path):
    config = compose_command(["trainer.steps=10", f"run_dir={tmp_path}"])
    agree(tmp_path, config, [])
    agree(tmp_path, compose_command(["trainer.steps=20", f"run_dir={tmp_path}"]), [])
    with pytest.raises(CheckpointError, match=r"trainer\.steps: 20 -> 5"):
        agree(tmp_path, compose_command(["trainer.steps=5", f"run_dir={tmp_path}"]), [])
    with pytest.raises(CheckpointError, match=r"model\.stem_width: 16 -> 24"):
        agree(tmp_path, compose_command(["trainer.steps=20", "model.stem_width=24", f"run_dir={tmp_path}"]), [])


def test_differences_and_nearest_keys():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == {
        "a.c": (2, 3),
        "d": ("absent", 4),
    }
    assert nearest_key("trainer.stepz", ["trainer.steps", "trainer.epochs", "model.depths"])[0] == "trainer.steps"
    assert nearest_key("model.log_every", ["trainer.log_every", "model.depths"]) == ["trainer.log_every"]


def test_values_and_annotations():
    fits = [(3, int), (3, float), (None, int | None), ([1, 2], list[int]), ({"_target_": "x"}, targets.resolve)]
    assert all(mismatch(value, annotation) is None for value, annotation in fits)
    unfit = [(3.5, int), (True, int), ("x", float), (1, bool), ("ab", list[str]), ([1, "a"], list[int])]
    assert all(mismatch(value, annotation) for value, annotation in unfit)


def test_build_binds_and_nests():
    node = {"_target_": "spectrax.training.schedules.constant", "_partial_": True, "peak": 0.5}
    assert build(node)(total_steps=3, steps_per_epoch=1.0)(0) == 0.5
    with pytest.raises(ConfigError):
        build({"_target_": "os.getcwd"})
