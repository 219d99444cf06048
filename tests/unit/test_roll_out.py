"""Roll-outs: windows that shift, gradients that go as far as they should, and flows whose errors are known."""

import dataclasses
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from matplotlib.animation import FuncAnimation
from PIL import Image

import spectrax
from spectrax.config.build import build
from spectrax.core.errors import ConfigError
from spectrax.core.trees import merge_module, module_state, split_module
from spectrax.tasks.roll_out import RollOut
from spectrax.tasks.stepping import advance
from spectrax.training.figures import save_figure

GIVEN, WANTED = 3, 4


class Factor(nnx.Module):
    """The last frames times a factor that is learnt."""

    def __init__(self, factor, frames=1):
        self.factor = nnx.Param(jnp.float32(factor))
        self.frames = frames

    def __call__(self, window, *, train, key=None):
        return self.factor[...] * window[..., -self.frames :]


class Inside(Factor):
    """Right within a domain, and a constant outside of it."""

    def __init__(self, factor, domain):
        super().__init__(factor)
        self.domain = jnp.asarray(domain)

    def __call__(self, window, *, train, key=None):
        return jnp.where(self.domain > 0, super().__call__(window, train=train), 1e3)


class Counting(nnx.Module):
    """The mean of the window, noise when it is given a key, and how often it was called."""

    def __init__(self):
        self.calls = nnx.BatchStat(jnp.zeros(()))

    def __call__(self, window, *, train, key=None):
        self.calls[...] = self.calls[...] + 1
        noise = 0.0 if key is None else jax.random.normal(key, (*window.shape[:-1], 1))
        return jnp.mean(window, -1, keepdims=True) + noise


def decaying(rate=0.9, batch=3, sizes=(6, 5)):
    """Frames that are each `rate` times the one before."""
    first = np.random.default_rng(0).normal(size=(batch, *sizes, 1)).astype(np.float32)
    frames = first * rate ** np.arange(GIVEN + WANTED, dtype=np.float32)
    return {"input": frames[..., :GIVEN], "target": frames[..., GIVEN:], "mask": np.ones(batch, bool)}


def loss(task, model, batch, seed=0):
    return task.loss("main", model, batch, {}, jax.random.key(seed))[0]


def gradient(task, factor, batch, seed=0):
    return float(jax.grad(lambda f: loss(task, Factor(f), batch, seed))(jnp.float32(factor)))


def evaluated(task, model, batch):
    return task.reduce({name: np.asarray(value) for name, value in task.metrics(model, batch).items()})


def test_a_window_shifts_by_what_was_predicted():
    window = jnp.arange(3.0).reshape(1, 1, 3)
    found = advance(Counting(), window, 3, train=False, key=None)
    frames = [0.0, 1.0, 2.0]
    for _ in range(3):
        frames.append(np.mean(frames[-3:]))
    np.testing.assert_allclose(found[0, 0], frames[3:], rtol=1e-6)
    two = advance(Factor(0.5, frames=2), jnp.arange(3.0).reshape(1, 1, 3), 2, train=False, key=None)
    np.testing.assert_allclose(two[0, 0], [0.5, 1, 0.25, 0.5])


@pytest.mark.parametrize("remat", [False, True])
@pytest.mark.parametrize("looped", [False, True])
def test_statistics_move_at_every_step_and_draws_differ(remat, looped):
    graph, parameters, statistics = split_module(Counting())

    def run(key):
        model = merge_module(graph, parameters, statistics)
        how = {"train": True, "key": key, "remat": remat, "looped": looped}
        return advance(model, jnp.zeros((2, 5, 3)), 4, **how), module_state(model)

    frames, after = jax.jit(run)(jax.random.key(0))
    assert after["calls"] == 4 and after.keys() == statistics.keys()
    assert len(np.unique(np.asarray(frames))) == frames.size
    plain = advance(
        merge_module(graph, parameters, statistics), jnp.zeros((2, 5, 3)), 4, train=True, key=jax.random.key(0)
    )
    np.testing.assert_allclose(frames, plain, rtol=1e-6)


