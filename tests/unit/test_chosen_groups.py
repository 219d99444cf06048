"""Groups that take lists, and presets that change any other node."""

import pytest
from omegaconf import OmegaConf

from spectrax.config.compose import compose_command
from spectrax.config.overrides import split_sweeps, with_experiment
from spectrax.core.errors import ConfigError


def resolved(*overrides):
    return OmegaConf.to_container(compose_command(list(overrides)), resolve=True)


def test_lists_choose_several_and_none():
    config = resolved("callback=[default,norms]", "writer=[quiet,json_lines]")
    assert list(config["callback"]) == ["learning_rate", "gradient_norm", "module_norms"]
    assert list(config["writer"]) == ["csv", "json_lines"]
    config = resolved("callback=[]", "writer=quiet", "+experiment=svt_fashion_mnist")
    assert config["callback"] == {} and list(config["writer"]) == ["csv"]


def test_a_wrong_one_in_a_list_is_named():
    with pytest.raises(ConfigError, match=r"callback=norm does not exist\. Nearest: norms"):
        resolved("callback=[default,norm]")


def test_lists_can_be_swept():
    jobs = split_sweeps(["callback=[default],[default,norms]", "seed=0,1"])
    assert [job[0] for job in jobs] == ["callback=[default]"] * 2 + ["callback=[default,norms]"] * 2
    with pytest.raises(ConfigError, match="callback=norm does not exist"):
        split_sweeps(["callback=[default],[default,norm]"])


def test_a_preset_speaks_after_the_experiment_and_before_the_user():
    config = resolved("task.shift=1", "debug=overfit", "experiment=svt_digits")
    assert config["trainer"]["limit_train_batches"] == 1 and config["task"]["label_smoothing"] == 0
    assert config["task"]["shift"] == 1 and "debug" not in config
    assert with_experiment(["seed=1", "debug=nan", "experiment=a"]) == ["+experiment=a", "+debug='nan'", "seed=1"]


def test_a_preset_leaves_other_nodes_their_own_keys():
    """`schedule=constant` has no warm-up that could be set; chosen callbacks do not push the preset's own out."""
    config = resolved("debug=overfit", "schedule=constant", "callback=[default,norms]")
    assert set(config["schedule"]) == {"_target_", "_partial_", "peak"}
    assert list(config["callback"]) == ["learning_rate", "gradient_norm", "module_norms", "overfit"]


def test_debugging_always_begins_anew():
    run_dir = resolved("debug=limit")["run_dir"]
    assert run_dir.startswith("runs/debug/20") and "_limit/svt_digits/" in run_dir
    assert resolved("debug=limit", "run_dir=here")["run_dir"] == "here"


def test_modes_reach_the_trainer():
    for preset, mode in (("nan", "nans"), ("profile", "profile"), ("eager", "eager")):
        assert resolved(f"debug={preset}")["trainer"]["debug"] == mode
