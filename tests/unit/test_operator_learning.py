"""The operator-learning task: losses, padded batches, coefficients, domains, figures and tables of fields."""

import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
from flax import nnx
from matplotlib.figure import Figure

from spectrax.core.errors import ConfigError
from spectrax.predict import ArrayFiles
from spectrax.tasks.operator_learning import OperatorLearning


class Answers(nnx.Module):
    """A model that computes one function of its input."""

    def __init__(self, function):
        self.function = function

    def __call__(self, inputs, *, train, key=None):
        return self.function(inputs)


class Normed(nnx.Module):
    """A batch norm alone."""

    def __init__(self):
        self.norm = nnx.BatchNorm(1, use_fast_variance=False, rngs=nnx.Rngs(0))

    def __call__(self, inputs, *, train, key=None):
        return self.norm(inputs, use_running_average=not train)


def fields(batch=4, sizes=(8, 6), channels=1, seed=0):
    generator = np.random.default_rng(seed)
    draw = lambda c: generator.normal(size=(batch, *sizes, c)).astype(np.float32)  # noqa: E731
    return {"input": draw(1), "target": draw(channels), "mask": np.ones(batch, bool)}


def norms(x):
    return np.linalg.norm(np.reshape(x, (len(x), -1)), axis=1)


def evaluated(task, model, batch):
    return task.reduce({name: np.asarray(value) for name, value in task.metrics(model, batch).items()})


def loss(task, model, batch):
    return task.loss("main", model, batch, {}, jax.random.key(0))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_loss_is_the_relative_error_of_each_example(reduction):
    batch = fields()
    value, (_, told) = loss(OperatorLearning(reduction=reduction), Answers(lambda x: 2 * x), batch)
    expected = norms(2 * batch["input"] - batch["target"]) / norms(batch["target"])
    assert float(value) == pytest.approx(getattr(np, reduction)(expected), rel=1e-5)
    assert float(told["relative_l2"]) == pytest.approx(expected.mean(), rel=1e-5)


def test_other_objectives_are_minimised_by_the_truth_alone():
    batch = fields()
    exact = Answers(lambda _: jnp.asarray(batch["target"]))
    for objective in ("h1", "mean_squared"):
        task = OperatorLearning(objective=objective)
        assert float(loss(task, exact, batch)[0]) == 0 < float(loss(task, Answers(lambda x: x), batch)[0])
    mean = np.mean((batch["input"] - batch["target"]) ** 2)
    value = loss(OperatorLearning(objective="mean_squared"), Answers(lambda x: x), batch)[0]
    assert float(value) == pytest.approx(mean, rel=1e-5)


def test_coefficients_are_compared_as_fields_are():
    """Parseval: both losses are equal, and metrics and predictions are of fields."""
    batch = fields(channels=2)
    double = lambda x: jnp.concatenate([2 * x, x], -1)  # noqa: E731
    spectral = Answers(lambda x: jnp.asarray(scipy.fft.dctn(double(x), axes=(1, 2), norm="ortho")))
    for objective in ("relative_l2", "mean_squared"):
        task = OperatorLearning(objective=objective, compare_in="cosine")
        inner, outer = loss(task, spectral, batch)[0], loss(OperatorLearning(objective), Answers(double), batch)[0]
        assert float(inner) == pytest.approx(float(outer), rel=1e-5)
    found, expected = evaluated(task, spectral, batch), evaluated(OperatorLearning(objective), Answers(double), batch)
    assert found == pytest.approx(expected, rel=1e-4) and "relative_l2_channel_2" in found
    np.testing.assert_allclose(task.predict(spectral, batch["input"])["field"], double(batch["input"]), atol=1e-5)


