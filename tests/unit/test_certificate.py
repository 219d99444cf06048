"""Certificates of systems whose spectrum is known: of a learned encoder by the callback, of a fit by the task."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from test_dynamics import Exact, rotation

from spectrax.callbacks.certificate import Certificate, encoder, spectral_densities
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import DatasetSpec, FieldSpec
from spectrax.estimators.dictionaries.encoded import Encoded
from spectrax.estimators.dictionaries.fourier import Fourier
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.dmd import DMD
from spectrax.estimators.evidence import Plan, evidence
from spectrax.estimators.qr import factors
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs
from spectrax.tasks.spectral_measure import SpectralMeasure
from spectrax.tasks.spectrum import Spectrum

MATRIX = 0.9 * rotation(0.5)
EIGENVALUES = 0.9 * np.exp([0.5j, -0.5j])


@dataclasses.dataclass
class Dataset:
    """Trajectories of x' = x MATRIX, or of a map."""

    map: object = staticmethod(lambda x: x @ MATRIX)
    dimension: int = 2
    measure_preserving: bool = False
    coordinates: tuple[str, ...] = ("u", "v")
    starts: int = 40
    steps: int = 7

    @property
    def spec(self):
        return DatasetSpec({"window": FieldSpec((4, self.dimension), "float32", "")}, {"train": 1, "test": 1})

    def trajectories(self, split):
        states = [np.random.default_rng(len(split)).standard_normal((self.starts, self.dimension))]
        for _ in range(self.steps):
            states.append(self.map(states[-1]))
        return np.stack(states, 1)

    def weights(self, split):
        return None

    def pairs(self, split, lag=1):
        return Pairs.of_trajectories(self.trajectories(split), lag)


@dataclasses.dataclass
class Seen:
    model: object
    step: int = 7
    last: bool = True


def listed(certificate, certified=True):
    chosen = [e for e in certificate["eigenvalues"] if e["certified"] is certified]
    return sorted((complex(e["real"], e["imaginary"]) for e in chosen), key=lambda z: (z.real, z.imag))


def test_an_encoder_of_a_linear_system_is_certified():
    said = Certificate(Dataset(), threshold=0.01, points=12).observe(Seen(Exact(MATRIX)))
    certificate = said.documents["certificate"]
    json.dumps(certificate, allow_nan=False)
    expected = sorted([1, *EIGENVALUES], key=lambda z: (z.real, z.imag))
    np.testing.assert_allclose(listed(certificate), expected, atol=1e-5)  # the encoder computes in float32
    assert certificate["step"] == 7 and certificate["split"] == "test" and certificate["held_out"]
    assert certificate["dictionary"]["learned"] and any("float32" in text for text in certificate["not_claimed"])
    assert said.metrics["certified"] == 3 and said.metrics["residual_largest"] < 1e-5
    assert set(said.figures) == {"eigenvalues", "pseudospectrum", "eigenfunctions"}
    np.testing.assert_allclose(listed(certificate["learned_operator"]), listed(certificate)[:2], atol=1e-5)


def test_the_spectral_measure_of_a_rotation_lies_at_its_angles():
    angle = 0.7
    turn = rotation(angle)
    dataset = Dataset(map=lambda x: x @ turn, measure_preserving=True)
    callback = Certificate(dataset, threshold=0.01, points=12)
    said = callback.observe(Seen(Exact(turn)))
    assert set(said.figures) == {"eigenvalues", "pseudospectrum", "eigenfunctions", "spectral_measure"}
    assert said.figures["spectral_measure"].get_suptitle() == "Spectral measure of the encoder's first function"
    angles = np.linspace(-np.pi, np.pi, 1001)
    dictionary = Encoded(encoder(Exact(turn)), (2,)).fitted(dataset.pairs("test").x, 0)
    for density in spectral_densities(dictionary, factors(dictionary, dataset.pairs("test")), angles).values():
        assert np.trapezoid(density, angles) == pytest.approx(1, abs=0.02)  # of a function of norm 1
        for half in (angles < 0, angles > 0):
            assert abs(angles[half][np.argmax(density[half])]) == pytest.approx(angle, abs=0.1)


