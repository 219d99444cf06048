"""Trajectories as data: the same whatever makes them, split by trajectory, seen alike by loaders and estimators."""

import dataclasses
import json

import numpy as np
import pytest
from omegaconf import OmegaConf

from spectrax import prepare
from spectrax.config import find
from spectrax.config.build import build
from spectrax.config.compose import compose_group
from spectrax.core.errors import ConfigError, DataMissing, UnreadableFile
from spectrax.data.dynamics.simulated import Simulated
from spectrax.data.dynamics.trajectories import Trajectories
from spectrax.data.dynamics.windows import Windowing
from spectrax.data.loader import GrainLoader, ResidentLoader
from spectrax.solvers.dynamics.adversarial import TwistedAnnulus
from spectrax.solvers.dynamics.diffusions import OrnsteinUhlenbeck
from spectrax.solvers.dynamics.lorenz import Lorenz63
from spectrax.solvers.dynamics.oscillators import Pendulum
from spectrax.solvers.dynamics.torus import CircleRotation

DIMENSIONS = {
    "linear": 6, "circle_rotation": 1, "torus_rotation": 2, "skew_torus": 2, "cat_map": 2, "doubling": 1, "tent": 1,
    "cmv": 300, "discrete_spectrum": 2, "ornstein_uhlenbeck": 1, "noisy_logistic": 1, "double_well": 1, "gauss_map": 1,
    "pendulum": 2, "duffing": 2, "van_der_pol": 2, "lorenz63": 3, "lorenz96": 40, "kuramoto_sivashinsky_dynamics": 64,
    "twisted_annulus": 2,
}  # fmt: skip
NOISY = ("ornstein_uhlenbeck", "noisy_logistic", "double_well", "twisted_annulus")  # by themselves, or must agree
COUNTS = {"train": 6, "validation": 3, "test": 2}


def made(data_dir, system=None, *, frames=4, partial=None, observation_noise=0.0, stride=3, normalise=None, **settings):
    """A prepared set of circle rotations, or of another system."""
    source = Simulated(system=system or CircleRotation(), **{**COUNTS, "length": 12, **settings})
    count = len(source.system.coordinates) if partial is None else len(partial)
    data = Trajectories(
        source=source, data_dir=str(data_dir), state=[count], frames=frames, dt=source.dt, stride=stride,
        partial=partial, observation_noise=observation_noise, normalise=normalise,
        process_noise=getattr(source.system, "process_noise", 0.0),
    )  # fmt: skip
    data.prepare(progress=False)
    return data


LORENZ = {"dt": 0.1, "burn_in": 1.0}


@pytest.fixture(scope="module")
def lorenz(tmp_path_factory):
    return made(tmp_path_factory.mktemp("data"), Lorenz63(), **LORENZ)


def config_of(name):
    return OmegaConf.create({"data_dir": "data", "dataset": OmegaConf.load(find.groups()["dataset"][name])})


@pytest.mark.parametrize("name", DIMENSIONS)
def test_configs_say_what_models_will_get_and_write_every_setting(name):
    whole = config_of(name)
    for size in whole.dataset.sizes:
        whole.dataset.size = size
        data, config = build(whole.dataset), OmegaConf.to_container(whole.dataset, resolve=True)
        assert data.spec.fields["window"].shape == (config["frames"], *config["state"])
        assert data.source.name == f"{name}_generated" and data.source.option == name
        assert (data.dt, data.source.dt) == (config["dt"], config["dt"])
        assert min(data.spec.splits.values()) > 0 and list(data.spec.splits) == ["train", "validation", "test"]
        if size == "tiny":
            assert sum(data.source.splits.values()) <= 128 and data.source.length <= 64
        # What is not written would take the class's default, unseen by the hash of the config.
        written = set(config["source"]["system"]) - {"_target_"}
        assert written == {field.name for field in dataclasses.fields(data.source.system)}
        assert data.measure_preserving == data.source.system.unitary
        if size == "default":
            assert config["state"] == [DIMENSIONS[name]]
    default = whole.dataset.source.system.get("process_noise")
    assert (default is None) == ("process_noise" not in whole.dataset)
    assert (default is None) == (name in NOISY)