def test_metrics_leave_padding_out_and_add_up():
    batch = fields(batch=6)
    batch["mask"][4:] = False
    batch["target"][4:] = 0  # of which no relative error is finite
    task, model = OperatorLearning(bands=(1, 2)), Answers(lambda x: x)
    sums = {name: np.asarray(value) for name, value in task.metrics(model, batch).items()}
    found = task.reduce(sums)
    expected = (norms(batch["input"] - batch["target"])[:4] / norms(batch["target"])[:4]).mean()
    assert found["relative_l2"] == pytest.approx(expected, rel=1e-5) and found["loss"] == found["relative_l2"]
    assert all(np.isfinite(value) for value in found.values())
    assert task.reduce({name: 3 * value for name, value in sums.items()}) == pytest.approx(found)
    bands = {name for name in found if "band" in name}
    assert bands == {f"relative_l2_band_{name}" for name in ("0_to_1", "1_to_2", "above_2")}
    assert list(found)[:2] == ["loss", "relative_l2"]


def test_outputs_outside_the_domain_do_not_count():
    batch = fields()
    batch["domain"] = (np.arange(8) < 4).astype(np.float32)[None, :, None, None] * np.ones((4, 8, 6, 1), np.float32)
    batch["target"] = batch["target"] * batch["domain"]
    inside = Answers(lambda x: jnp.where(batch["domain"] > 0, batch["target"], 1e3))
    task = OperatorLearning()
    assert float(loss(task, inside, batch)[0]) == 0 == evaluated(task, inside, batch)["nrmse"]
    totals = {name: np.asarray(value) for name, value in task.metrics(inside, batch).items()}
    drawn = task.figures(lambda _: {"field": np.full((4, 8, 6, 1), 1e3)}, batch, totals)["predictions"]
    assert np.isnan(drawn.axes[1].images[0].get_array().filled(np.nan)[:, 4:]).all()  # its first axis is to the right
    with pytest.raises(ConfigError, match=r"task\.compare_in=cosine cannot cut"):
        loss(OperatorLearning(compare_in="cosine"), inside, batch)


def test_points_have_codes_and_no_spectra():
    batch = {**fields(sizes=(9,)), "input": np.zeros((4, 9, 2), np.float32), "code": np.ones((4, 42), np.float32)}
    task = OperatorLearning(geometry="points")
    model = Answers(lambda given: given["input"][..., :1] + given["code"][:, None, :1])
    assert set(evaluated(task, model, batch)) == {"loss", "relative_l2", "nrmse"}
    assert task.predict(model, task.inputs(batch))["field"].shape == (4, 9, 1)


def test_batch_statistics_are_reported_beside_honest_metrics():
    """The norm sees each batch itself; running statistics, as they begin, leave fields as they are."""
    batch = fields()
    batch["target"] = (batch["input"] - batch["input"].mean()) / np.sqrt(batch["input"].var() + 1e-5)
    task = OperatorLearning(evaluate_with_batch_statistics=True)
    found = evaluated(task, Normed(), batch)
    assert found["relative_l2_batch_statistics"] < 1e-5 < 1e-2 < found["relative_l2"]
    whole = task.metrics(Normed(), batch)
    batch["mask"][3:] = False
    part = task.metrics(Normed(), batch)
    both = {name: np.asarray(whole[name]) + np.asarray(part[name]) for name in whole}
    assert task.reduce(both)["relative_l2_batch_statistics"] == found["relative_l2_batch_statistics"]
    assert np.isnan(evaluated(task, Normed(), batch)["relative_l2_batch_statistics"])


def test_figures_tell_the_best_and_the_worst():
    batch = fields(batch=3)
    scale = np.array([1.0, 1.5, 1.1], np.float32)[:, None, None, None]
    task = OperatorLearning()
    predict = lambda _: {"field": batch["target"] * scale}  # noqa: E731
    totals = {name: np.asarray(v) for name, v in task.metrics(Answers(lambda x: x), batch).items()}
    drawn = task.figures(predict, batch, totals)
    assert set(drawn) == {"predictions", "spectra"} and all(isinstance(one, Figure) for one in drawn.values())
    titles = [axes.get_ylabel() for axes in drawn["predictions"].axes if "relative L2" in axes.get_ylabel()]
    assert [title.split("\n")[1] for title in titles] == [
        f"relative L2 {error}" for error in ("0.0000", "0.1000", "0.5000")
    ]
    # Truth and prediction share their colours; the error's are symmetric about zero.
    _, truth, prediction, error = (axes.images[0] for axes in drawn["predictions"].axes[8:12])
    assert truth.get_clim() == prediction.get_clim() and error.get_clim()[0] == -error.get_clim()[1] < 0


