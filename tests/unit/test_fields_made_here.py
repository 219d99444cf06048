"""Every source that calls a solver: its examples are what the solver gives, whichever chunk they are made in."""

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.data.pde.airfoil_mesh import AirfoilMesh
from spectrax.data.pde.airfoil_potential import AirfoilPotential
from spectrax.data.pde.burgers import Burgers
from spectrax.data.pde.darcy import Darcy
from spectrax.data.pde.elasticity import ElasticityGrid, ElasticityPoints
from spectrax.data.pde.kuramoto_sivashinsky import KuramotoSivashinsky
from spectrax.data.pde.navier_stokes import NavierStokes
from spectrax.data.pde.pipe import Pipe
from spectrax.data.pde.plasticity_toy import PlasticityToy
from spectrax.solvers import burgers, darcy, navier_stokes, plasticity_toy, potential_flow, random_fields

NEEDED = {"burgers": "exponax", "kuramoto_sivashinsky": "exponax", "elasticity": "skfem", "pipe": "skfem"}
COUNTS = {"train": 9, "test": 4, "seed": 3}
FLOW = {"grid": [8, 8], "solve_grid": 16, "viscosity": 1e-2, "step": 0.05, **COUNTS}
SOURCES = {
    "darcy": Darcy(grid=[12, 12], **COUNTS),
    "official": Darcy(grid=[12, 12], discretisation="official", lower=4.0, **COUNTS),
    "navier_stokes": NavierStokes(frames_in=3, frames_out=2, **FLOW),
    "burgers": Burgers(grid=[16], solve_grid=32, step=0.02, frames_out=2, interval=0.1, **COUNTS),
    "kuramoto_sivashinsky": KuramotoSivashinsky(grid=[32], solve_grid=32, skipped=2, frames_out=3, step=0.2, **COUNTS),
    "elasticity_points": ElasticityPoints(around=16, across=3, **COUNTS),
    "elasticity_grid": ElasticityGrid(grid=[21, 21], around=16, across=3, **COUNTS),
    "pipe": Pipe(grid=[9, 9], viscosity=0.1, **COUNTS),
    "airfoil_mesh": AirfoilMesh(wake_cells=8, airfoil_cells=16, radial_cells=8, **COUNTS),
    "airfoil_potential": AirfoilPotential(wake_cells=8, airfoil_cells=16, radial_cells=8, angle=4.0, **COUNTS),
    "plasticity_toy": PlasticityToy(grid=[11, 5, 3], **COUNTS),
}


def source_of(name):
    """The source, where the extra `pde` that its solver needs is installed."""
    for beginning, package in NEEDED.items():
        if name.startswith(beginning):
            pytest.importorskip(package, reason=f"the extra pde ({package}) is not installed")
    return SOURCES[name]


@pytest.mark.parametrize("name", SOURCES)
def test_an_example_does_not_depend_on_its_chunk(name):
    source = source_of(name)
    together, apart = source.examples("train", 1, 3), source.examples("train", 2, 1)
    other = source.examples("test", 1, 1)
    for field, spec in source.fields.items():
        assert together[field].shape == (3, *spec.shape) and np.isfinite(together[field]).all()
        np.testing.assert_array_equal(together[field][1], apart[field][0])
        if field in ("input", "target") and name != "airfoil_mesh":
            assert not np.array_equal(together[field][0], together[field][1])
            assert not np.array_equal(together[field][0], other[field][0])


def test_darcy_is_solved_in_its_own_medium():
    for name, lower in (("darcy", 3.0), ("official", 4.0)):
        source = SOURCES[name]
        found = source.examples("train", 0, 2)
        assert set(np.unique(found["input"])) == {lower, 12.0}
        expected = darcy.solve(found["input"][..., 0], discretisation=source.discretisation)
        np.testing.assert_allclose(found["target"][..., 0], expected)


def test_frames_of_a_flow_follow_each_other_at_every_other_point():
    source, longer = SOURCES["navier_stokes"], NavierStokes(frames_in=4, frames_out=1, **FLOW)
    found, same = source.examples("test", 1, 1), longer.examples("test", 1, 1)
    frames = np.concatenate([found["input"], found["target"]], -1)
    np.testing.assert_array_equal(frames, np.concatenate([same["input"], same["target"]], -1))
    noise = random_fields.complex_noise(3, source.indices("test", 1, 1)[0], (16, 16))
    start = random_fields.periodic_field(noise[None])
    flow = navier_stokes.solve(start, viscosity=1e-2, times=[1.0, 2.0, 5.0], step=0.05, dtype="float64")
    np.testing.assert_allclose(frames[..., [0, 1, 4]], flow[:, ::2, ::2], atol=1e-4 * np.abs(flow).max())


def test_precision_and_forcing_are_those_of_the_config():
    words = {**FLOW, "frames_in": 1, "frames_out": 1, "precision": "float64", "first_time": 0.0}
    still = NavierStokes(amplitude=0.0, **words).examples("train", 0, 1)
    noise = random_fields.complex_noise(3, 0, (16, 16))
    np.testing.assert_array_equal(still["input"][0, ..., 0], random_fields.periodic_field(noise)[::2, ::2])
    forced = NavierStokes(**words).examples("train", 0, 1)
    energy = {name: np.square(flow["target"]).sum() for name, flow in (("still", still), ("forced", forced))}
    assert energy["still"] < np.square(still["input"]).sum() and abs(energy["forced"] / energy["still"] - 1) > 1e-3


