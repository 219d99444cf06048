"""The task of learned dynamics: its metrics against hand-computed values, and its losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.latent_operators import make_operator
from spectrax.tasks import dynamics_metrics
from spectrax.tasks.dynamics import Dynamics

DT = 0.5


class Exact(nnx.Module):
    """Encodes a state as itself and multiplies it by a matrix; `off` is added to every forecast of the state."""

    def __init__(self, matrix, off=0.0):
        self.operator = make_operator("free", len(matrix), scale=1.0, rngs=nnx.Rngs(0))
        self.operator.kernel[...] = jnp.asarray(matrix, jnp.float32)
        self.off = off

    def encode(self, x):
        return x

    def decode(self, z):
        return z

    def scaled(self, x):
        return x / 2

    def __call__(self, window, *, train, key=None):
        predicted = self.operator.advance(window[:, 0], window.shape[1] - 1)
        steps = jnp.arange(1, window.shape[1])[None, :, None]
        return {
            "latent": window,
            "reconstruction": window,
            "predicted_latent": predicted,
            "prediction": predicted + self.off * steps,
        }


def rotation(angle):
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def windows(count=4, frames=9, angle=0.3, seed=0):
    """Of a rotation, (count, frames, 2) float32."""
    state = np.random.default_rng(seed).standard_normal((count, 2))
    frames = [state @ np.linalg.matrix_power(rotation(angle), n) for n in range(frames)]
    return np.stack(frames, 1).astype(np.float32)


def measured(task, model, window, mask=None):
    mask = np.ones(len(window), bool) if mask is None else mask
    totals = jax.jit(task.metrics)(model, {"window": jnp.asarray(window), "mask": jnp.asarray(mask)})
    return task.reduce({name: np.asarray(value, np.float64) for name, value in totals.items()})


def test_an_exact_model_has_no_error_and_forecasts_forever():
    found = measured(Dynamics(dt=DT, horizons=[1, 5, 20]), Exact(rotation(0.3)), windows())
    assert found["loss"] < 1e-10 and found["nrmse"] < 1e-5 and found["nrmse_step_5"] < 1e-5
    assert "nrmse_step_20" not in found  # beyond the window
    assert found["valid_time"] == pytest.approx(8 * DT)
    assert found["spectral_radius"] == pytest.approx(1, abs=1e-6) and found["near_circle"] == 1


def test_errors_are_those_computed_by_hand():
    """A forecast that is off by 0.2 k in both coordinates after k steps: by 0.1 k in the model's units."""
    window = windows()
    found = measured(Dynamics(dt=DT, lyapunov=2.0, horizons=[1, 5]), Exact(rotation(0.3), off=0.2), window)
    deviation = np.sqrt(np.mean(np.var(window.astype(np.float64) / 2, axis=(0, 1))))
    assert found["nrmse_step_1"] == pytest.approx(0.1 / deviation, rel=1e-5)
    assert found["nrmse_step_5"] == pytest.approx(0.5 / deviation, rel=1e-5)
    assert found["prediction"] == pytest.approx(np.mean((0.1 * np.arange(1, 9)) ** 2), rel=1e-5)
    for below, steps in ((0.35, 3), (0.45, 4)):
        found = measured(Dynamics(dt=DT, lyapunov=2.0, valid_below=below), Exact(rotation(0.3), off=0.2), window)
        assert found["valid_time"] == steps * DT * 2.0


def test_padding_counts_nothing_and_batches_add_up():
    task, model, window = Dynamics(dt=DT, free_steps=6), Exact(rotation(0.4), off=0.1), windows()
    padded = np.concatenate([window, np.full_like(window[:2], np.nan)])
    whole = measured(task, model, window)
    assert measured(task, model, padded, np.arange(6) < 4) == pytest.approx(whole, rel=1e-5)
    metrics = jax.jit(task.metrics)
    parts = [
        metrics(model, {"window": jnp.asarray(window[at]), "mask": jnp.ones(2, bool)})
        for at in (slice(0, 2), slice(2, 4))
    ]
    added = {name: np.asarray(parts[0][name], np.float64) + np.asarray(parts[1][name]) for name in parts[0]}
    assert task.reduce(added) == pytest.approx(whole, rel=1e-4)


def in_batches(task, model, window, size):
    """Metrics of a split whose last batch is padded."""
    totals, metrics = {}, jax.jit(task.metrics)
    for start in range(0, len(window), size):
        part = window[start : start + size]
        mask = np.arange(size) < len(part)
        part = np.concatenate([part, np.full((size - len(part), *part.shape[1:]), np.nan, part.dtype)])
        for name, value in metrics(model, {"window": jnp.asarray(part), "mask": mask}).items():
            totals[name] = totals.get(name, 0.0) + np.asarray(value, np.float64)
    return task.reduce(totals), totals