def test_a_size_or_a_key_that_is_not_there_is_told():
    with pytest.raises(ConfigError, match=r"dataset\.sizes has no huge; it has tiny, default, run"):
        compose_group("dataset", ["dataset=lorenz63", "dataset.size=huge"])
    with pytest.raises(ConfigError, match=r"dataset\.source\.system\.rh"):
        compose_group("dataset", ["dataset=lorenz63", "dataset.source.system.rh=3"])


def test_the_command_prepares_and_draws(tmp_path, capsys):
    keys = {"dataset": "pendulum", "preview": "3"}
    assert prepare.run(keys, ["dataset.size=tiny", f"data_dir={tmp_path}"]) == 0
    assert "train: 48 examples" in capsys.readouterr().out
    (directory,) = tmp_path.glob("pendulum_generated/*-????????")
    assert (directory / "preview_train.png").stat().st_size > 10_000


def test_what_is_stored_is_exact_and_read_alike_by_tfds(lorenz):
    for split, count in COUNTS.items():
        array = lorenz.array(split, "trajectory")
        assert array.dtype == np.float64 and array.shape == (count, 12, 3)
        np.testing.assert_array_equal(lorenz.trajectories(split), array)
        stored = lorenz.split(split)
        assert len(stored) == lorenz.spec.splits[split] == 3 * count
        found = stored.__getitems__(range(len(stored)))
        for one, other, single in zip(found, lorenz.stored(split), stored, strict=True):
            np.testing.assert_array_equal(one["window"], other["window"])
            np.testing.assert_array_equal(one["window"], single["window"])
    with pytest.raises(IndexError):
        stored[len(stored)]


def test_windows_are_cut_out_of_their_trajectories(lorenz):
    windows = np.stack([example["window"] for example in lorenz.stored("train")]).reshape(6, 3, 4, 3)
    trajectories = lorenz.trajectories("train")
    for number in range(3):
        np.testing.assert_array_equal(windows[:, number], trajectories[:, 3 * number : 3 * number + 4])
    seen = lorenz.transform("train", lorenz.split("train")[7], None)["window"]
    assert seen.dtype == np.float32
    np.testing.assert_array_equal(seen, trajectories[2, 3:7].astype(np.float32))
    assert Windowing(10, 4, 3).count == 3 and Windowing(9, 4, 3).count == 2 and Windowing(4, 4, 9).count == 1


def test_both_loaders_give_the_same_batches_of_noisy_partial_observations(tmp_path):
    data = made(tmp_path, Lorenz63(), partial=[2, 0], observation_noise=0.3, **LORENZ)
    settings = {"batch_size": 4, "eval_batch_size": 4, "seed": 5}
    resident, streamed = ResidentLoader(data, **settings), GrainLoader(data, **settings)
    for feed, batch, _ in zip(resident.feeds(1), streamed.feeds(1), range(4), strict=False):
        found = resident.fetch(resident.resident, feed)["window"]
        assert found.shape == (4, 4, 2)
        np.testing.assert_array_equal(found, batch["window"])
    for one, other in zip(resident.evaluation("test"), streamed.evaluation("test"), strict=True):
        np.testing.assert_array_equal(one["window"], other["window"])


def test_no_two_splits_share_a_trajectory(lorenz):
    trajectories = np.concatenate([lorenz.trajectories(split) for split in COUNTS])
    states = trajectories.reshape(-1, 3)
    assert len(np.unique(states, axis=0)) == len(states) == 11 * 12
    assert np.linalg.norm(states[:, None, :2] - states[None, :, :2], axis=-1)[np.triu_indices(132, 1)].min() > 1e-4


def test_seed_and_number_decide_a_trajectory(lorenz, tmp_path, monkeypatch):
    again, other = made(tmp_path / "a", Lorenz63(), **LORENZ), made(tmp_path / "b", Lorenz63(), seed=1, **LORENZ)
    assert again.card().content_hash == lorenz.card().content_hash and again.directory.name == lorenz.directory.name
    assert other.directory.name != lorenz.directory.name
    assert not np.isin(other.trajectories("train"), lorenz.trajectories("train")).any()
    larger = made(tmp_path / "c", Lorenz63(), **{**LORENZ, "train": 9, "validation": 0})
    assert list(larger.spec.splits) == ["train", "test"]
    np.testing.assert_allclose(larger.trajectories("train")[:6], lorenz.trajectories("train"), rtol=1e-12)
    monkeypatch.setattr("spectrax.data.dynamics.simulated._AT_ONCE", 12 * 3 * 4)
    chunked = made(tmp_path / "d", Lorenz63(), **LORENZ)
    assert chunked.source.chunk == 4
    np.testing.assert_allclose(chunked.trajectories("train"), lorenz.trajectories("train"), rtol=1e-12)


