"""What a training step gathers from other devices does not grow with the batch: parameters may move, never activations.

`steps_on_eight_devices.py` compiles the steps and reads from the compiled programs what the devices say to each other.
"""

import collections

import pytest
import steps_on_eight_devices as steps
from chosen_options import networks, trained
from eight_devices import told_by

from spectrax.config.compose import compose_command, contract_size
from spectrax.core.errors import ConfigError

MODELS = [f"model={name}" for name in networks()]
REDUCTIONS = ("all-reduce", "reduce-scatter")
PARAMETERS = "spectrax/parallel/layout.py"  # `Layout.gathered` asks for those that are split over fsdp
REVERSAL = "spectrax/parallel/global_batch.py"  # for mixup, examples change places; asked for there and nowhere else


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    return told_by(steps, tmp_path_factory)


@pytest.fixture(scope="session")
def every_model_told(tmp_path_factory):
    return told_by(steps, tmp_path_factory, steps.EVERY_MODEL)["said"]


@pytest.fixture(scope="session")
def everything_told(tmp_path_factory):
    return told_by(steps, tmp_path_factory, steps.EVERYTHING)["said"]


def check_that_no_activation_moves(case):
    """Of what a case's devices say in each layout, for the batch and perhaps for twice the batch."""
    assert isinstance(case, dict), case  # instead of it stands what is wrong
    for name, (once, *twice) in case.items():
        mesh = steps.LAYOUTS[name]
        if mesh["fsdp"] == 1:
            check_there_are_none(mesh, [one for one in once if one["kind"] == "all-gather"])
        if mesh["model"] == 1:
            others = [one for one in once if one["kind"] not in REDUCTIONS]
            check_there_are_none(mesh, [one for one in others if not asked_for(one, PARAMETERS, REVERSAL)])
        for double in twice:
            expected, found = moved(mesh, once), moved(mesh, double)
            grown = [one for one in double if found.get(one["kind"]) != expected.get(one["kind"])]
            assert found == expected, f"{expected} bytes become {found} for twice the batch\n{described(mesh, grown)}"


def check_there_are_none(mesh, collectives):
    assert not collectives, described(mesh, collectives)


def moved(mesh, said):
    """Bytes by kind, without what has to grow with the batch: its reversal, and the sums of activations that devices
    which share a layer make."""
    totals = collections.Counter()
    for one in said:
        shared_layer = one["kind"] in REDUCTIONS and mesh["model"] > 1
        if not asked_for(one, REVERSAL) and not shared_layer:
            totals[one["kind"]] += one["total_bytes"]
    return dict(totals)


def asked_for(one, *files):
    return any(file in one["source"] for file in files)


def described(mesh, said):
    lines = {f"{one['kind']} {one['dtype']}{one['shape']} from {one['source']} ({one['operation']})" for one in said}
    return "\n  ".join([f"Over {mesh}:", *sorted(lines)])


@pytest.mark.parametrize("model", steps.quick())
def test_a_class_of_models_moves_no_activations(told, model):
    check_that_no_activation_moves(told["said"][model])


@pytest.mark.thorough
@pytest.mark.parametrize("model", MODELS)
def test_a_model_moves_no_activations_in_any_layout(every_model_told, model):
    check_that_no_activation_moves(every_model_told[model])


def test_token_labelling_moves_no_activations(told):
    """With label maps cut inside the step, boxes of tokens exchanged, and images erased."""
    case = told["said"]["token labelling"]
    check_that_no_activation_moves(case)
    assert any(asked_for(one, REVERSAL) for one in case["data"][0])


def test_our_transforms_move_no_activations(told):
    """With mixup, cutmix and erasing, in a program of one mesh and in one that runs once per device."""
    case = told["said"]["spectrax.ops"]
    check_that_no_activation_moves(case)
    assert all(any(asked_for(one, REVERSAL) for one in case[name][0]) for name in ("data", "fsdp", "pmap"))


def test_plain_transforms_are_found_out(told):
    """The same network with jax.numpy's: forward and backward each gather the whole batch, and the line is named."""
    case = told["said"]["jax.numpy"]
    with pytest.raises(AssertionError, match=r"all-gather .*steps_on_eight_devices\.py"):
        check_that_no_activation_moves(case)
    gathered = [sum(one["total_bytes"] for one in said if one["kind"] == "all-gather") for said in case["data"]]
    assert gathered[1] == 2 * gathered[0] > 0


def test_gathers_that_grow_are_found_out(told):
    """Where parameters may be gathered, activations show by their growth."""
    once, twice = told["said"]["model=svt_h_b"]["model"]
    extra = {**once[0], "kind": "all-gather", "total_bytes": 4, "source": "somewhere.py:1"}
    check_that_no_activation_moves({"model": [[*once, extra], [*twice, extra]]})
    with pytest.raises(AssertionError, match=r"all-gather .*somewhere\.py:1"):
        check_that_no_activation_moves({"model": [[*once, extra], [*twice, {**extra, "total_bytes": 8}]]})


def test_memory_per_device_falls_with_fsdp(told):
    sizes = [told["memory"][str(devices)] for devices in steps.FSDP_SIZES]
    arguments = [size["arguments"] for size in sizes]
    assert arguments == sorted(arguments, reverse=True)
    for devices, size in zip(steps.FSDP_SIZES, sizes, strict=True):
        # What does not divide is small; beside the state there are the resident data and the numbers of a batch.
        assert size["state"] <= 1.05 * sizes[0]["state"] / devices
        assert 0 < size["arguments"] - size["state"] - size["data"] <= 1024
    # What a run prints is one device's too, and holds the arguments.
    assert arguments[-1] <= sizes[-1]["step"] < sizes[0]["step"] / 2


def test_a_model_without_a_tiny_size_is_told_how_to_declare_one(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "bare.yaml").write_text("# Nothing.\n_target_: spectrax.models.svt.SVT\n")
    monkeypatch.setenv("SPECTRAX_CONFIG_PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"model=bare: .* no size .* contract: \{"):
        contract_size("svt_digits", ["model=bare"])


def test_a_tiny_size_is_no_part_of_a_config():
    assert "contract" not in compose_command(["+experiment=svt_digits", "model=svt_h_s"]).model
    with pytest.raises(ConfigError, match=r"model\.contract is not a key"):
        compose_command(["model.contract=null"])


@pytest.mark.every_experiment
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [*trained(), *MODELS])
def test_an_experiment_moves_no_activations(everything_told, name):
    check_that_no_activation_moves(everything_told[name])
