"""Laws of motion against what is known of them: orders of convergence, exact solutions, exact spectra, statistics."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.adversarial import TwistedAnnulus
from spectrax.solvers.dynamics.cmv import Cmv
from spectrax.solvers.dynamics.diffusions import DoubleWell, OrnsteinUhlenbeck
from spectrax.solvers.dynamics.exact_integers import MODULUS
from spectrax.solvers.dynamics.flows import RungeKutta
from spectrax.solvers.dynamics.interval_maps import Doubling, GaussMap, NoisyLogistic, Tent
from spectrax.solvers.dynamics.kuramoto_sivashinsky import KuramotoSivashinsky
from spectrax.solvers.dynamics.linear import Linear, SlowManifold
from spectrax.solvers.dynamics.lorenz import Lorenz63, Lorenz96
from spectrax.solvers.dynamics.oscillators import Duffing, Pendulum, VanDerPol
from spectrax.solvers.dynamics.torus import CatMap, CircleRotation, SkewTorus, TorusRotation

TURN = 2 * math.pi


def starts(system, count, seed=0):
    return np.stack([system.initial(np.random.default_rng([seed, number])) for number in range(count)])


def run(system, count, length, dt=1.0, skipped=0, seed=0):
    seeds = np.random.default_rng(seed).integers(0, 2**32, (count, 2), dtype=np.uint32)
    return system.trajectories(starts(system, count, seed), length=length, dt=dt, skipped=skipped, seeds=seeds)


def regression(x, y):
    """Eigenvalues of the least-squares map from rows x to rows y."""
    return np.linalg.eigvals(np.linalg.lstsq(x, y, rcond=None)[0])


def distance(found, expected):
    """The largest distance between partners, of the best pairing of two sets."""
    apart = np.abs(np.asarray(found)[:, None] - np.asarray(expected))
    return apart[linear_sum_assignment(apart)].max()


def test_the_runge_kutta_method_has_order_4():
    start = np.array([[2.0, 0.5]])
    ends = [Pendulum(substep=step).trajectories(start, length=2, dt=4.0)[0, 1] for step in (0.2, 0.1, 0.05, 0.005)]
    coarse, middle, fine = (np.linalg.norm(end - ends[-1]) for end in ends[:3])
    assert 14 < coarse / middle < 18 and 14 < middle / fine < 18


def test_a_frame_is_divided_into_equal_substeps():
    start = np.array([[1.0, 0.0]])
    one = Pendulum(substep=0.02).trajectories(start, length=3, dt=0.05)
    two = Pendulum(substep=0.05 / 3).trajectories(start, length=3, dt=0.05)
    np.testing.assert_array_equal(one, two)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decay(RungeKutta):
    """x' = -x with noise of amplitude 1."""

    name = "decay"

    @property
    def coordinates(self):
        return ("x",)

    @property
    def amplitude(self):
        return 1.0

    def initial(self, rng):
        return np.zeros(1)

    def rate(self, state):
        return -state


def test_noise_is_split_symmetrically():
    """Strang's splitting of d x = -x dt + dW has the stationary variance h / (2 sinh h); exact is 1/2, and noise added
    after whole steps would give h / (1 - exp(-2 h)) = 0.79."""
    found = run(Decay(substep=0.5), 4000, 40, dt=0.5, skipped=20)
    assert found.var() == pytest.approx(0.5 / (2 * math.sinh(0.5)), rel=0.015)


def test_a_pendulum_keeps_its_energy_and_its_period():
    system = Pendulum(substep=0.01)
    for amplitude in (0.5, 2.0, 3.0):
        period = TURN / system.frequency(amplitude)
        path = system.trajectories(np.array([[amplitude, 0.0]]), length=2, dt=period)[0]
        np.testing.assert_allclose(path[1], path[0], atol=1e-7)
    energies = system.energy(run(system, 20, 100, dt=0.5))
    assert np.abs(energies - energies[:, :1]).max() < 1e-7
    low = dataclasses.replace(system, most_energy=0.5, box=((-3.1, 3.1), (-2, 2)))
    found = system.energy(starts(low, 200))
    assert 0.4 < found.max() <= 0.5
    nodes, weights = low.nodes((60, 40))
    assert len(nodes) == len(weights) < 2400 and system.energy(nodes).max() <= 0.5
    # As in the table of the small amplitudes of Lusch et al.'s example.
    frequencies = [system.frequency(amplitude) for amplitude in (0.5, 1, 2, 2.4, 3)]
    np.testing.assert_allclose(frequencies, [0.984395, 0.937792, 0.752500, 0.640958, 0.388918], atol=5e-7)