def test_random_transitions_do_not_depend_on_what_is_computed_beside_them():
    source = Simulated(system=OrnsteinUhlenbeck(), length=5, dt=0.2, second=True, **COUNTS)
    together, apart = source.examples("train", 1, 3), source.examples("train", 2, 1)
    other, longer = source.examples("test", 1, 1), Simulated(system=OrnsteinUhlenbeck(), length=9, dt=0.2, **COUNTS)
    for field in ("trajectory", "second"):
        np.testing.assert_array_equal(together[field][1], apart[field][0])
        assert not np.isin(other[field], together[field]).any()
    np.testing.assert_array_equal(longer.examples("train", 1, 3)["trajectory"][:, :5], together["trajectory"])


def test_burn_in_leaves_out_what_comes_first(lorenz):
    whole = Simulated(system=Lorenz63(), length=22, dt=0.1, **COUNTS)
    trajectories = whole.examples("train", 0, 6)["trajectory"]
    np.testing.assert_allclose(trajectories[:, 10:], lorenz.trajectories("train"), rtol=1e-9)


def test_one_run_is_cut_into_pieces_that_follow_each_other(tmp_path):
    data = made(tmp_path, Lorenz63(), one_run=True, gap=7, **LORENZ)
    run = Lorenz63().trajectories(
        data.source.system.initial(np.random.default_rng([0, 0]))[None], length=11 * 12 + 14, dt=0.1, skipped=10
    )[0]
    for split, begin in (("train", 0), ("validation", 79), ("test", 79 + 43)):
        joined = data.trajectories(split)
        assert joined.shape == (1, 12 * COUNTS[split], 3)
        np.testing.assert_allclose(joined[0], run[begin : begin + joined.shape[1]], rtol=1e-9)
    assert len(data.pairs("train")) == 71  # one border less than trajectories have
    assert "one run" in data.card().split_rule and "7 frames" in data.card().split_rule


def test_noise_of_measurement_is_of_each_trajectory_and_in_units_of_its_deviations(lorenz):
    words = {"source": lorenz.source, "data_dir": str(lorenz.directory.parents[1]), "frames": 4, "dt": 0.1}
    noisy = Trajectories(**words, state=[3], stride=1, observation_noise=0.5)
    assert noisy.directory == lorenz.directory  # noise is added as data are read
    exact, seen = lorenz.trajectories("train"), noisy.trajectories("train")
    deviations = (seen - exact).reshape(-1, 3).std(0) / exact.reshape(-1, 3).std(0)
    np.testing.assert_allclose(deviations, 0.5, rtol=0.25)  # of 72 numbers
    np.testing.assert_array_equal(seen, noisy.trajectories("train"))
    windows = noisy.split("train")
    np.testing.assert_array_equal(windows[0]["window"][1:], windows[1]["window"][:3])
    assert not np.array_equal(noisy.trajectories("test")[0] - lorenz.trajectories("test")[0], (seen - exact)[0])
    partial = Trajectories(**words, state=[1], partial=[1], observation_noise=0.5)
    np.testing.assert_array_equal(partial.trajectories("train"), seen[..., 1:2])
    assert partial.coordinates == ("y",)


def test_process_noise_is_the_system_s(tmp_path):
    quiet = made(tmp_path, Pendulum(), dt=0.5)
    noisy = made(tmp_path, Pendulum(process_noise=0.2), dt=0.5)
    assert noisy.directory != quiet.directory and noisy.process_noise == 0.2
    difference = noisy.trajectories("train") - quiet.trajectories("train")
    assert np.array_equal(difference[:, 0], np.zeros((6, 2))) and (difference[:, 1:] != 0).all()


