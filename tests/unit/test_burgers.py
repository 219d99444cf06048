"""Burgers and Kuramoto-Sivashinsky: the Cole-Hopf solution, orders of accuracy, invariants, determinism."""

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.solvers import optional_packages
from spectrax.solvers.burgers import burgers, burgers_initial
from spectrax.solvers.kuramoto_sivashinsky import kuramoto_sivashinsky, kuramoto_sivashinsky_initial
from spectrax.solvers.periodic_functions import periodic_function

NEEDS_EXPONAX = "needs the extra `pde` (exponax)"


@pytest.fixture(scope="module")
def exponax():
    return pytest.importorskip("exponax", reason=NEEDS_EXPONAX)


def cole_hopf(points, viscosity, length, time, strength):
    """u = -2 viscosity (log phi)_x for the solution phi = 1 + strength exp(-viscosity k^2 t) cos(k x) of heat's
    equation."""
    k = 2 * np.pi / length
    x = np.arange(points) * length / points
    amplitude = strength * np.exp(-viscosity * k**2 * time)
    return 2 * viscosity * k * amplitude * np.sin(k * x) / (1 + amplitude * np.cos(k * x))


@pytest.mark.parametrize(("viscosity", "length"), [(0.1, 1.0), (0.03, 2.0)])
def test_burgers_is_the_cole_hopf_solution(exponax, viscosity, length):
    times = (0.25, 0.5, 0.75)
    initial = np.stack([cole_hopf(128, viscosity, length, 0.0, strength) for strength in (0.5, -0.8)])
    solved = burgers(initial, viscosity=viscosity, length=length, frames=3, interval=0.25, time_step=2.5e-3)
    exact = np.stack([[cole_hopf(128, viscosity, length, t, strength) for t in times] for strength in (0.5, -0.8)])
    assert solved.dtype == np.float64 and solved.shape == (2, 3, 128)
    np.testing.assert_allclose(solved, exact, rtol=0, atol=1e-8)


def test_burgers_conserves_the_mean_and_spends_energy(exponax):
    initial = np.stack([burgers_initial(0, index, 128, mean=True) for index in range(3)])
    solved = burgers(initial, frames=4, interval=0.1, time_step=5e-3, viscosity=0.02)
    mean = initial.mean(-1)[:, None]
    np.testing.assert_allclose(solved.mean(-1) - mean, 0, atol=1e-13)
    energy = np.concatenate([initial[:, None], solved], 1) ** 2
    assert np.all(np.diff(energy.mean(-1), axis=1) < 0)


def test_burgers_initial_fields_have_the_stated_covariance():
    fields = np.stack([burgers_initial(0, index, 32, mean=True) for index in range(3000)])
    waves = np.arange(-64, 65)
    spectrum = 625 / (4 * np.pi**2 * waves**2 + 25) ** 2
    for lag in (0, 3, 16):
        expected = np.sum(spectrum * np.cos(2 * np.pi * waves * lag / 32))
        measured = np.mean(fields * np.roll(fields, lag, -1))
        assert measured == pytest.approx(expected, abs=0.06)  # about 3 standard errors
    assert np.abs(np.mean([burgers_initial(0, index, 256) for index in range(20)], -1)).max() < 1e-14


@pytest.mark.parametrize("initial", [burgers_initial, kuramoto_sivashinsky_initial])
def test_initial_fields_are_functions_of_seed_index_and_position(initial):
    field = initial(1, 2, 256)
    np.testing.assert_array_equal(field, initial(1, 2, 256))
    np.testing.assert_allclose(initial(1, 2, 512)[::2], field, atol=1e-13)
    assert np.abs(field - initial(1, 3, 256)).max() > 0.1 and np.abs(field - initial(2, 2, 256)).max() > 0.1


def test_kuramoto_sivashinsky_converges_with_the_step_and_the_resolution(exponax):
    initial = kuramoto_sivashinsky_initial(0, 0, 128)[None]
    solve = {step: kuramoto_sivashinsky(initial, frames=2, interval=10.0, time_step=step) for step in (0.2, 0.1, 0.05)}
    differences = [np.abs(solve[a] - solve[b]).max() for a, b in ((0.2, 0.1), (0.1, 0.05))]
    assert 8 < differences[0] / differences[1] < 32  # of fourth order
    by_points = {
        points: kuramoto_sivashinsky(kuramoto_sivashinsky_initial(0, 0, points)[None], frames=1, interval=20.0)
        for points in (64, 128, 256)
    }
    coarse, fine = (np.abs(by_points[2 * n][..., ::2] - by_points[n]).max() for n in (64, 128))
    assert fine < 2e-4 and fine < 0.05 * coarse  # spectral, until the trajectories part


def test_kuramoto_sivashinsky_grows_at_the_linear_rate_and_conserves_the_mean(exponax):
    length, waves = 64.0, np.arange(1, 13)
    x = np.arange(128) * length / 128
    k = 2 * np.pi * waves / length
    initial = 1e-6 * np.cos(k[:, None] * x)
    grown = kuramoto_sivashinsky(initial, length=length, viscosity=0.9, frames=1, interval=4.0)[:, 0]
    amplitude = 2 * np.mean(grown * np.cos(k[:, None] * x), -1)
    np.testing.assert_allclose(np.log(amplitude / 1e-6) / 4.0, k**2 - 0.9 * k**4, atol=1e-6)

    chaotic = kuramoto_sivashinsky(0.3 + kuramoto_sivashinsky_initial(0, 0, 128)[None], frames=60, time_step=0.1)
    np.testing.assert_allclose(chaotic.mean(-1), 0.3, atol=1e-12)
    assert 1.0 < chaotic[0, 40:].std() < 1.6  # saturated, neither decayed nor blown up


def test_trajectories_do_not_depend_on_the_batch_or_on_the_frames_asked_for(exponax):
    initial = np.stack([burgers_initial(0, index, 64) for index in range(3)])
    settings = {"interval": 0.1, "time_step": 0.01}
    together = burgers(initial, frames=3, **settings)
    np.testing.assert_allclose(burgers(initial[1:2], frames=2, **settings)[0], together[1, :2], rtol=0, atol=1e-13)


def test_wrong_arguments_are_named(exponax):
    with pytest.raises(ConfigError, match="shape"):
        burgers(np.zeros(8))
    with pytest.raises(ConfigError, match="positive"):
        burgers(np.zeros((1, 8)), time_step=0.0)
    with pytest.raises(ConfigError, match="shape"):
        periodic_function(np.zeros(8), np.zeros(4), length=1, scale=1, shift=1, power=1)
    steep = 50 * np.stack([burgers_initial(0, 0, 32)])
    with pytest.raises(ConfigError, match="shorter time_step"):
        burgers(steep, viscosity=1e-4, time_step=0.1)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(optional_packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'spectrax\[pde\]'"):
        burgers(np.zeros((1, 8)))