def test_duffing_keeps_its_energy_or_ends_in_a_sink():
    energies = Duffing().energy(run(Duffing(), 20, 50, dt=0.25))
    assert np.abs(energies - energies[:, :1]).max() < 1e-7
    low = Duffing(most_energy=1.0)
    assert low.unitary and not Duffing().unitary and not Duffing(damping=0.3, most_energy=1.0).unitary
    nodes, weights = low.nodes((200, 200))
    inside = low.trajectories(nodes, length=2, dt=0.25)[:, 1]
    assert low.energy(inside).max() < 1 + 1e-9 and np.abs(inside).max() < 2  # the set is invariant, and in the box
    assert weights @ nodes[:, 1] ** 2 == pytest.approx(weights @ inside[:, 1] ** 2, rel=1e-3)
    damped = Duffing(damping=0.3)
    ends = run(damped, 50, 2, dt=150.0)[:, 1]
    np.testing.assert_allclose(np.abs(ends[:, 0]), 1, atol=1e-6)
    near = np.array([1.0, 0.0]) + 1e-5 * np.random.default_rng(0).standard_normal((20, 2))
    x, y = damped.trajectories(near, length=2, dt=0.3).swapaxes(0, 1) - np.array([1.0, 0.0])
    assert distance(regression(x, y), damped.spectrum(0.3, 1)[1:]) < 1e-4  # the motion is linear to about 1e-5
    with pytest.raises(ConfigError, match="damping"):
        Duffing().spectrum(0.3, 1)


def test_van_der_pol_comes_round_on_its_cycle():
    frequency, rate = VanDerPol(mu=0.1).cycle()
    assert frequency == pytest.approx(1 - 0.01 / 16, abs=2e-6) and rate == pytest.approx(0.1, abs=1e-4)
    system = VanDerPol()
    frequency, rate = system.cycle()
    on = system.trajectories(np.array([[2.0, 0.0]]), length=1, dt=0.1, skipped=500)[:, 0]
    beside = on + 1e-5 * np.array([[0, 0], [1, 0], [0, 1]])
    after = system.trajectories(beside, length=2, dt=TURN / frequency)[:, 1]
    np.testing.assert_allclose(after[0], on[0], atol=1e-7)
    multipliers = np.linalg.eigvals((after[1:] - after[0]) / 1e-5)
    assert distance(multipliers, [1, math.exp(-rate * TURN / frequency)]) < 1e-4
    spectrum = system.spectrum(0.1, 1, 1)
    np.testing.assert_allclose(np.abs(spectrum), np.repeat([1, math.exp(-0.1 * rate)], 3))


def test_lorenz_63_has_its_statistics():
    path = run(Lorenz63(), 64, 1000, dt=0.05, skipped=400)
    assert path[..., 2].mean() == pytest.approx(23.55, abs=0.1)
    assert path[..., 2].std() == pytest.approx(8.62, abs=0.1)
    assert path[..., 0].std() == pytest.approx(7.92, abs=0.1) and abs(path[..., 0].mean()) < 0.3
    assert exponent(Lorenz63(), path[:, -1], rounds=40) == pytest.approx(0.9056, abs=0.03)


def test_lorenz_96_has_its_statistics():
    path = run(Lorenz96(), 16, 200, dt=0.05, skipped=200)
    assert path.mean() == pytest.approx(2.35, abs=0.1) and path.std() == pytest.approx(3.64, abs=0.1)
    still = Lorenz96(dimension=5).trajectories(np.full((1, 5), 8.0), length=3, dt=0.05)
    np.testing.assert_array_equal(still, 8.0)
    x = starts(Lorenz96(dimension=6), 1)[0]
    rate = [(x[(i + 1) % 6] - x[i - 2]) * x[i - 1] - x[i] + 8 for i in range(6)]
    np.testing.assert_allclose(Lorenz96(dimension=6).rate(x), rate, rtol=1e-5)


