"""The direct trainer with a small estimator of its own: what it leaves, finds again, refuses."""

import csv
import dataclasses
import functools
import json
import math
import types
import warnings
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from spectrax.core import array_files
from spectrax.core.direct_protocols import Judgement
from spectrax.core.errors import CheckpointError, ConfigError, NonFiniteLoss
from spectrax.core.protocols import DatasetSpec, Experiment
from spectrax.parallel.layout import make_layout
from spectrax.training.direct import Direct
from spectrax.writers.csv import CsvWriter


@dataclasses.dataclass(frozen=True)
class Line:
    """A slope with its ridge."""

    slope: np.ndarray
    ridge: float


@dataclasses.dataclass(frozen=True)
class LeastSquares:
    ridge: float = 0.0
    fits = []  # noqa: RUF012 (counted over all of them)

    def fit(self, given, seed):
        self.fits.append(seed)
        x, y = given.T
        return Line(np.atleast_1d(x @ y / (x @ x + self.ridge)), self.ridge)


class Points:
    """Points of the line y = 3 x; the test split is off it by one."""

    def __init__(self, splits=("train", "validation", "test")):
        self.spec = DatasetSpec({}, dict.fromkeys(splits, 4))

    def points(self, split):
        x = np.arange(1.0, 5.0)
        return np.stack([x, 3 * x + (split == "test")], 1)


class Regression:
    def given(self, dataset, split):
        return dataset.points(split)

    def judge(self, fitted, dataset, split, estimator, seed):
        x, y = dataset.points(split).T
        error = float(np.mean((fitted.slope * x - y) ** 2))
        return Judgement({"loss": error}, {"line": Figure}, {"verdict": {"split": split, "error": error}})


def experiment(tmp_path, make=LeastSquares, dataset=None, task=None, layout=None):
    return Experiment(
        name="line",
        run_dir=tmp_path,
        seed=7,
        make_model=make,
        dataset=dataset or Points(),
        loader=None,
        task=task or Regression(),
        layout=layout or make_layout(),
        writers=[CsvWriter()],
    )


@pytest.fixture
def fits():
    LeastSquares.fits.clear()
    return LeastSquares.fits


def test_a_run_leaves_what_every_run_leaves(tmp_path, fits):
    summary = Direct().run(experiment(tmp_path))
    assert fits == [7] and not summary.already_finished and summary.step == 1 and summary.parameters == 1
    assert summary.metrics == {"final.validation.loss": 0.0, "final.test.loss": 1.0}
    assert json.loads((tmp_path / "summary.json").read_text())["metrics"] == summary.metrics
    rows = list(csv.reader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert rows[1:] == [["1", "validation", "loss", rows[1][3]], ["1", "test", "loss", rows[2][3]]]
    assert [float(row[3]) for row in rows[1:]] == [0.0, 1.0]
    assert json.loads((tmp_path / "verdict.json").read_text()) == {"split": "test", "error": 1.0}
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["test_line.png"]


def test_what_an_estimator_warns_of_is_told_once(tmp_path, warned):
    class Doubtful(LeastSquares):
        def fit(self, given, seed):
            for _ in range(2):
                warnings.warn("The condition number is 1e12.", stacklevel=1)
            return super().fit(given, seed)

    Direct(figures=False).run(experiment(tmp_path, Doubtful))
    assert warned == ["The condition number is 1e12."]


def test_a_finished_run_is_found_and_an_interrupted_one_goes_on(tmp_path, fits):
    first = Direct().run(experiment(tmp_path))
    again = Direct().run(experiment(tmp_path))
    assert fits == [7] and again == dataclasses.replace(first, already_finished=True)
    (tmp_path / "summary.json").unlink()
    resumed = Direct(figures=False).run(experiment(tmp_path))
    assert fits == [7] and resumed.metrics == first.metrics and not resumed.already_finished


def test_a_run_is_opened_without_fitting(tmp_path, fits):
    with pytest.raises(CheckpointError, match="nothing fitted yet"):
        Direct().opened(experiment(tmp_path), tmp_path)
    Direct(figures=False).run(experiment(tmp_path, functools.partial(LeastSquares, ridge=1.0)))
    fitted, judged = Direct().opened(experiment(tmp_path), tmp_path)
    assert len(fits) == 1 and fitted.ridge == 1.0 and fitted.slope == pytest.approx(3 * 30 / 31)
    assert judged("train")["loss"] == pytest.approx(np.mean((3 * np.arange(1, 5) / 31) ** 2))
    (tmp_path / "checkpoints" / "step_1" / "fitted.npz").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="cannot be read"):
        Direct().opened(experiment(tmp_path), tmp_path)