@pytest.mark.parametrize("geometry, sizes", [("mesh", (5, 4)), ("points", (9,)), ("grid", (9,)), ("grid", (4, 5, 6))])
def test_fields_of_every_kind_are_drawn_and_told(geometry, sizes):
    batch = fields(sizes=sizes, channels=2)
    batch["input"] = np.random.default_rng(1).uniform(size=(4, *sizes, 2)).astype(np.float32)
    task = OperatorLearning(geometry=geometry, channels=["pressure", "speed"], bands=(1,))
    totals = {name: np.asarray(v) for name, v in task.metrics(Answers(lambda x: x), batch).items()}
    drawn = task.figures(lambda given: {"field": np.asarray(given)}, batch, totals)
    assert ("spectra" in drawn) == (geometry != "points")
    rows = task.rows({"field": batch["target"]})
    assert rows[2]["field"] is not None and rows[2]["largest_speed"] == f"{batch['target'][2, ..., 1].max():.6g}"
    assert isinstance(task.sheet(batch["input"], rows, ["a.npy"] * 4), Figure)


def test_an_output_that_would_be_stretched_to_the_target_is_refused():
    batch, model = fields(channels=2), Answers(lambda x: x)
    for call in (loss, evaluated):
        with pytest.raises(ConfigError, match=r"gives \[8, 6, 1\] where the target is \[8, 6, 2\]"):
            call(OperatorLearning(), model, batch)


def test_predicted_fields_are_saved_and_named_in_the_table(tmp_path):
    field = np.arange(6.0).reshape(2, 3, 1)
    arrays = ArrayFiles(tmp_path)
    rows = [arrays.saved(Path(name), {"field": field, "mean": "2.5"}) for name in ("a/flow.npy", "b/flow.npz", "c.npy")]
    assert [row["field"] for row in rows] == ["flow_field.npy", "flow_field_2.npy", "c_field.npy"]
    assert rows[0]["mean"] == "2.5" and sorted(p.name for p in tmp_path.iterdir()) == sorted(r["field"] for r in rows)
    np.testing.assert_array_equal(np.load(tmp_path / "flow_field_2.npy"), field)


@pytest.mark.parametrize("output, space", [("spectrum", "space"), ("field", "cosine")])
def test_a_model_that_says_it_gives_something_else_is_refused(output, space):
    model = types.SimpleNamespace(output=output)
    with pytest.raises(ConfigError, match=rf"model\.output={output} cannot be compared in task\.compare_in={space}"):
        OperatorLearning(compare_in=space).init(model, None)
    other = "cosine" if space == "space" else "space"
    assert OperatorLearning(compare_in=other).init(model, None) == {}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"objective": "h2"}, r"task\.objective='h2' is none of: relative_l2, h1, mean_squared"),
        ({"reduction": "max"}, r"task\.reduction='max' is none of: mean, sum"),
        ({"compare_in": "fourier"}, r"task\.compare_in='fourier' is none of: space, cosine"),
        ({"geometry": "graph"}, r"task\.geometry='graph' is none of: grid, mesh, points"),
        ({"objective": "h1", "geometry": "points"}, r"task\.objective=h1"),
        ({"compare_in": "cosine", "geometry": "points"}, r"task\.compare_in=cosine"),
        ({"bands": (12, 4)}, r"task\.bands"),
        ({"view": (0, 1)}, r"task\.view"),
    ],
)
def test_nonsense_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        OperatorLearning(**changes)