def exponent(system, states, rounds, dt=0.05, frames=20, apart=1e-7):
    """The largest Lyapunov exponent, from the growth of small differences that are shortened again and again."""
    difference = np.random.default_rng(0).standard_normal(states.shape)
    growth = []
    for _ in range(rounds):
        difference *= apart / np.linalg.norm(difference, axis=1, keepdims=True)
        both = np.concatenate([states, states + difference])
        states, moved = np.split(system.trajectories(both, length=frames + 1, dt=dt)[:, -1], 2)
        difference = moved - states
        growth.append(np.log(np.linalg.norm(difference, axis=1) / apart) / (frames * dt))
    return np.mean(growth[rounds // 4 :])


def test_kuramoto_sivashinsky_is_the_solver_s_flow_and_resolved():
    pytest.importorskip("exponax", reason="the extra pde (exponax) is not installed")
    system, finer = KuramotoSivashinsky(points=64), KuramotoSivashinsky(points=128)
    start = np.stack([finer.initial(np.random.default_rng(number)) for number in range(2)])
    np.testing.assert_allclose(starts(system, 2).mean(1), 0, atol=1e-14)
    fine = finer.trajectories(start, length=6, dt=1.0)
    path = system.trajectories(start[:, ::2], length=6, dt=1.0)
    np.testing.assert_allclose(path[:, 0], start[:, ::2], rtol=0, atol=1e-14)  # by way of its Fourier coefficients
    np.testing.assert_allclose(path, fine[..., ::2], atol=1e-6)
    later = system.trajectories(start[:, ::2], length=3, dt=1.0, skipped=3)
    np.testing.assert_allclose(later, path[:, 3:], atol=1e-10)


def test_a_linear_map_has_its_eigenvalues_and_their_products():
    system = Linear()
    path = run(system, 40, 10)
    x, y = path[:, :-1].reshape(-1, 6), path[:, 1:].reshape(-1, 6)
    expected = [0.99 * np.exp(0.3j), 0.95 * np.exp(0.9j), 0.9 * np.exp(1.7j)]
    assert distance(regression(x, y), [*expected, *np.conj(expected)]) < 1e-10
    pairs = np.triu_indices(6)
    quadratic = lambda x: np.concatenate([np.ones((len(x), 1)), x, x[:, pairs[0]] * x[:, pairs[1]]], 1)  # noqa: E731
    assert len(system.spectrum(2)) == 28 and system.spectrum(2)[0] == 1
    assert distance(regression(quadratic(x), quadratic(y)), system.spectrum(2)) < 1e-10
    assert np.abs(system.matrix @ system.matrix.T - system.matrix.T @ system.matrix).max() > 0.1  # not normal


def test_the_slow_manifold_is_solved_exactly_and_is_linear_in_three_functions():
    system = SlowManifold()
    path = run(system, 20, 20, dt=0.3)
    slow, fast = path[..., 0], path[..., 1]
    functions = np.stack([slow, fast, slow**2], -1)
    found = regression(functions[:, :-1].reshape(-1, 3), functions[:, 1:].reshape(-1, 3))
    assert distance(found, np.exp(0.3 * np.array([-0.05, -1.0, -0.1]))) < 1e-10
    assert {complex(np.exp(-0.3 * 1.05)).real} <= set(system.spectrum(0.3, 2).real.round(16))
    small = system.trajectories(path[:, 5], length=2, dt=1e-5)
    rate = (small[:, 1] - small[:, 0]) / 1e-5
    expected = np.stack([-0.05 * slow[:, 5], -(fast[:, 5] - slow[:, 5] ** 2)], -1)
    np.testing.assert_allclose(rate, expected, atol=1e-5)


def test_fourier_modes_are_eigenfunctions_of_rotations():
    system = CircleRotation()
    path, k = run(system, 8, 200), np.arange(-3, 4)
    modes = np.exp(1j * k * path)
    assert np.abs(modes[:, 1:] - system.spectrum(3) * modes[:, :-1]).max() < 1e-12
    assert path.min() >= 0 and path.max() < TURN
    assert len({round(angle, 9) for angle in run(CircleRotation(turns=0.7), 1, 50)[0, :, 0]}) == 10
    torus = TorusRotation()
    path = run(torus, 8, 200)
    modes = np.exp(1j * path @ np.array([(k, l) for k in (-1, 0, 1) for l in (-1, 0, 1)]).T)  # noqa: E741
    assert np.abs(modes[:, 1:] - torus.spectrum(1) * modes[:, :-1]).max() < 1e-12


def test_noise_damps_the_modes_of_rotations():
    for system, modes in (
        (CircleRotation(process_noise=0.5), [(k,) for k in range(-2, 3)]),
        (TorusRotation(process_noise=0.3), list(itertools.product(range(-2, 3), repeat=2))),
    ):
        waves = np.exp(1j * run(system, 400, 200) @ np.array(modes).T)
        means = (waves[:, 1:] * waves[:, :-1].conj()).mean((0, 1))
        assert np.abs(means - system.spectrum(2)).max() < 0.015
        assert np.array_equal(np.abs(means) > 0.99, [mode == (0,) * len(mode) for mode in modes])


@pytest.mark.parametrize("mode", [(1, 0), (0, 1), (2, -1)])
def test_noise_damps_the_images_of_modes_of_the_torus(mode):
    skew, cat = SkewTorus(process_noise=0.4), CatMap(process_noise=0.4)
    damping = math.exp(-0.16 * (mode[0] ** 2 + mode[1] ** 2) / 2)
    factor, image = skew.mode(*mode)
    for system, expected, moved in ((skew, factor, image), (cat, damping, cat.mode(*mode))):
        path = run(system, 400, 200)
        found = (np.exp(1j * path[:, 1:] @ mode) * np.exp(-1j * path[:, :-1] @ moved)).mean()
        assert abs(expected) == pytest.approx(damping) and abs(found - expected) < 0.015
        assert path.min() >= 0 and path.max() < TURN
    quiet, noisy = (CatMap(process_noise=noise).correlations({mode: 1, cat.mode(*mode): 1}, 2) for noise in (0, 0.4))
    np.testing.assert_allclose(noisy, quiet * np.array([1, damping]))


def test_noise_damps_the_images_of_modes_of_an_interval():
    for system, wave, turns in (
        (Doubling(process_noise=0.1), lambda k, x: np.exp(TURN * 1j * k * x), 1.0),
        (Tent(process_noise=0.2), lambda k, x: np.cos(np.pi * k * x), 0.5),
    ):
        path = run(system, 400, 200)[..., 0]
        assert path.min() >= 0 and path.max() <= 1
        np.testing.assert_allclose(np.histogram(path, 10, (0, 1))[0] / path.size, 0.1, atol=0.005)  # is preserved
        for k in (1, 2):
            before = wave(system.mode(k), path[:, :-1])
            found = (wave(k, path[:, 1:]) * before.conj()).mean() / (np.abs(before) ** 2).mean()
            expected = math.exp(-((TURN * turns * k * system.process_noise) ** 2) / 2)
            assert system.damping(k) == pytest.approx(expected) and abs(found - expected) < 0.015


@pytest.mark.parametrize(
    "system", [Linear(process_noise=0.1), Cmv(size=6, process_noise=0.1), GaussMap(process_noise=0.1)]
)
def test_noise_of_maps_without_borders_is_added(system):
    path = run(system, 200, 100)
    states, images = path[:, :-1].reshape(-1, path.shape[-1]), path[:, 1:].reshape(-1, path.shape[-1])
    quiet = dataclasses.replace(system, process_noise=0.0).trajectories(states, length=2, dt=1.0)[:, 1]
    left = images - quiet
    np.testing.assert_allclose(np.cov(left.T).reshape(left.shape[1], -1), 0.01 * np.eye(left.shape[1]), atol=4e-4)
    assert np.abs(left.mean(0)).max() < 0.004


def test_noise_of_the_slow_manifold_leaves_its_eigenvalues():
    """Moments follow from d E[x1^2] = (2 mu E[x1^2] + s^2) dt and d E[x2] = lam (E[x2] - E[x1^2]) dt."""
    system = SlowManifold(process_noise=0.3, substep=0.05)
    begin = np.tile([0.5, -0.2], (4000, 1))
    seeds = np.random.default_rng(0).integers(0, 2**32, (4000, 2), dtype=np.uint32)
    path = system.trajectories(begin, length=21, dt=0.5, seeds=seeds)
    mean = 0.5 * math.exp(-0.05 * 10)
    assert path[:, -1, 0].mean() == pytest.approx(mean, abs=0.04)
    times = np.linspace(0, 10, 20001)
    squares = (0.25 - 0.9) * np.exp(-0.1 * times) + 0.9  # s^2 / (-2 mu) = 0.9
    assert (path[:, -1, 0] ** 2).mean() == pytest.approx(squares[-1], rel=0.06)
    fast = -0.2 * math.exp(-10) + trapezoid(np.exp(times - 10) * squares, times)
    assert path[:, -1, 1].mean() == pytest.approx(fast, rel=0.06)
    slow = path[..., 0]
    functions = np.stack([np.ones_like(slow), slow, path[..., 1], slow**2], -1)
    found = regression(functions[:, :-1].reshape(-1, 4), functions[:, 1:].reshape(-1, 4))
    assert distance(found, np.exp(0.5 * np.array([0, -0.05, -1, -0.1]))) < 0.02


def test_noise_of_kuramoto_sivashinsky_is_white_without_a_mean():
    pytest.importorskip("exponax", reason="the extra pde (exponax) is not installed")
    quiet, dt = KuramotoSivashinsky(points=32), 1e-7
    noisy = dataclasses.replace(quiet, process_noise=0.5)
    begin = quiet.trajectories(starts(quiet, 1), length=1, dt=1.0, skipped=30)[:, 0].repeat(2000, 0)
    seeds = np.random.default_rng(0).integers(0, 2**32, (2000, 2), dtype=np.uint32)
    left = (
        noisy.trajectories(begin, length=2, dt=dt, seeds=seeds)[:, 1] - quiet.trajectories(begin, length=2, dt=dt)[:, 1]
    )
    np.testing.assert_allclose(left.mean(1), 0, atol=1e-14)
    covariance = 0.25 * (np.eye(32) - 1 / 32)
    np.testing.assert_allclose(np.cov(left.T) / dt, covariance, atol=0.035)
    long = run(noisy, 8, 50, skipped=30)
    assert 0.5 < long.std() < 3 and np.abs(long.mean(-1)).max() < 1e-13


def test_waves_of_kuramoto_sivashinsky_have_the_variance_of_the_linear_equation_under_noise():
    """Small noise from rest: each wave is an Ornstein-Uhlenbeck process, also those that fade within a substep."""
    pytest.importorskip("exponax", reason="the extra pde (exponax) is not installed")
    system = KuramotoSivashinsky(points=64, process_noise=1e-4)
    seeds = np.random.default_rng(0).integers(0, 2**32, (4000, 2), dtype=np.uint32)
    found = system.trajectories(np.zeros((4000, 64)), length=2, dt=0.25, seeds=seeds)[:, 1]
    power = (np.abs(np.fft.rfft(found)) ** 2).mean(0)[1:-1]
    waves = TURN / 22 * np.arange(1, 32)
    growth = waves**2 - waves**4
    expected = 64 * 1e-8 * np.expm1(2 * growth * 0.25) / (2 * growth)
    np.testing.assert_allclose(power, expected, rtol=0.08)


DISTURBED = [
    Linear, CircleRotation, TorusRotation, SkewTorus, CatMap, Doubling, Tent, Cmv, SlowManifold, GaussMap, Pendulum,
    Duffing, VanDerPol, Lorenz63, Lorenz96, KuramotoSivashinsky,
]  # fmt: skip


@pytest.mark.parametrize("kind", DISTURBED)
def test_what_is_disturbed_is_stochastic_and_not_unitary(kind):
    assert not kind().stochastic
    noisy = kind(process_noise=0.1)
    assert noisy.stochastic and not noisy.unitary
    with pytest.raises(ConfigError, match=r"noise.*-1"):
        kind(process_noise=-1.0)


def test_skew_product_and_cat_map_move_modes_as_they_say():
    skew, cat = SkewTorus(), CatMap()
    path = run(skew, 4, 30)
    for mode in ((1, 0), (2, -1), (0, 3)):
        factor, image = skew.mode(*mode)
        found = np.exp(1j * path[:, 1:] @ mode) - factor * np.exp(1j * path[:, :-1] @ image)
        assert np.abs(found).max() < 1e-12
    assert np.array_equal(skew.spectrum(2), [skew.mode(k, 0)[0] for k in range(-2, 3)])
    path = run(cat, 4, 200)
    for mode in ((1, 0), (2, -1), (5, 3)):
        found = np.exp(1j * path[:, 1:] @ mode) - np.exp(1j * path[:, :-1] @ cat.mode(*mode))
        assert np.abs(found).max() < 1e-13


def test_correlations_of_the_cat_map_are_integrals():
    """g = sin x + sin(2 x + y) / 2 + i sin(5 x + 3 y) / 4, as in the example of Colbrook & Townsend."""
    sines = {(1, 0): 1.0, (2, 1): 0.5, (5, 3): 0.25j}
    modes = {m: a / 2j for m, a in sines.items()} | {(-m[0], -m[1]): -a / 2j for m, a in sines.items()}
    found = CatMap().correlations(modes, 5)
    nodes, weights = CatMap().nodes((128, 128))
    function = lambda x: sum(a * np.sin(x @ m) for m, a in sines.items())  # noqa: E731
    frames = CatMap().trajectories(nodes, length=4, dt=1.0).swapaxes(0, 1)
    integrals = [weights @ (function(frame) * function(nodes).conj()) for frame in frames]
    np.testing.assert_allclose(found[:4], integrals, atol=1e-12)
    assert found[0] == pytest.approx((1 + 0.25 + 0.0625) / 2) and found[1] != 0 and found[4] == 0


@pytest.mark.parametrize("system", [Doubling(), Tent()])
def test_expanding_maps_are_exact_for_as_long_as_one_likes(system):
    path = run(system, 3, 3000)[..., 0]
    after = 2 * path[:, :-1] % 1 if system.name == "doubling" else 1 - abs(1 - 2 * path[:, :-1])
    np.testing.assert_allclose(path[:, 1:], after, atol=1e-15)
    assert len(np.unique(path)) == path.size  # no orbit has come round, or to rest
    np.testing.assert_allclose(np.histogram(path, 10, (0, 1))[0] / path.size, 0.1, atol=0.02)
    wave = (lambda k, x: np.exp(TURN * 1j * k * x)) if system.name == "doubling" else lambda k, x: np.cos(np.pi * k * x)
    assert np.abs(wave(3, path[:, 1:]) - wave(system.mode(3), path[:, :-1])).max() < 1e-13
    k = int(0.3 * MODULUS) % MODULUS
    exact = [k := 2 * k % MODULUS if system.name == "doubling" else 2 * min(k, MODULUS - k) for _ in range(200)]
    found = system.trajectories([[0.3]], length=201, dt=1.0)[0, 1:, 0]
    np.testing.assert_allclose(found, [value / MODULUS for value in exact], rtol=0, atol=2**-52)


def test_the_modulus_is_a_safe_prime_of_which_2_is_a_primitive_root():
    half = (MODULUS - 1) // 2
    assert all(probably_prime(number) for number in (MODULUS, half)) and MODULUS < 2**61
    assert pow(2, half, MODULUS) == MODULUS - 1 and pow(2, 2, MODULUS) != 1


def probably_prime(number):
    """Miller and Rabin's test with twelve bases, which is a proof below 3e24."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    return all(
        pow(base, odd, number) == 1 or any(pow(base, odd << times, number) == number - 1 for times in range(twos))
        for base in bases
    )


def test_a_cmv_matrix_is_orthogonal_and_has_its_moments():
    system = Cmv()
    matrix = system.matrix
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(300), atol=1e-14)
    assert np.abs(np.triu(matrix, 3)).max() == 0 and np.abs(np.tril(matrix, -3)).max() == 0
    nodes, weights = system.nodes((300,))
    powers = [nodes[0]]
    for _ in range(30):
        powers.append(system.trajectories(powers[-1][None], length=2, dt=1.0)[0, 1])
    np.testing.assert_allclose([power[0] for power in powers], 0.95 ** (np.arange(31) ** 2 / 2), atol=1e-13)
    angles = TURN * np.arange(4000) / 4000
    for n in (0, 1, 5):
        moment = (system.density(angles) * np.cos(n * angles)).mean() * TURN
        assert moment == pytest.approx(0.95 ** (n**2 / 2), abs=1e-12)
    assert weights.sum() == 300


def test_ornstein_uhlenbeck_has_its_spectrum():
    system = OrnsteinUhlenbeck()
    path = run(system, 200, 101, dt=0.2)
    x, y = path[:, :-1].ravel(), path[:, 1:].ravel()
    assert x.std() == pytest.approx(system.deviation, rel=0.05)
    hermite = lambda x: np.polynomial.hermite_e.hermevander(x, 4) / np.sqrt([1, 1, 2, 6, 24])  # noqa: E731
    found = np.sort(regression(hermite(x), hermite(y)).real)[::-1]
    np.testing.assert_allclose(found[:4], system.spectrum(0.2, 4), atol=0.02)
    wide = run(OrnsteinUhlenbeck(theta=2.0, sigma=3.0), 2000, 5, dt=0.7)
    assert wide.std() == pytest.approx(1.5, rel=0.03)


# Computed for a published comparison by another quadrature.
PUBLISHED = {
    10: [-0.19333806 - 0.19094300j, -0.19333806 + 0.19094300j, -0.02665459, 0.02211876, 0.00534169],
    20: [-0.20811780 - 0.32568306j, -0.20811780 + 0.32568306j, 0.00077459 - 0.03522944j, 0.00077459 + 0.03522944j,
         0.02506338],
}  # fmt: skip


@pytest.mark.parametrize("order", PUBLISHED)
def test_the_noisy_logistic_map_has_its_spectrum(order):
    system = NoisyLogistic(order=order)
    found = system.spectrum()
    assert len(found) == 2 * order + 1 and abs(found[0] - 1) < 1e-12
    assert distance(found[1:6], PUBLISHED[order]) < 1e-8
    # The transfer operator on nodes, from the density of the noise alone.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, weights = (nodes + 1) / 2, weights / 2
    density = np.cos(np.pi * (x - 4 * (x * (1 - x))[:, None])) ** (2 * order)
    matrix = density * weights / math.comb(2 * order, order) * 4.0**order
    largest = np.linalg.eigvals(matrix)
    largest = largest[np.argsort(-np.abs(largest))][:6]
    assert distance(largest, found[:6]) < 1e-10


def test_the_noise_of_the_logistic_map_has_its_density():
    path = run(NoisyLogistic(order=10), 500, 40)[..., 0]
    noise = path[:, 1:] - 4 * path[:, :-1] * (1 - path[:, :-1])
    assert np.cos(TURN * noise).mean() == pytest.approx(10 / 11, abs=0.005)  # of density cos^20
    assert abs(np.sin(TURN * noise).mean()) < 0.01
    assert 0 <= path.min() < path.max() < 1


def test_the_double_well_has_its_spectrum():
    system = DoubleWell()
    found = system.generator_spectrum(6)
    np.testing.assert_allclose(found[1:], [-0.0806199, -3.494906, -6.146624, -9.293305, -13.29889], rtol=1e-6)
    assert abs(found[0]) < 1e-8
    np.testing.assert_allclose(found[1:], schroedinger_values(system)[1:6], rtol=1e-6)
    path = run(system, 500, 101, dt=0.1)
    x, y = path[:, :-1].ravel(), path[:, 1:].ravel()
    density = np.histogram(np.abs(x), np.linspace(0, 1.6, 9))[0]  # which of the wells is seldom changed
    expected = np.exp(-3 * system.potential(np.linspace(0, 1.6, 8001)))[:-1].reshape(8, 1000).mean(1)
    np.testing.assert_allclose(density / density.sum(), expected / expected.sum(), atol=0.01)
    powers = lambda x: np.polynomial.legendre.legvander(x / 2, 9)  # noqa: E731
    second = np.sort(regression(powers(x), powers(y)).real)[-2]
    assert second == pytest.approx(system.spectrum(0.1, 2)[1], abs=0.002)


def schroedinger_values(system, points=121, width=3.0):
    """The same generator, made symmetric by the root of the stationary density, in sinc functions: with it the error
    is exponentially small."""
    x, between = np.linspace(-width, width, points, retstep=True)
    apart = np.subtract.outer(np.arange(points), np.arange(points))
    with np.errstate(divide="ignore"):
        kinetic = np.where(apart == 0, np.pi**2 / 3, 2 * (-1.0) ** apart / apart**2) / (system.beta * between**2)
    first, second = 4 * x * (x**2 - 1), 12 * x**2 - 4  # derivatives of the potential
    return -eigh(kinetic + np.diag(system.beta * first**2 / 4 - second / 2), eigvals_only=True)


def test_the_gauss_map_is_drawn_to_its_fixed_point_at_its_rate():
    system = GaussMap()
    nodes, weights = system.nodes((100,))
    assert -1 < nodes.min() < nodes.max() < 0 and weights.sum() == pytest.approx(1)
    assert weights @ nodes[:, 0] ** 7 == pytest.approx(-1 / 8, abs=1e-15)
    near = system.trajectories([[-1.0], [-1 + 1e-7]], length=2, dt=1.0)[:, 1, 0]
    assert near[0] == pytest.approx(-1, abs=1e-15)
    assert (near[1] - near[0]) / 1e-7 == pytest.approx(system.spectrum(2)[1], abs=1e-6)
    assert system.spectrum(2)[1] == pytest.approx(0.541341, abs=5e-7)
    path = run(system, 20, 30)
    assert path.min() >= -1 and path.max() <= 0
    for system in (GaussMap(beta=-1.0), GaussMap(process_noise=0.1)):
        with pytest.raises(ConfigError, match="leave beta null, and no noise"):
            system.spectrum(2)


def test_two_systems_agree_on_every_snapshot_of_a_sample_and_nowhere_else():
    plain, twisted = TwistedAnnulus(), TwistedAnnulus(twist=1.0)
    nodes, weights = plain.nodes((8, 32))
    assert weights.sum() == pytest.approx(math.pi * 3)
    found = [system.trajectories(nodes, length=5, dt=1.0) for system in (plain, twisted)]
    np.testing.assert_array_equal(*found)
    elsewhere = [run(system, 500, 2) for system in (plain, twisted)]
    turned = (elsewhere[1] - elsewhere[0])[:, 1, 1] % TURN
    assert 0.95 < turned.max() <= 1 and (turned > 0.1).mean() > 0.5
    np.testing.assert_array_equal(elsewhere[0][..., 0], elsewhere[1][..., 0])
    # Without twist the modes are eigenfunctions; with it they turn by all angles of an arc.
    for system, paths in zip((plain, twisted), elsewhere, strict=True):
        begin, end = system.arcs(3)[-1]
        ratios = np.exp(3j * (paths[:, 1, 1] - paths[:, 0, 1] - begin / 3))
        angles = np.angle(ratios)
        assert angles.min() >= -1e-12 and angles.max() <= end - begin + 1e-12
        assert angles.max() >= 0.95 * (end - begin)
    assert len(plain.eigenvalues(3)) == 7 and np.array_equal(twisted.eigenvalues(3), [1])


def test_what_is_known_of_slopes_bounds_a_twist_between_the_samples():
    system = TwistedAnnulus(twist=0.7)
    radius = np.linspace(1, 2, 100_001)
    bump = system.bump(radius)
    assert bump.max() == pytest.approx(1) and bump.min() == 0
    assert np.array_equal(system.bump(system.radii), np.zeros(8))
    slope = np.abs(np.gradient(0.7 * bump, radius)).max()
    assert slope == pytest.approx(system.lipschitz(), rel=1e-3)
    assert 0.7 <= system.largest_twist(system.lipschitz()) == pytest.approx(slope / 14, rel=1e-3)
    finer = dataclasses.replace(system, rings=15)  # samples twice as close leave half as much
    assert finer.largest_twist(1.0) == pytest.approx(system.largest_twist(1.0) / 2)


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: run(Doubling(), 1, 5, dt=0.5), r"dataset\.dt=0\.5.*Set dataset\.dt=1"),
        (lambda: run(Pendulum(), 1, 5, dt=0.0), r"dataset\.dt=0"),
        (lambda: Pendulum(box=[[-1, 1]]), r"system\.box=\[\[-1, 1\]\].*each of 2 coordinates"),
        (lambda: Pendulum(box=[[1, -1], [0, 1]]), "box"),
        (lambda: Pendulum(substep=0.0), "substep=0"),
        (lambda: Pendulum(most_energy=-2.0), "most_energy=-2"),
        (lambda: Duffing(most_energy=-0.5), "most_energy=-0.5.*-0.25, that of rest"),
        (lambda: Pendulum().nodes((3,)), r"grid=\[3\]"),
        (lambda: Lorenz63().nodes((3,)), "no quadrature rule"),
        (lambda: Lorenz96(dimension=3), "dimension=3"),
        (lambda: Linear(angles=[1.0]), "each modulus"),
        (lambda: SlowManifold(mu=-0.5), "resonates"),
        (lambda: Cmv(q=1.0), "q=1"),
        (lambda: Cmv(size=8).nodes((4,)), r"\[8\]"),
        (lambda: OrnsteinUhlenbeck(theta=0.0), "theta=0"),
        (lambda: DoubleWell(beta=0.0), "beta=0"),
        (lambda: NoisyLogistic(order=0), "order=0"),
        (lambda: TwistedAnnulus(rings=1), "rings=1"),
        (lambda: KuramotoSivashinsky(points=4), "points=4"),
        (lambda: Lorenz63().trajectories(np.zeros((2, 2)), length=3, dt=0.1), r"\(trajectories, 3\), not \(2, 2\)"),
        (lambda: Lorenz63().trajectories(np.zeros((2, 3)), length=0, dt=0.1), "length=0"),
        (lambda: DoubleWell().trajectories([[1.0]], length=3, dt=0.1), "give `seeds`"),
        (lambda: Lorenz63(substep=1.0).trajectories(np.full((1, 3), 1e3), length=9, dt=1.0), "did not stay finite"),
    ],
)
def test_what_makes_no_sense_is_said(make, told):
    with pytest.raises(ConfigError, match=told):
        make()