def test_pairs_never_cross_a_border_and_have_the_weights_of_their_grid(tmp_path):
    data = made(tmp_path, Pendulum(), train=12, length=3, frames=3, dt=0.5, grid=[4, 3])
    trajectories, pairs = data.trajectories("train"), data.pairs("train")
    nodes, weights = Pendulum().nodes((4, 3))
    np.testing.assert_array_equal(trajectories[:, 0], nodes)
    np.testing.assert_array_equal(data.weights("train"), weights)
    np.testing.assert_array_equal(pairs.x, trajectories[:, :2].reshape(-1, 2))
    np.testing.assert_array_equal(pairs.y, trajectories[:, 1:].reshape(-1, 2))
    assert pairs.weights.sum() == pytest.approx(2 * np.pi * 10) and pairs.second is None
    assert len(data.pairs("train", lag=2)) == 12
    assert data.weights("test") is None and data.pairs("test").weights is None
    assert not np.isin(data.trajectories("validation")[:, 0], nodes).all(1).any()


def test_second_images_are_drawn_independently(tmp_path):
    system = OrnsteinUhlenbeck()
    data = made(tmp_path, system, train=400, length=26, dt=0.2, second=True)
    pairs = data.pairs("train")
    kept = np.exp(-0.2)
    one, other = pairs.y - kept * pairs.x, pairs.second - kept * pairs.x
    for noise in (one, other):
        assert noise.var() == pytest.approx(1 - kept**2, rel=0.05)
    for a, b in ((one, other), (other, pairs.x), (other[1:], other[:-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.04  # four deviations of 1e4 pairs
    assert data.pairs("train", lag=2).second is None


def test_moments_are_those_of_training(lorenz):
    mean, deviation = lorenz.moments()["window"]
    states = lorenz.trajectories("train").reshape(-1, 3)
    np.testing.assert_allclose(mean, states.mean(0), rtol=1e-6)
    np.testing.assert_allclose(deviation, states.std(0, ddof=1), rtol=1e-6)
    assert mean.dtype == np.float32


def test_the_card_tells_how_it_was_made(lorenz):
    card = json.loads((lorenz.directory / "card.json").read_text())
    origin = card["origin"]
    assert origin["solver"] == "spectrax.solvers.dynamics.lorenz.Lorenz63" and origin["system"]["rho"] == 28.0
    assert origin["burn_in"] == 1.0 and origin["precision"] == "float64" and "jax" in origin["versions"]
    assert lorenz.directory.name.endswith(origin["settings_hash"])
    assert card["content_hash"] == lorenz.card().content_hash and len(card["content_hash"]) == 64
    assert card["splits"] == COUNTS and "trajectory belongs to one split" in card["split_rule"]


def test_a_preparation_that_stopped_goes_on_with_what_is_missing(lorenz, tmp_path, monkeypatch):
    monkeypatch.setattr("spectrax.data.dynamics.simulated._AT_ONCE", 12 * 3 * 4)
    make, computed = Simulated.examples, []

    def interrupted(self, split, first, count):
        computed.append((split, first))
        if len(computed) == 3:
            raise KeyboardInterrupt
        return make(self, split, first, count)

    monkeypatch.setattr(Simulated, "examples", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, Lorenz63(), **LORENZ)
    assert computed == [("train", 0), ("train", 4), ("validation", 0)]
    data = made(tmp_path, Lorenz63(), **LORENZ)
    assert computed[3:] == [("validation", 0), ("test", 0)]
    np.testing.assert_allclose(data.trajectories("train"), lorenz.trajectories("train"), rtol=1e-12)


def test_two_systems_share_their_training_and_nothing_else(tmp_path):
    grid = {"train": 32, "validation": 20, "test": 20, "length": 4, "grid": [4, 8]}
    pair = [made(tmp_path, TwistedAnnulus(rings=4, twist=twist), **grid) for twist in (0.0, 1.0)]
    np.testing.assert_array_equal(*(data.pairs("train").y for data in pair))
    one, other = (data.trajectories("test") for data in pair)
    np.testing.assert_array_equal(one[:, 0], other[:, 0])
    assert np.isclose(one[:, 1, 1], other[:, 1, 1]).mean() < 0.3  # near the circles of the sample there is little twist


def test_a_persons_own_trajectory_becomes_a_window(lorenz, tmp_path):
    values = np.arange(18.0).reshape(6, 3)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", window=values)
    for name in ("a.npy", "b.npz"):
        seen = lorenz.transform("test", lorenz.read(tmp_path / name), None)["window"]
        np.testing.assert_array_equal(seen, values[:4])
    np.save(tmp_path / "c.npy", values[:3])
    np.save(tmp_path / "d.npy", values[:, :2])
    np.savez(tmp_path / "e.npz", input=values)
    np.save(tmp_path / "f.npy", np.stack([values, values]))
    for name in ("c.npy", "d.npy", "e.npz", "f.npy"):
        with pytest.raises(UnreadableFile, match=r"should hold window \(4, 3\).* one trajectory in a file; it holds"):
            lorenz.read(tmp_path / name)


@pytest.mark.parametrize("wrong", [np.nan, -np.inf, 1e39])
def test_a_trajectory_that_is_not_finite_is_told_where_it_is_read(lorenz, tmp_path, wrong):
    values = np.arange(18.0).reshape(6, 3)
    values[4:] = wrong  # behind what is taken
    np.save(tmp_path / "late.npy", values)
    assert lorenz.read(tmp_path / "late.npy")["window"].shape == (4, 3)
    values[2, 1] = wrong
    np.save(tmp_path / "early.npy", values)
    with pytest.raises(UnreadableFile, match=r"holds NaN or infinite numbers in window, or such as float32"):
        lorenz.read(tmp_path / "early.npy")


def test_a_preview_shows_windows_over_time_and_among_others(lorenz):
    windows = [lorenz.transform("train", lorenz.split("train")[number], None) for number in (0, 5)]
    figure = lorenz.preview(windows, ["example 0", "example 5"])
    left, right = figure.axes[2:]
    assert [axes.get_ylabel() for axes in (left, right)] == ["example 5", "z"] and right.get_xlabel() == "x"
    np.testing.assert_allclose(left.lines[1].get_ydata(), windows[1]["window"][:, 1])
    np.testing.assert_allclose(left.lines[0].get_xdata(), 0.1 * np.arange(4))
    np.testing.assert_allclose(right.lines[-2].get_xydata(), windows[1]["window"][:, [0, 2]])
    assert len(right.lines) == 6 + 2


@pytest.mark.parametrize(
    "words, told",
    [
        ({"length": 1}, "length=1"),
        ({"burn_in": -1.0}, "burn_in=-1"),
        ({"dt": 0.5}, r"Set dataset\.dt=1"),
        ({"second": True}, "deterministic, so that a state has one image"),
        ({"grid": [4]}, r"4 nodes.*Set dataset\.source\.train=4"),
        ({"grid": [6], "one_run": True}, r"one_run=false"),
        ({"train": 0}, "train=0"),
        ({"seed": -1}, r"seed=-1"),
        ({"frames": 13}, r"dataset\.frames=13 should be from 1 to the 12"),
        ({"stride": 0}, r"dataset\.stride=0"),
        ({"partial": [1]}, r"dataset\.partial=\[1\].*coordinates 0 to 0"),
        ({"partial": []}, r"dataset\.partial=\[\]"),
        ({"observation_noise": -0.1}, r"^dataset\.observation_noise=-0\.1 is no deviation\. Give 0 or a positive.*\.$"),
        ({"observation_noise": float("nan")}, r"dataset\.observation_noise=nan"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path, words, told):
    with pytest.raises(ConfigError, match=told):
        made(tmp_path, **words)


def test_what_does_not_fit_together_or_is_not_there_is_said(tmp_path, lorenz):
    source = Simulated(system=CircleRotation(), length=12, **COUNTS)
    words = {"source": source, "data_dir": str(tmp_path), "frames": 4, "dt": 1.0, "state": [1]}
    with pytest.raises(ConfigError, match=r"Set dataset\.state=\[1\]"):
        Trajectories(**{**words, "state": [2]})
    with pytest.raises(ConfigError, match=r"dataset\.source\.dt=1: set both alike"):
        Trajectories(**{**words, "dt": 2.0})
    with pytest.raises(ConfigError, match=r"^dataset\.process_noise=0\.5, but that of dataset\.source\.system is 0:"):
        Trajectories(**words, process_noise=0.5)
    noisy = Simulated(system=CircleRotation(process_noise=0.5), length=12, **COUNTS)
    with pytest.raises(ConfigError, match=r"measure_preserving=true.*circle_rotation.*not unitary: it has noise"):
        Trajectories(**{**words, "source": noisy}, process_noise=0.5, measure_preserving=True)
    with pytest.raises(DataMissing, match=r"circle_rotation_generated is not prepared in .*dataset=circle_rotation"):
        Trajectories(**words).trajectories("train")
    with pytest.raises(ConfigError, match=r"A window is \(3, 3\)"):
        lorenz.transform("train", {"window": np.zeros((3, 3))}, None)