def test_an_encoder_whose_first_function_is_constant_has_no_spectral_measure():
    pairs = Dataset().pairs("test")
    dictionary = Encoded(lambda x: jnp.stack([0 * x[:, 0] + 3, x[:, 1]], 1), (2,)).fitted(pairs.x, 0)
    with pytest.warns(UserWarning, match="left out"):  # it depends on the constant 1
        assert spectral_densities(dictionary, factors(dictionary, pairs), np.zeros(1)) == {}


def test_an_operator_that_is_wrong_is_not_certified():
    certificate = Certificate(Dataset(), threshold=0.01, points=0).observe(Seen(Exact(0.9 * rotation(0.8))))
    learned = certificate.documents["certificate"]["learned_operator"]
    assert learned["certified"] == 0
    # Its eigenvectors are those of the system: each residual is the distance between the two eigenvalues.
    distance = abs(0.9 * np.exp(0.5j) - 0.9 * np.exp(0.8j))
    assert [e["residual"] for e in learned["eigenvalues"]] == pytest.approx([distance] * 2, rel=1e-5)
    assert certificate.metrics["certified"] == 3  # EDMD on the same encoder is right


def test_before_the_end_it_speaks_when_asked_to_and_draws_nothing():
    seen = Seen(Exact(MATRIX), last=False)
    assert not Certificate(Dataset()).observe(seen).documents
    for often in ({"every": 5}, {"every_epochs": 2}):
        said = Certificate(Dataset(), **often).observe(seen)
        assert said.documents and said.metrics and not said.figures
    with pytest.raises(ConfigError, match="every_epochs=0 must be above 0"):
        Certificate(Dataset(), every_epochs=0)
    with pytest.raises(ConfigError, match="Residuals need pairs of their own"):
        Certificate(Dataset(), held_out="train")


@pytest.mark.parametrize(
    "options, told",
    [
        (
            {"most_pairs": 2},
            r"^2 pairs of train cannot tell the encoder's 3 functions apart.* Raise .*most_pairs=2, or",
        ),
        (
            {"dataset": Dataset(starts=1, steps=2)},
            r"^2 pairs of train .* more states in train, or .* smaller latent\.$",
        ),
    ],
)
def test_too_few_pairs_are_told_when_the_encoder_is_first_seen(options, told):
    """Long before the end, where nothing else is asked of it."""
    with pytest.raises(ConfigError, match=told):
        Certificate(**{"dataset": Dataset(), **options}).observe(Seen(Exact(MATRIX), last=False))


def test_titles_of_eigenfunctions_say_which_are_certified():
    """At a threshold below the residual of a map that is not linear."""
    bent = Dataset(map=lambda x: x @ MATRIX + 0.002 * np.sin(9 * x), measure_preserving=False)
    for threshold, told in ((0.5, ": certified"), (1e-6, ": not certified")):
        said = Certificate(bent, threshold=threshold, points=0).observe(Seen(Exact(MATRIX)))
        titles = [axes.get_title() for axes in said.figures["eigenfunctions"].axes if axes.get_title()]
        assert titles and all(title.endswith(told) for title in titles)


def turned(angle):
    return (angle + 2 * np.pi * 0.618) % (2 * np.pi)


def test_the_task_certifies_a_rotation_of_the_circle():
    """Every eigenvalue is exp(2 pi i k a), on the circle; between them the circle is not certified."""
    dataset = Dataset(turned, dimension=1, measure_preserving=True, coordinates=("angle",))
    task = Spectrum(threshold=0.01, isometry=True, points=8, circle=360, horizons=(1, 3))
    estimator = ResDMD(Fourier(order=2), held_out=0.0)
    fitted = estimator.fit(task.given(dataset, "train"), 0)
    judged = task.judge(fitted, dataset, "test", estimator, 0)
    expected = np.exp(2j * np.pi * 0.618 * np.arange(-2, 3))
    found = judged.documents["certificate"]
    np.testing.assert_allclose(listed(found), sorted(expected, key=lambda z: (z.real, z.imag)), atol=1e-12)
    assert judged.metrics["certified"] == 5 and judged.metrics["residual_largest"] < 1e-12
    # Points of the circle within 0.01 of one of five eigenvalues: an arc of 0.02 radians each.
    assert judged.metrics["circle_certified"] == pytest.approx(5 * 0.02 / (2 * np.pi), abs=5 / 360)
    assert {"nrmse_step_1", "nrmse_step_3"} <= set(judged.metrics) and "nrmse_step_5" not in judged.metrics
    assert all(draw() is not None for draw in judged.figures.values())