def test_unrolled_training_sums_the_errors_of_all_steps():
    """A factor f for a decay r errs at step k by |(f / r)^k - 1|."""
    batch, ratio = decaying(0.9), 0.8 / 0.9
    each = sum(abs(ratio**step - 1) for step in range(1, WANTED + 1))
    assert float(loss(RollOut(), Factor(0.8), batch)) == pytest.approx(each, rel=1e-4)
    assert float(loss(RollOut(reduction="sum"), Factor(0.8), batch)) == pytest.approx(3 * each, rel=1e-4)
    two = sum(abs(ratio**step - 1) for step in (1, 2))
    assert float(loss(RollOut(steps=2), Factor(0.8), batch)) == pytest.approx(two, rel=1e-4)
    through = -sum(step * ratio ** (step - 1) / 0.9 for step in range(1, WANTED + 1))
    for how in ({}, {"remat": True}, {"looped": True}, {"looped": True, "remat": True}):
        assert gradient(RollOut(**how), 0.8, batch) == pytest.approx(through, rel=1e-4)


@pytest.mark.parametrize("training", ["unrolled", "one_step", "push_forward"])
def test_increments_are_added_to_the_last_frame(training):
    """A model that gives nothing stands still, and one that gives f - 1 times the last frame is the factor f."""
    batch, still, whole = decaying(0.9), RollOut(increments=True), RollOut(training=training)
    found = evaluated(still, Factor(0.0), batch)
    assert found["relative_l2"] == pytest.approx(found["persistence_relative_l2"], rel=1e-6)
    np.testing.assert_array_equal(still.predict(Factor(0.0), batch["input"])["field"][..., 0], batch["input"][..., -1])
    parts = dataclasses.replace(whole, increments=True)
    for seed in (0, 1):
        assert float(loss(parts, Factor(-0.2), batch, seed)) == pytest.approx(
            float(loss(whole, Factor(0.8), batch, seed)), rel=1e-4
        )
        assert gradient(parts, -0.2, batch, seed) == pytest.approx(gradient(whole, 0.8, batch, seed), rel=1e-4)


def test_increments_of_a_model_that_gives_whole_frames_are_refused():
    model = Factor(0.9)
    assert RollOut(increments=True).init(model, jax.random.key(0)) == {}
    model.normaliser = nnx.Dict()
    with pytest.raises(ConfigError, match=r"dataset\.normalise=null, or task\.increments=false"):
        RollOut(increments=True).init(model, jax.random.key(0))


@pytest.mark.parametrize("training", ["unrolled", "one_step", "push_forward"])
def test_outputs_outside_the_domain_do_not_count(training):
    batch, task = decaying(0.9), RollOut(training=training)
    batch["domain"] = (np.arange(6) < 3).astype(np.float32)[None, :, None, None] * np.ones((3, 6, 5, 1), np.float32)
    batch["target"] = batch["target"] * batch["domain"]
    inside = Inside(0.9, batch["domain"])
    assert float(loss(task, inside, batch)) < 1e-5 > evaluated(task, inside, batch)["relative_l2"]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_push_forward_counts_its_first_and_its_last_step_with_no_gradient_between(steps):
    """Of |f w / r^n - 1| with w = f^(n - 1) held: f^(n - 1) / r^n, wherever the window is drawn; and of a single step
    from the truth, which is the only one where there is no more."""
    task, batch, counted = RollOut(training="push_forward", push_forward_steps=steps), decaying(0.9), {1, steps}
    error = sum(1 - (0.8 / 0.9) ** step for step in counted)
    slope = -sum(0.8 ** (step - 1) / 0.9**step for step in counted)
    for seed in (0, 1):
        assert float(loss(task, Factor(0.8), batch, seed)) == pytest.approx(error, rel=1e-4)
        assert gradient(task, 0.8, batch, seed) == pytest.approx(slope, rel=1e-4)