@pytest.mark.parametrize("offset", [0, 1e3, 1e4, 1e5])
@pytest.mark.parametrize("size", [16, 5])
def test_errors_count_in_deviations_wherever_the_mean_lies(offset, size):
    window = (offset + np.random.default_rng(0).standard_normal((16, 6, 2))).astype(np.float32)
    exact = window.astype(np.float64) / 2
    task = Dynamics(dt=DT)
    _, totals = in_batches(task, Exact(np.eye(2)), window, size)
    wanted = np.sqrt(np.mean((exact[:, 1:] - exact[:, :1]) ** 2, axis=(0, 2)) / np.mean(np.var(exact, axis=(0, 1))))
    np.testing.assert_allclose(task.measures.curves(totals)["persistence"], wanted, rtol=1e-5)


@pytest.mark.parametrize("deviation", [1, 1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("size", [16, 5])
def test_directions_are_counted_however_small_the_deviations(deviation, size):
    """Of three numbers about 1, 2 and 3 that vary together, and of three that vary apart."""
    random = np.random.default_rng(0)
    for noise in (random.standard_normal((16, 6, 1)) * np.ones(3), random.standard_normal((16, 6, 3))):
        window = (np.array([1.0, 2.0, 3.0]) + deviation * noise).astype(np.float32)
        states = window.astype(np.float64).reshape(-1, 3)
        wanted = dynamics_metrics.effective_dimension(np.cov(states.T, bias=True))
        found, _ = in_batches(Dynamics(dt=DT), Exact(np.eye(3)), window, size)
        assert found["effective_dimension"] == pytest.approx(wanted, rel=1e-4)


def test_a_free_run_on_the_same_states_has_no_divergence():
    """Of a state that stays what it is: one bin each, for truth and free run."""
    window = np.broadcast_to(windows(count=1)[:, :1], (4, 9, 2))
    found = measured(Dynamics(dt=DT, free_steps=20), Exact(np.eye(2)), window)
    assert found["kl_measure"] == pytest.approx(0, abs=1e-6)
    gone = measured(Dynamics(dt=DT, free_steps=20), Exact(1e-3 * np.eye(2)), 4 + 0.1 * window)
    assert gone["kl_measure"] == pytest.approx(np.log(1 / 1e-10), rel=1e-3)  # no bin in common


def test_free_runs_encode_again_or_never():
    model, window = Exact(rotation(0.3)), windows()
    runs = [
        dynamics_metrics.Measures((1,), DT, None, 0.4, 7, reencode)._free_run(model, jnp.asarray(window[:, 0]))
        for reencode in (1, 3, None)
    ]
    for run in runs:
        np.testing.assert_allclose(run, windows(frames=8)[:, 1:], atol=1e-5)


@pytest.mark.parametrize(
    "values, dimension", [([1, 1, 1, 1], 4.0), ([1, 0, 0], 1.0), ([0.5, 0.5, 0], 2.0), ([0, 0], 1.0)]
)
def test_the_effective_dimension_counts_equal_directions(values, dimension):
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((len(values),) * 2))[0]
    assert dynamics_metrics.effective_dimension(turn @ np.diag(values) @ turn.T) == pytest.approx(dimension)


def test_divergences_of_histograms():
    p, q = np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]])
    expected = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    assert dynamics_metrics.kullback_leibler(p, q) == pytest.approx([expected])


def test_training_sees_a_part_of_the_window_that_moves():
    task, window = Dynamics(steps=3), jnp.asarray(windows(frames=9))
    parts = {np.asarray(task._part(window, jax.random.key(k))).tobytes() for k in range(40)}
    assert len(parts) == 6  # a part of 4 frames begins at 0 to 5
    loss, (_, terms) = task.loss("all", Exact(rotation(0.3)), {"window": window}, {}, jax.random.key(0))
    assert loss < 1e-10 and set(terms) == {"reconstruction", "prediction", "linearity"}


def test_a_free_run_needs_the_deviations_of_the_data():
    """Histograms go over 5 of the model's units: of unnormalised states, such as Lorenz's, most would lie outside."""
    model = Exact(rotation(0.3))
    assert Dynamics().init(model, jax.random.key(0)) == {}
    with pytest.raises(ConfigError, match=r"free_steps=6 .* dataset\.normalise=channel"):
        Dynamics(free_steps=6).init(model, jax.random.key(0))
    model.normaliser = {}
    assert Dynamics(free_steps=6).init(model, jax.random.key(0)) == {}


def test_values_that_make_no_sense_are_told():
    with pytest.raises(ConfigError, match=r"task\.steps=20 needs windows of 21 frames; they have 9"):
        Dynamics(steps=20)._part(jnp.asarray(windows()), jax.random.key(0))
    for wrong in ({"linearity": -1.0}, {"horizons": [0]}, {"dt": 0.0}, {"free_steps": -1}):
        with pytest.raises(ConfigError, match="task"):
            Dynamics(**wrong)
