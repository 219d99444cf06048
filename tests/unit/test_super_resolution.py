"""A network trained on every second point of a grid and evaluated on all of them, at a tiny size."""

import numpy as np
import pytest
from omegaconf import OmegaConf
from sparing import sparing

import spectrax
from spectrax import train
from spectrax.core.errors import CheckpointError
from spectrax.evaluate import load_run

TINY = [
    "dataset.source={grid: [32,32], solve_grid: 32, train: 8, test: 4, step: 0.05, interval: 0.5}",
    "dataset.grid=[16,16]",
    "model={grid: [16,16], width: 8, modes: 4}",
    "trainer={steps: 30, batch_size: 4, eval_batch_size: 4, evaluate_every_steps: 30, figures: false}",
    "schedule={peak: 1e-2, warmup_steps: 2}",
    "callback=[]",
]
FINE = ["dataset.subsample=null", "dataset.grid=[32,32]"]
MODELS = {
    "fno_classic": ["model.hidden=16", "model.layers=2"],
    "t1_2d": ["model=t1_2d", "task.compare_in=cosine", "model.depth=2", "model.head=16"],
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def trained(name, data_dir, run_dir, *words):
    overrides = [*TINY, *MODELS[name], f"data_dir={data_dir}", f"run_dir={run_dir}", *words]
    config = spectrax.compose("fno_super_resolution", overrides)
    assert train.run(config, overrides) == 0
    return str(run_dir)


@pytest.mark.parametrize("name", sparing(MODELS, "t1_2d"))
def test_what_is_trained_on_every_second_point_is_evaluated_on_all(name, data_dir, tmp_path):
    run = trained(name, data_dir, tmp_path / "run")
    coarse, fine = load_run(run), load_run(run, overrides=FINE)
    shapes = [loaded.dataset.spec.fields["target"].shape for loaded in (coarse, fine)]
    assert shapes == [(16, 16, 1), (32, 32, 1)]
    errors = [loaded.evaluate("test")["relative_l2"] for loaded in (coarse, fine)]
    assert errors[0] < 0.9 and abs(errors[1] / errors[0] - 1) < 0.15
    # The same field on both grids, where these meet: it is one function that was learnt.
    example = next(iter(fine.dataset.stored("test")))["input"][None]
    whole, part = fine.predict(example)["field"], coarse.predict(example[:, ::2, ::2])["field"]
    assert np.linalg.norm(whole[:, ::2, ::2] - part) < 0.25 * np.linalg.norm(part)


def test_moments_of_every_location_are_of_one_grid_alone(data_dir, tmp_path):
    """Those of channels go with any grid; a run's own are kept."""
    run = trained("fno_classic", data_dir, tmp_path / "channels", "dataset.normalise=channel")
    assert load_run(run, overrides=FINE).evaluate("test")["relative_l2"] < 1.0
    assert OmegaConf.load(tmp_path / "channels" / "config.yaml").dataset.normalise == "channel"
    run = trained("fno_classic", data_dir, tmp_path / "locations", "dataset.normalise=location", "trainer.steps=2")
    with pytest.raises(CheckpointError, match="normaliser/"):
        load_run(run, overrides=FINE)