def test_what_is_not_finite_is_not_kept(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Diverging(LeastSquares):
        def fit(self, given, seed):
            return Line(np.array([np.nan]), 0.0)

    with pytest.raises(NonFiniteLoss, match="not finite"):
        Direct().run(experiment(tmp_path, Diverging))
    assert not (tmp_path / "checkpoints").exists() and not (tmp_path / "summary.json").exists()


def test_a_dataset_without_training_examples_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no training examples"):
        Direct().run(experiment(tmp_path, dataset=Points(splits=("test",))))


def test_a_task_refuses_an_estimator_before_it_fits(tmp_path, fits):
    class Picky(Regression):
        def check_estimator(self, estimator, given):
            if estimator.ridge > len(given):
                raise ConfigError(f"A ridge of {estimator.ridge} for {len(given)} points.")

    with pytest.raises(ConfigError, match=r"A ridge of 9 for 4 points\."):
        Direct().run(experiment(tmp_path, functools.partial(LeastSquares, ridge=9), task=Picky()))
    assert fits == []
    Direct(figures=False).run(experiment(tmp_path, task=Picky()))
    assert fits == [7]


def test_another_run_s_weights_are_refused(tmp_path, fits):
    with pytest.raises(ConfigError, match="init_from gives a network its first weights"):
        Direct().run(dataclasses.replace(experiment(tmp_path), begin=lambda weights: weights))
    assert fits == []


def several_devices(**axes):
    """As much of a layout as a direct run looks at, of more devices than there are here."""
    shape = {"data": 1, "fsdp": 1, "model": 1, **axes}
    return types.SimpleNamespace(mesh=types.SimpleNamespace(shape=shape, size=math.prod(shape.values())))


def test_a_mesh_is_not_ignored_without_a_word(tmp_path, warned, fits):
    with pytest.raises(ConfigError, match=r"mesh\.fsdp=4 .* trainer=direct"):
        Direct().run(experiment(tmp_path, layout=several_devices(fsdp=4)))
    assert fits == []
    Direct(figures=False).run(experiment(tmp_path, layout=several_devices(data=4)))
    assert fits == [7] and warned == ["trainer=direct fits on the host: the 4 devices of the mesh stay idle."]


@dataclasses.dataclass(frozen=True)
class Kept:
    anything: Any
    inner: Any = None


def test_objects_of_arrays_come_back_as_they_were():
    array = np.arange(6).reshape(2, 3) * (1 + 2j)
    value = Kept((1, 2.5, "text", None, [True, 3 - 1j]), Kept({"a": array, "b": np.array(["x", "yz"])}))
    back = array_files.from_bytes(array_files.to_bytes(value), (__name__.partition(".")[0],), "file")
    assert type(back) is Kept and back.anything == value.anything
    np.testing.assert_array_equal(back.inner.anything["a"], array)
    assert back.inner.anything["a"].dtype == array.dtype and list(back.inner.anything["b"]) == ["x", "yz"]


def test_files_choose_neither_what_is_imported_nor_what_is_called():
    content = array_files.to_bytes(Kept(1))
    with pytest.raises(CheckpointError, match="none of the packages spectrax"):
        array_files.from_bytes(content, ("spectrax",), "file")
    with pytest.raises(CheckpointError, match="anything is a function, which cannot be saved"):
        array_files.to_bytes(Kept(lambda: 0))