def test_a_wave_of_burgers_starts_where_it_is_drawn_and_decays():
    source = source_of("burgers")
    found = source.examples("train", 4, 2)
    np.testing.assert_array_equal(found["input"][1, :, 0], burgers.burgers_initial(3, 5, 32)[::2])
    energies = [np.square(values).sum((1, 2)) for values in (found["input"], found["target"][..., :1])]
    assert (energies[1] < energies[0]).all()
    assert (np.square(found["target"][..., 1]).sum(1) < energies[1]).all()


def test_frames_of_chaos_follow_each_other():
    source = source_of("kuramoto_sivashinsky")
    later = KuramotoSivashinsky(grid=[32], solve_grid=32, skipped=3, frames_out=2, step=0.2, **COUNTS)
    found, next_one = source.examples("train", 0, 1), later.examples("train", 0, 1)
    np.testing.assert_allclose(found["target"][..., :1], next_one["input"], atol=1e-9)


def test_an_elastic_cell_has_no_stress_in_its_void():
    found = source_of("elasticity_grid").examples("train", 0, 2)
    inside = found["domain"] == 0
    assert set(np.unique(found["domain"])) == {0.0, 1.0} and 0.1 < inside.mean() < 0.5
    assert (found["target"][inside] == 0).all() and np.median(found["target"][~inside]) > 10
    np.testing.assert_array_equal(found["input"], found["domain"])
    points = source_of("elasticity_points").examples("train", 0, 2)
    radii = np.linalg.norm(points["input"] - 0.5, axis=-1)
    assert (radii.min(1) > points["code"].min(1) - 0.05).all() and (points["input"] <= 1 + 1e-12).all()


def test_a_pipe_holds_the_fluid_at_its_walls_and_lets_it_in_as_a_parabola():
    velocity = source_of("pipe").examples("train", 0, 1)["target"][0, ..., 0]
    assert (velocity[:, [0, -1]] == 0).all()
    np.testing.assert_allclose(velocity[0], 1 - np.linspace(-1, 1, 9) ** 2, atol=1e-12)


def test_the_surrogates_say_in_their_cards_what_they_are_not():
    for name, said in (("airfoil_potential", "without shocks"), ("plasticity_toy", "no mechanics is solved")):
        card = SOURCES[name].card("")
        assert said in card.description and "Made here, not published" in card.description
        assert card.name == f"{name}_generated"


def test_the_flow_around_an_airfoil_is_computed_on_its_own_mesh():
    mesh, surrogate = (SOURCES[name].examples("train", 0, 2) for name in ("airfoil_mesh", "airfoil_potential"))
    np.testing.assert_array_equal(surrogate["input"], mesh["input"])
    expected = potential_flow.speed_on_mesh(mesh["input"][1], 8, angle=np.deg2rad(4.0))
    np.testing.assert_array_equal(surrogate["target"][1, ..., 0], expected)


def test_a_pressed_block_lies_under_its_die():
    source = SOURCES["plasticity_toy"]
    found = source.examples("test", 2, 1)
    die = plasticity_toy.random_die(3, source.indices("test", 2, 1)[0])
    heights = plasticity_toy.die_heights(die, np.linspace(0, plasticity_toy.LENGTH, 11))
    np.testing.assert_array_equal(found["input"][0, :, 2, 1, 0], heights)
    x, y = found["target"][0, :, -1, -1, 0], found["target"][0, :, -1, -1, 1]
    under = plasticity_toy.HEIGHT - source.travel + plasticity_toy.die_heights(die, x)
    np.testing.assert_allclose(y, np.minimum(under, plasticity_toy.HEIGHT))


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: AirfoilPotential(angle=90.0, **COUNTS), "angle=90"),
        (lambda: PlasticityToy(grid=[11, 5], **COUNTS), "three sizes"),
        (lambda: PlasticityToy(grid=[11, 5, 3], rise=0.0, **COUNTS), "positive"),
        (lambda: Darcy(grid=[12, 13], **COUNTS), r"grid=\[12, 13\] should be a square"),
        (lambda: Darcy(grid=[12, 12], lower=0.0, **COUNTS), "positive"),
        (lambda: NavierStokes(**{**FLOW, "solve_grid": 20}), r"solve_grid=20"),
        (lambda: NavierStokes(**{**FLOW, "frames_in": 0}), "frames"),
        (lambda: NavierStokes(**{**FLOW, "grid": [0, 0]}), r"grid=\[0, 0\]"),
        (lambda: Burgers(grid=[16], solve_grid=24, **COUNTS), r"solve_grid=24"),
        (lambda: Burgers(grid=[0], solve_grid=24, **COUNTS), r"grid=\[0\]"),
        (lambda: KuramotoSivashinsky(grid=[16], solve_grid=24, **COUNTS), r"solve_grid=24"),
        (lambda: ElasticityGrid(grid=[4, 5], **COUNTS), "square"),
        (lambda: Pipe(grid=[5], **COUNTS), "two sizes"),
        (lambda: NavierStokes(**{**FLOW, "step": 0.3}).examples("train", 0, 1), "multiples of the step"),
    ],
)
def test_settings_that_make_no_sense_are_told(make, told):
    with pytest.raises(ConfigError, match=told):
        make()