def test_the_bound_on_the_circle_is_the_distance_to_the_spectrum():
    """Of a unitary operator tau is the distance to the nearest eigenvalue, on pairs that the fit has not seen."""
    spectrum = ResDMD(Fourier(order=1), held_out=0.0).fit(Dataset(turned, dimension=1).pairs("train"), 0)
    eigenvalues = np.exp(2j * np.pi * 0.618 * np.arange(-1, 2))

    def least(angles):
        pairs, plan = Pairs(angles[:, None], turned(angles)[:, None]), Plan(0.5, isometry=True, points=0, circle=90)
        found = evidence(spectrum, pairs, plan)
        return found.circle_least, np.abs(found.circle[:, None] - eigenvalues).min(1)

    # Waves are orthonormal at angles equally far apart, and their images are too; at others the bound is off by what
    # the waves' Gram matrix is.
    np.testing.assert_allclose(*least(0.3 + 2 * np.pi * np.arange(16) / 16), atol=1e-9)
    bound, distance = least(np.random.default_rng(1).uniform(0, 2 * np.pi, 4000))
    np.testing.assert_allclose(bound, distance, rtol=0.1, atol=1e-9)
    assert abs(bound - distance).max() > 1e-6


@pytest.mark.filterwarnings("ignore:.*functions")  # delays of a linear system depend on each other
def test_forecasts_of_delays_begin_where_a_row_ends():
    dataset = Dataset()
    task = Spectrum(delays=3, points=0, horizons=(1, 2), functions=0)
    estimator = ResDMD(Monomials(degree=1), held_out=0.0, tolerance=1e-9)
    fitted = estimator.fit(task.given(dataset, "train"), 0)
    metrics = task.judge(fitted, dataset, "test", estimator, 0).metrics
    assert metrics["nrmse_step_2"] < 1e-9


def test_values_that_make_no_sense_are_told():
    for wrong in ({"lag": 0}, {"delays": 0}, {"plane": [1]}, {"dt": 0.0}):
        with pytest.raises(ConfigError, match="task"):
            Spectrum(**wrong)
    with pytest.raises(ConfigError, match="threshold"):
        Spectrum(threshold=0.0)
    with pytest.raises(ConfigError, match="points=1 either 0 or at least 2"):
        Spectrum(points=1)
    with pytest.raises(ConfigError, match="a state has the coordinates 0 to 1"):
        task = Spectrum(plane=[0, 5], points=0)
        estimator = ResDMD(Monomials(degree=1), held_out=0.0)
        dataset = Dataset()
        task.judge(estimator.fit(task.given(dataset, "train"), 0), dataset, "test", estimator, 0)


def test_what_a_task_draws_and_measures_is_there_before_anything_is_fitted():
    fields = Dataset().spec.fields
    Spectrum(plane=[1, 0]).check_fields(fields)
    with pytest.raises(ConfigError, match=r"task\.plane=\[0, 7\]: a state has the coordinates 0 to 1\."):
        Spectrum(plane=[0, 7]).check_fields(fields)
    pairs, linear = Dataset().pairs("train"), ResDMD(Monomials(degree=1, constant=False))
    SpectralMeasure(isometry=True, observable=1).check_estimator(linear, pairs)
    with pytest.raises(ConfigError, match=r"task\.observable=2: the dictionary has the functions 0 to 1\."):
        SpectralMeasure(isometry=True, observable=2).check_estimator(linear, pairs)
    SpectralMeasure(isometry=True, observable=2, centred=True).check_estimator(ResDMD(Monomials(degree=1)), pairs)
    with pytest.raises(ConfigError, match="centred=true needs a dictionary with the constant 1"):
        SpectralMeasure(isometry=True, centred=True).check_estimator(linear, pairs)
    SpectralMeasure(isometry=True, observable=2).check_estimator(DMD(), pairs)  # only the fit knows its functions
