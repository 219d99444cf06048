"""The same run in one process or two, on one device or eight, however batch and state are split."""

import members
import pytest

thorough = pytest.mark.thorough
LAYOUTS = {
    "1x8": (1, 8, []),
    "2x4": (2, 4, []),
    "2x4_fsdp": (2, 4, ["mesh.data=2", "mesh.fsdp=-1", "mesh.fsdp_minimum=64"]),
    "2x2_pmap": (2, 2, ["trainer.parallel=pmap"]),
    "2x1_model": (2, 1, members.SHARED_LAYERS),
}


@pytest.fixture(scope="module")
def alone(data_dir, tmp_path_factory):
    """Metrics of the small run in one process with one device."""
    folder = tmp_path_factory.mktemp("alone")
    members.train("run_dir=run", cwd=folder, data_dir=data_dir, count=1)
    return members.metrics(folder / "run")


@pytest.mark.parametrize(
    "name",
    [*(pytest.param(name, marks=thorough) for name in ("1x8", "2x4", "2x1_model", "2x2_pmap")), "2x4_fsdp"],
)
def test_the_same_losses_on_every_layout(name, alone, data_dir, tmp_path):
    """Random layers, mixup and shifts included: draws depend on the seed, the step and an example's place alone."""
    count, devices, words = LAYOUTS[name]
    members.train("run_dir=run", *words, cwd=tmp_path, data_dir=data_dir, count=count, devices=devices)
    other = members.metrics(tmp_path / "run")
    assert alone.keys() == other.keys()
    losses = [key for key in alone if key[2] == "loss"]
    assert len(losses) > 30
    for key in losses:
        assert other[key] == pytest.approx(alone[key], rel=1e-5), key
