"""The same run in one process or two, on one device or eight, however batch and state are split."""

import members
import pytest


@pytest.fixture(scope="module")
def runs(undisturbed, data_dir, tmp_path_factory):
    """Name to metrics of the small run, laid out in different ways."""
    folder = tmp_path_factory.mktemp("layouts")
    layouts = {
        "1x1": (1, 1, []),
        "1x8": (1, 8, []),
        "2x4": (2, 4, []),
        "2x4_fsdp": (2, 4, ["mesh.data=2", "mesh.fsdp=-1", "mesh.fsdp_minimum=64"]),
        "2x2_pmap": (2, 2, ["trainer.parallel=pmap"]),
    }
    found = {"2x1": members.metrics(undisturbed)}
    for name, (count, devices, words) in layouts.items():
        members.train(f"run_dir={name}", *words, cwd=folder, data_dir=data_dir, count=count, devices=devices)
        found[name] = members.metrics(folder / name)
    return found


@pytest.mark.parametrize("name", ["1x8", "2x1", "2x4", "2x4_fsdp", "2x2_pmap"])
def test_the_same_losses_on_every_layout(runs, name):
    """Random layers, mixup and shifts included: draws depend on the seed, the step and an example's place alone."""
    alone, other = runs["1x1"], runs[name]
    assert alone.keys() == other.keys()
    losses = [key for key in alone if key[2] == "loss"]
    assert len(losses) > 30
    for key in losses:
        assert other[key] == pytest.approx(alone[key], rel=1e-5), key