def test_push_forward_draws_a_window_for_each_example_among_all_true_frames():
    """Frames that tell their own number: the error relative to frame t of a model that repeats frame t - 1 is 1 / t."""
    frames = np.ones((2, 4, 1), np.float32) * (1.0 + np.arange(GIVEN + WANTED, dtype=np.float32))
    task = RollOut(training="push_forward", push_forward_steps=1)

    def seen(count):
        batch = {"input": frames[:count, ..., :GIVEN], "target": frames[:count, ..., GIVEN:]}
        value = jax.jit(lambda key: task.loss("main", Factor(1.0), batch, {}, key)[0])
        return {round(float(value(jax.random.key(seed))), 4) for seed in range(40)}

    assert seen(1) == {round(1 / t, 4) for t in (4, 5, 6, 7)}
    assert len(seen(2)) > 4  # means of two errors of different times, too


def test_one_step_training_begins_every_step_with_the_truth():
    batch, error = decaying(0.9), 1 - 0.8 / 0.9
    task = RollOut(training="one_step")
    assert float(loss(task, Factor(0.8), batch)) == pytest.approx(WANTED * error, rel=1e-4)
    assert gradient(task, 0.8, batch) == pytest.approx(-WANTED / 0.9, rel=1e-4)


def test_noise_on_the_window_is_as_large_as_it_is_said():
    batch = {name: np.tile(values, (1, 20, 20) + (1,) * (values.ndim - 3)) if values.ndim > 1 else values
             for name, values in decaying(1.0).items()}  # fmt: skip
    error = float(loss(RollOut(training="one_step", steps=1, pushed_noise=0.1), Factor(1.0), batch))
    assert error == pytest.approx(0.1, rel=0.05)


def test_metrics_tell_every_step_and_what_persistence_reaches():
    batch, ratio = decaying(0.9), 0.8 / 0.9
    found = evaluated(RollOut(), Factor(0.8), batch)
    for step in range(1, WANTED + 1):
        assert found[f"relative_l2_step_{step}"] == pytest.approx(1 - ratio**step, rel=1e-4)
    true = 0.9 ** np.arange(1, WANTED + 1)
    assert found["persistence_relative_l2"] == pytest.approx(np.linalg.norm(1 - true) / np.linalg.norm(true), rel=1e-4)
    assert found[f"persistence_relative_l2_step_{WANTED}"] == pytest.approx(0.9**-WANTED - 1, rel=1e-4)
    block = np.linalg.norm(0.8 ** np.arange(1, WANTED + 1) - true) / np.linalg.norm(true)
    assert found["relative_l2"] == pytest.approx(block, rel=1e-4)
    assert found["loss"] == pytest.approx(sum(1 - ratio**step for step in range(1, WANTED + 1)), rel=1e-4)
    assert found["energy_drift"] == pytest.approx(1 - ratio ** (2 * WANTED), rel=1e-4)
    assert list(found)[:3] == ["loss", "relative_l2", "persistence_relative_l2"]


@pytest.mark.parametrize("frames_per_step", [1, 2])
def test_predictions_have_as_many_frames_as_are_asked_for(frames_per_step):
    """Whatever training does; of a model that gives two frames at once also an odd number."""
    batch, model = decaying(0.9), Factor(0.9**frames_per_step, frames=frames_per_step)
    options = {"frames_per_step": frames_per_step, "steps": 1}
    frames = np.concatenate([batch["target"], 0.9**WANTED * batch["target"]], -1)
    for wanted, asked in ((GIVEN, {}), (WANTED, {"predicted_frames": WANTED}), (5, {"predicted_frames": 5})):
        found = RollOut(**options, **asked).predict(model, jnp.asarray(batch["input"]))["field"]
        np.testing.assert_allclose(found, frames[..., :wanted], rtol=1e-5)


def test_a_recipe_predicts_as_many_frames_as_it_is_scored_on():
    config = spectrax.compose("fno_navier_stokes_small", ["task.steps=2"])
    assert build(config.task).predicted_frames == config.dataset.source.frames_out == 10


