"""Vorticity on the torus: against a plain reference, exact solutions, budgets, refinement and exponax."""

import itertools

import numpy as np
import pytest

from spectrax.core.errors import ConfigError, DataMissing, UnreadableFile
from spectrax.solvers import navier_stokes, random_fields

FORMS = ("matmul", "fft")


def drawn(size, count=2, seed=0):
    noise = [random_fields.complex_noise(seed, index, (size, size)) for index in range(count)]
    return np.stack([random_fields.periodic_field(one) for one in noise])


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def half_spectrum_as_whole(half, size):
    """The spectrum (size, size) of the real field that `numpy.fft.irfft2` makes of half a spectrum."""
    turned = half[-np.arange(size)].conj()  # the spectrum of a real field at -k, -l
    whole = np.concatenate([half, turned[:, -2:0:-1]], 1)
    for column in (0, size // 2):
        whole[:, column] = (half[:, column] + turned[:, column]) / 2
    return whole


def plain_reference(vorticity, forcing, viscosity, step, steps):
    """The scheme for one sample, as its description reads, with complex transforms of whole spectra."""
    size = len(vorticity)
    frequency = np.array([k if k < size // 2 else k - size for k in range(size)])
    kx, ky = np.meshgrid(frequency, frequency[: size // 2 + 1], indexing="ij")
    laplacian = 4 * np.pi**2 * (kx**2 + ky**2.0)
    laplacian[0, 0] = 1
    kept = (abs(kx) <= 2 / 3 * (size // 2)) & (abs(ky) <= 2 / 3 * (size // 2))

    def field(half):
        return np.fft.ifft2(half_spectrum_as_whole(half, size)).real

    def half(field):
        return np.fft.fft2(field)[:, : size // 2 + 1]

    w, f = half(vorticity), half(forcing)
    for _ in range(steps):
        stream = w / laplacian
        u, v = field(2j * np.pi * ky * stream), field(-2j * np.pi * kx * stream)
        advection = half(u * field(2j * np.pi * kx * w) + v * field(2j * np.pi * ky * w)) * kept
        damping = step * viscosity * laplacian / 2
        w = ((1 - damping) * w + step * (f - advection)) / (1 + damping)
    return field(w)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [6, 16])
def test_it_is_the_plain_scheme(form, size):
    """Of noise, so that every frequency counts, Nyquist's too; and of a field as the benchmark draws it."""
    random = np.random.default_rng(size)
    vorticity = np.concatenate([random.standard_normal((1, size, size)), drawn(size, 1)])
    forcing = random.standard_normal(vorticity.shape)
    found = navier_stokes.solve(vorticity, viscosity=1e-3, times=[0.01, 0.05], forcing=forcing, form=form)
    assert found.shape == (2, size, size, 2) and found.dtype == np.float64
    for number in range(2):
        for record, steps in enumerate((10, 50)):
            expected = plain_reference(vorticity[number], forcing[number], 1e-3, 1e-3, steps)
            assert relative(found[number, ..., record], expected) < 1e-10


@pytest.mark.parametrize("form", FORMS)
def test_it_is_the_plain_scheme_at_the_benchmarks_size(form):
    """Of a field with waves of all lengths that does not blow up in 200 steps."""
    size, steps = 64, 200
    vorticity = drawn(size, 1) + 0.1 * np.random.default_rng(0).standard_normal((1, size, size))
    found = navier_stokes.solve(vorticity, viscosity=1e-4, times=[steps * 1e-3], step=1e-3, form=form)[0, ..., 0]
    forcing = navier_stokes.sinusoidal_forcing(size)
    expected = plain_reference(vorticity[0], forcing, 1e-4, 1e-3, steps)
    assert relative(found, vorticity[0]) > 0.1  # it moved
    assert relative(found, expected) < 1e-10


def test_both_forms_and_the_default_agree_at_the_benchmarks_size():
    vorticity = drawn(64, 2)
    flows = [
        navier_stokes.solve(vorticity, viscosity=1e-5, times=[0.1], step=5e-3, form=form) for form in (*FORMS, None)
    ]
    for flow in flows[1:]:
        assert relative(flow, flows[0]) < 1e-12
    single = navier_stokes.solve(vorticity, viscosity=1e-5, times=[0.1], step=5e-3, dtype="float32")
    assert single.dtype == np.float32
    assert 1e-9 < relative(single, flows[0]) < 1e-4


def test_the_default_forcing_is_the_benchmarks():
    x, y = np.meshgrid(np.arange(8) / 8, np.arange(8) / 8, indexing="ij")
    forcing = 0.1 * (np.sin(2 * np.pi * (x + y)) + np.cos(2 * np.pi * (x + y)))
    np.testing.assert_allclose(navier_stokes.sinusoidal_forcing(8), forcing, atol=1e-15)
    still = np.zeros((1, 8, 8))
    found = navier_stokes.solve(still, viscosity=0.0, times=[1.0], step=0.1)[0, ..., 0]
    np.testing.assert_allclose(found, forcing, atol=1e-14)  # one wave does not advect itself


@pytest.mark.parametrize("form", FORMS)
def test_taylor_and_greens_vortices_decay_exactly(form):
    """cos(2 pi k x) cos(2 pi k y) does not advect itself: Crank-Nicolson's factor is left, near the exact."""
    size, k, viscosity, step, steps = 16, 2, 1e-2, 1e-3, 200
    x = np.arange(size) / size
    vorticity = np.outer(np.cos(2 * np.pi * k * x), np.cos(2 * np.pi * k * x))[None]
    found = navier_stokes.solve(
        vorticity, viscosity=viscosity, times=[steps * step], step=step, forcing=np.zeros((size, size)), form=form
    )[..., 0]
    rate = viscosity * 8 * np.pi**2 * k**2
    factor = ((1 - rate * step / 2) / (1 + rate * step / 2)) ** steps
    assert relative(found, factor * vorticity) < 1e-12
    assert relative(found, np.exp(-rate * steps * step) * vorticity) < rate**3 * step**2 * steps * step / 12 * 1.1


def test_energy_and_enstrophy_change_by_what_viscosity_and_forcing_do():
    """d/dt mean(w^2) / 2 = mean(w f) - nu mean(|grad w|^2), d/dt mean(psi w) / 2 = mean(psi f) - nu mean(w^2)."""
    size, viscosity, step = 32, 2e-3, 1e-4
    start = navier_stokes.solve(5 * drawn(size, 1), viscosity=2e-2, times=[0.05], step=step)[..., 0]  # resolved
    forcing = navier_stokes.sinusoidal_forcing(size)
    flow = navier_stokes.solve(start, viscosity=viscosity, times=[0, step, 2 * step], step=step)[0]
    frequency = np.fft.fftfreq(size, 1 / size)
    laplacian = 4 * np.pi**2 * (frequency[:, None] ** 2 + frequency**2)
    laplacian[0, 0] = 1
    spectra = np.fft.fft2(np.moveaxis(flow, -1, 0))
    streams = np.fft.ifft2(spectra / laplacian).real
    enstrophy, energy = (flow**2).mean((0, 1)) / 2, (streams * np.moveaxis(flow, -1, 0)).mean((1, 2)) / 2
    w, stream = flow[..., 1], streams[1]
    gradients = (laplacian * abs(spectra[1]) ** 2).sum() / size**4
    for budget, gain, loss in (
        (enstrophy, (w * forcing).mean(), viscosity * gradients),
        (energy, (stream * forcing).mean(), viscosity * (w**2).mean()),
    ):
        assert loss > 0.1 * abs(gain)  # both are seen
        assert abs((budget[2] - budget[0]) / (2 * step) - (gain - loss)) < 0.02 * loss


def test_without_viscosity_or_forcing_advection_keeps_mean_energy_and_enstrophy():
    size, step = 32, 1e-4
    start = navier_stokes.solve(20 * drawn(size, 1), viscosity=2e-2, times=[0.05], step=step)[..., 0]
    flow = navier_stokes.solve(start, viscosity=0.0, times=[200 * step], step=step, forcing=np.zeros((size, size)))
    assert relative(flow[..., 0], start) > 0.01  # it moved
    assert abs((flow**2).mean() / (start**2).mean() - 1) < 1e-4
    assert abs(flow.mean()) < 1e-14


def test_halving_the_step_halves_the_error():
    vorticity = 5 * drawn(16, 1)
    flows = [
        navier_stokes.solve(vorticity, viscosity=1e-3, times=[0.32], step=step)[..., 0]
        for step in (0.016, 0.008, 0.004, 0.002)
    ]
    changes = [np.linalg.norm(second - first) for first, second in itertools.pairwise(flows)]
    orders = np.log2(np.divide(changes[:-1], changes[1:]))
    assert (abs(orders - 1) < 0.1).all(), orders


def test_finer_grids_change_nothing_once_the_flow_is_resolved():
    coarse = navier_stokes.solve(drawn(16, 1), viscosity=5e-2, times=[0.1], step=5e-3)[..., 0]  # smooth
    flows = {}
    for size in (16, 32, 64):
        spectrum = np.zeros((size, size), complex)
        places = np.r_[0:8, -7:0]
        spectrum[np.ix_(places, places)] = np.fft.fft2(coarse[0])[np.ix_(places, places)] * (size / 16) ** 2
        start = np.fft.ifft2(spectrum).real[None]
        flow = navier_stokes.solve(start, viscosity=1e-2, times=[0.2], step=5e-3)[0, ..., 0]
        flows[size] = flow[:: size // 16, :: size // 16]
    assert relative(flows[32], flows[64]) < 1e-10
    assert relative(flows[32], flows[64]) < relative(flows[16], flows[64])


def test_samples_do_not_mix_and_records_do_not_change_the_flow():
    vorticity = drawn(16, 3)
    together = navier_stokes.solve(vorticity, viscosity=1e-4, times=[0.01, 0.02, 0.04])
    alone = navier_stokes.solve(vorticity[1:2], viscosity=1e-4, times=[0.04])
    assert relative(together[1:2, ..., 2:], alone) < 1e-12


def test_progress_counts_the_steps():
    seen = []
    flow = navier_stokes.solve(drawn(8), viscosity=1e-3, times=[0, 0.3, 0.5], step=0.1, progress=seen.append)
    assert seen == [0, 3, 2]
    np.testing.assert_allclose(flow[..., 0], drawn(8), atol=1e-14)


def test_exponax_agrees_with_its_advection_turned_round():
    """Its own stream function has the other sign, so that by default it advects the other way."""
    exponax = pytest.importorskip("exponax", reason="exponax, of the extra pde, is not installed")
    import jax

    size, viscosity, step, steps = 32, 1e-3, 2e-3, 250
    vorticity = 10 * drawn(size, 1)
    still = np.zeros((size, size))
    ours = navier_stokes.solve(vorticity, viscosity=viscosity, times=[steps * step], step=step, forcing=still)[..., 0]
    found = {}
    with jax.enable_x64(True):
        for scale in (-1.0, 1.0):
            stepper = exponax.stepper.NavierStokesVorticity(
                2, 1.0, size, step, diffusivity=viscosity, vorticity_convection_scale=scale
            )
            found[scale] = np.asarray(jax.jit(exponax.repeat(stepper, steps))(jax.numpy.asarray(vorticity)))
    assert relative(found[-1.0], ours) < 0.01
    assert relative(found[1.0], ours) > 0.3


def test_files_in_and_out(tmp_path):
    vorticity = drawn(8)
    np.savez(tmp_path / "given.npz", vorticity=vorticity, forcing=np.ones((8, 8)))
    options = {"viscosity": 1e-3, "times": [0.1, 0.2], "step": 0.01}
    navier_stokes.solve_file(tmp_path / "given.npz", tmp_path / "found.npz", **options)
    with np.load(tmp_path / "found.npz") as found:
        expected = navier_stokes.solve(vorticity, forcing=np.ones((8, 8)), **options)
        np.testing.assert_array_equal(found["vorticity"], expected)
        np.testing.assert_array_equal(found["initial"], vorticity)
        assert found["times"].tolist() == [0.1, 0.2] and found["viscosity"] == 1e-3 and found["step"] == 0.01
    with pytest.raises(DataMissing):
        navier_stokes.solve_file(tmp_path / "none.npz", tmp_path / "other.npz", **options)
    np.savez(tmp_path / "wrong.npz", w=vorticity)
    with pytest.raises(UnreadableFile, match="vorticity"):
        navier_stokes.solve_file(tmp_path / "wrong.npz", tmp_path / "other.npz", **options)
    assert not (tmp_path / "other.npz").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vorticity": np.ones((8, 8))}, "even size"),
        ({"vorticity": np.ones((1, 7, 7))}, "even size"),
        ({"vorticity": np.full((1, 8, 8), np.nan)}, "finite numbers"),
        ({"forcing": np.ones((4, 4))}, "forcing"),
        ({"times": [0.15]}, "multiples"),
        ({"times": [0.2, 0.1]}, "rise"),
        ({"step": 0.0}, "positive"),
        ({"viscosity": -1.0}, "zero or more"),
        ({"dtype": "float16"}, "float64, float32"),
        ({"form": "wavelet"}, "matmul, fft"),
        ({"vorticity": 1e4 * drawn(16), "times": [100.0], "step": 1.0}, "time step shorter"),
    ],
)
def test_wrong_arguments_are_told(changed, message):
    arguments = {"vorticity": drawn(8), "viscosity": 1e-3, "times": [0.1], "step": 0.1} | changed
    with pytest.raises(ConfigError, match=message):
        navier_stokes.solve(**arguments)