def test_a_wave_that_is_carried_keeps_its_energy_and_enstrophy():
    """A vorticity carried by one place a step, predicted as standing still: it errs, and nothing drifts."""
    x = np.arange(16) / 16
    wave = np.sin(2 * np.pi * 2 * x)[:, None] + np.cos(2 * np.pi * 3 * x)[None]
    frames = np.stack([np.roll(wave, step, (0, 1)) for step in range(GIVEN + WANTED)], -1)[None].astype(np.float32)
    batch = {"input": frames[..., :GIVEN], "target": frames[..., GIVEN:], "mask": np.ones(1, bool)}
    found = evaluated(RollOut(periodic=True, quantities="vorticity"), Factor(1.0), batch)
    assert found["relative_l2"] == pytest.approx(found["persistence_relative_l2"]) and found["relative_l2"] > 0.5
    assert max(found[f"{name}_drift"] for name in ("mean", "energy", "enstrophy")) < 1e-5
    half = evaluated(RollOut(periodic=True, quantities="vorticity"), Factor(0.5 ** (1 / WANTED)), batch)
    assert half["energy_drift"] == pytest.approx(0.75, rel=1e-4) == half["enstrophy_drift"]


def test_padding_and_several_frames_at_once():
    batch = decaying(0.9)
    batch["mask"][2] = False
    batch["target"][2] = 0
    found = evaluated(RollOut(frames_per_step=2, evaluate_with_batch_statistics=True), Factor(0.81, frames=2), batch)
    assert found["relative_l2"] < 1e-5 and set(found) >= {"relative_l2_step_1", "relative_l2_step_2"}
    assert "relative_l2_step_3" not in found and np.isnan(found["relative_l2_batch_statistics"])


@pytest.mark.parametrize("sizes", [(6, 5), (9,)])
def test_figures_and_tables_of_a_roll_out(sizes, tmp_path):
    batch, task, model = decaying(sizes=sizes), RollOut(bands=(1,)), Factor(0.8)
    totals = {name: np.asarray(value) for name, value in task.metrics(model, batch).items()}
    predict = lambda window: jax.device_get(task.predict(model, jnp.asarray(window)))  # noqa: E731
    drawn = task.figures(predict, batch, totals)
    moving = {"roll_out"} if len(sizes) == 2 else set()
    assert set(drawn) == {"predictions", "spectra", "error_against_time"} | moving
    energies, bands = drawn["spectra"].axes
    assert (energies.get_title(), bands.get_title()) == ("the last step", "all steps together")
    model_line, persistence = drawn["error_against_time"].axes[0].lines
    expected = [1 - (0.8 / 0.9) ** step for step in range(1, WANTED + 1)]
    np.testing.assert_allclose(model_line.get_ydata(), expected, rtol=1e-4)
    assert persistence.get_label() == "persistence"
    rows = task.rows(predict(batch["input"]))
    assert rows[0]["field"].shape == (*sizes, GIVEN)
    task.sheet(batch["input"], rows, list("abc"))
    for name, figure in drawn.items():
        save_figure(figure, tmp_path / f"{name}.png")
    assert len(list(tmp_path.iterdir())) == len(drawn)  # no temporary file is left
    if moving:
        assert isinstance(drawn["roll_out"], FuncAnimation)
        with Image.open(io.BytesIO((tmp_path / "roll_out.gif").read_bytes())) as picture:
            assert picture.n_frames == WANTED and picture.info["loop"] == 0


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"compare_in": "cosine"}, r"task=roll_out is for grids in space"),
        ({"quantities": "vorticity"}, r"task\.quantities=vorticity needs a periodic grid"),
        ({"training": "nonsense"}, r"task\.training='nonsense' is none of: unrolled, push_forward, one_step"),
        ({"quantities": "heat"}, r"task\.quantities='heat' is none of: scalar, vorticity"),
        ({"steps": 0}, r"task\.steps.* must be at least 1"),
        ({"predicted_frames": 0}, r"task\.predicted_frames.* must be at least 1"),
        ({"push_forward_steps": 0}, r"task\.push_forward_steps must be at least 1"),
        ({"frames_per_step": 3}, r"task\.frames_per_step=3 must divide the target's 4 frames"),
        ({"frames_per_step": 2}, r"The model gives \[6, 5, 2\] where the target is \[6, 5, 4\]"),
        ({"steps": 5}, r"task\.steps=5 reach beyond"),
        ({"training": "push_forward", "push_forward_steps": 5}, r"task\.push_forward_steps=5 of 1 frames reach beyond"),
    ],
)
def test_nonsense_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        loss(RollOut(**changes), Factor(1.0), decaying())
