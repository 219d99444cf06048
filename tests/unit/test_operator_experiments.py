"""Published recipes of operator learning: one as a golden file, how the others differ, and what they come to.

After a change that is meant, write the golden file anew: python tests/unit/test_operator_experiments.py
"""

import dataclasses
import functools
import re
from pathlib import Path

import jax
import numpy as np
import pytest
from omegaconf import OmegaConf

import spectrax
from spectrax.assembly import assemble
from spectrax.config import find
from spectrax.config.build import build
from spectrax.core.errors import ConfigError
from spectrax.core.trees import abstract_module, leaf_paths, parameter_count, split_module

GOLDEN = Path(__file__).parent / "golden" / "lsm_darcy.yaml"


@functools.cache
def composed(name):
    return spectrax.compose(name, ["data_dir=data", "run_dir=run"])


def resolved(name):
    return OmegaConf.to_container(composed(name))


def test_the_recipe_is_the_golden_one():
    assert resolved("lsm_darcy") == OmegaConf.to_container(OmegaConf.load(GOLDEN))


def changed(one, other, path=""):
    """Dotted keys whose values differ, or that only one has."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return set() if one == other else {path}
    keys = {*one, *other}
    return {key for name in keys for key in changed(one.get(name), other.get(name), f"{path}.{name}".lstrip("."))}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Of LSM's script for one benchmark.

    Attributes:
        shapes: of an example's input and target.
        channels, patch, padding: of the model; the padding in the order of the axes, which the scripts turn around.
        rate: of the optimizer.
        parameters: complex ones counted once.
        examples: of the training and the test split.
        also: what else differs from `lsm_darcy`, but for the data and these.
    """

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    channels: int
    patch: tuple[int, ...]
    padding: tuple[int, ...] | None
    rate: float
    parameters: int
    examples: tuple[int, int] = (1000, 200)
    normalise: str | None = None
    also: frozenset[str] = frozenset()


MESH = frozenset({"task.geometry"})
LSM = {
    "lsm_elasticity_p": Recipe(
        shapes=((972, 2), (972, 1)),
        channels=32,
        patch=(6, 6),
        padding=None,
        rate=5e-4,
        parameters=5_402_785 + 63_746,
        also=MESH | {"optimizer.method.pairs", "trainer.optimizer.method.pairs"},
    ),
    "lsm_elasticity_g": Recipe(
        shapes=((41, 41, 1), (41, 41, 1)),
        channels=32,
        patch=(3, 3),
        padding=(7, 7),
        rate=1e-3,
        parameters=4_812_801,
    ),
    "lsm_plasticity": Recipe(
        shapes=((101, 31, 20, 1), (101, 31, 20, 4)),
        channels=32,
        patch=(7, 2, 2),
        padding=(11, 1, 12),
        rate=5e-4,
        parameters=13_457_828,
        examples=(900, 80),
        normalise="location",
    ),
    "lsm_navier_stokes": Recipe(
        shapes=((64, 64, 10), (64, 64, 10)),
        channels=64,
        patch=(4, 4),
        padding=(0, 0),
        rate=5e-4,
        parameters=19_188_033,
        also=frozenset({"task.periodic", "task.quantities", "task.evaluate_with_batch_statistics"}),
    ),
    "lsm_darcy": Recipe(
        shapes=((85, 85, 1), (85, 85, 1)),
        channels=64,
        patch=(6, 6),
        padding=(11, 11),
        rate=5e-4,
        parameters=19_187_457,
        normalise="location",
    ),
    "lsm_airfoil": Recipe(
        shapes=((221, 51, 2), (221, 51, 1)),
        channels=32,
        patch=(14, 4),
        padding=(3, 13),
        rate=1e-3,
        parameters=4_812_833,
        also=MESH | {"task.view"},
    ),
    "lsm_pipe": Recipe(
        shapes=((129, 129, 2), (129, 129, 1)),
        channels=48,
        patch=(9, 9),
        padding=(15, 15),
        rate=1e-3,
        parameters=10_804_913,
        also=MESH,
    ),
}
# What follows from the dataset, or from another option of a group.
FOLLOWS = re.compile(
    r"experiment$|dataset\b|model\.(?:_target_|contract|grid|in_channels|out_channels)\b"
    r"|model\.(?:latent_grid|modes|patch|padding|deformation|code_size|hermitian)$"
    r"|task\.(?:_target_|frames_per_step|steps|predicted_frames|training|push_forward_steps|pushed_noise)$"
    r"|task\.(?:remat|looped|increments)$"
)
OF_A_RECIPE = {"model.channels", "schedule.peak", "trainer.schedule.peak"}


def built(name):
    """The config, the dataset and the abstract model."""
    config = composed(name)
    experiment = assemble(config)
    return config, experiment.dataset, abstract_module(experiment.make_model)


def counted(model, pairs=()):
    """Parameters, those in whose path a pattern is found counted as complex."""
    _, parameters, _ = split_module(model)
    parts = [leaf.size for path, leaf in leaf_paths(parameters) if any(re.search(pattern, path) for pattern in pairs)]
    return parameter_count(parameters) - sum(parts) // 2


@pytest.mark.parametrize("name", LSM)
def test_an_lsm_recipe_comes_to_the_released_sizes(name):
    recipe = LSM[name]
    config, dataset, model = built(name)
    fields = dataset.spec.fields
    assert (fields["input"].shape, fields["target"].shape) == recipe.shapes
    assert tuple(dataset.spec.splits.values()) == recipe.examples and dataset.normalise == recipe.normalise
    patch = getattr(model, "patch", tuple(config.model.patch or ()))
    assert (config.model.channels, patch) == (recipe.channels, recipe.patch)
    if recipe.padding is not None:
        assert model._padding_of(config.dataset.grid) == recipe.padding
    assert counted(model, config.optimizer.method.pairs) == recipe.parameters
    assert (config.model.tokens, config.model.bases, config.model.heads) == (4, 12, 8)


@pytest.mark.parametrize("name", LSM)
def test_an_lsm_recipe_differs_from_the_golden_one_in_nothing_else(name):
    recipe, other = LSM[name], resolved(name)
    found = changed(resolved("lsm_darcy"), other) - OF_A_RECIPE
    assert {key for key in found if not FOLLOWS.match(key)} == recipe.also
    assert other["schedule"]["peak"] == recipe.rate and other["trainer"]["batch_size"] == 20


def test_the_step_is_the_released_adam_with_decay_of_everything_at_rates_that_halve():
    """First step: the gradient and 1e-4 of the parameter, brought to size 1, biases as well."""
    config = composed("lsm_darcy")
    schedule = build(config.schedule)(total_steps=501 * 50, steps_per_epoch=50)
    rates = [float(schedule(epoch * 50 + step)) for epoch, step in ((0, 0), (99, 49), (100, 0), (250, 0), (500, 49))]
    np.testing.assert_allclose(rates, [5e-4, 5e-4, 2.5e-4, 1.25e-4, 5e-4 / 32], rtol=1e-6)
    optimizer = build(config.optimizer).build(schedule)
    parameters = {"kernel": jax.numpy.ones((2, 2)), "bias": -jax.numpy.ones(2)}
    updates, _ = optimizer.update(
        jax.tree.map(jax.numpy.zeros_like, parameters), optimizer.init(parameters), parameters
    )
    for name, sign in (("kernel", -1), ("bias", 1)):
        np.testing.assert_allclose(updates[name], sign * 5e-4 * 1e-4 / (1e-4 + 1e-8), rtol=1e-4)


def test_losses_are_summed_over_the_batch_and_figures_are_means():
    task = build(composed("lsm_darcy").task)
    target = np.random.default_rng(0).standard_normal((4, 5, 5, 1)).astype(np.float32)
    batch = {"input": target, "target": target, "mask": np.ones(4, bool)}
    loss, (_, told) = task.loss("main", lambda *_, **__: 1.5 * target, batch, {}, jax.random.key(0))
    np.testing.assert_allclose([loss, told["relative_l2"]], [2.0, 0.5], rtol=1e-5)


@pytest.mark.parametrize(
    "name, parameters, shapes",
    [
        ("fno_darcy", 1_188_353, ((85, 85, 1), (85, 85, 1))),
        ("t1_navier_stokes", 11_065_664, ((64, 64, 1), (64, 64, 1))),
    ],
)
def test_other_recipes_come_to_the_released_sizes(name, parameters, shapes):
    config, dataset, model = built(name)
    assert tuple(field.shape for field in dataset.spec.fields.values()) == shapes
    assert counted(model, config.optimizer.method.get("pairs", ())) == parameters


def test_t1_learns_from_time_0_to_time_50_of_the_flow_of_viscosity_1e_3():
    config = resolved("t1_navier_stokes")
    source = config["dataset"]["source"]
    assert source["file"] == "ns_V1e-3_N5000_T50.mat" and (source["train"], source["test"]) == (1000, 200)
    assert (source["from_start"], source["every"], source["frames_in"], source["frames_out"]) == (True, 50, 1, 1)
    assert [config["model"][key] for key in ("modes", "width", "depth", "output")] == [24, 48, 8, "spectrum"]
    assert (config["task"]["compare_in"], config["task"]["reduction"]) == ("cosine", "mean")
    assert (config["trainer"]["epochs"], config["trainer"]["batch_size"]) == (500, 64)
    assert config["optimizer"]["method"]["_target_"] == "optax.adamw" and not config["optimizer"]["no_decay_vectors"]
    assert config["optimizer"]["method"]["weight_decay"] == 1e-4
    schedule = config["schedule"]
    assert (schedule["peak"], schedule["factor"], schedule["every_epochs"]) == (1e-3, 0.5, 100)


SMALL = sorted(name for name in find.experiments() if name.startswith("lsm_") and name.endswith("_small"))


def test_every_published_recipe_of_lsm_has_a_small_twin_on_data_made_here():
    assert {name.removesuffix("_small") for name in SMALL} == set(LSM)
    for name in SMALL:
        one, other = resolved(name.removesuffix("_small")), resolved(name)
        assert one["model"]["_target_"] == other["model"]["_target_"]
        assert one["task"]["_target_"] == other["task"]["_target_"]
        assert one["task"]["geometry"] == other["task"]["geometry"]
        assert "published" in one["dataset"]["source"]["_target_"]
        assert "published" not in other["dataset"]["source"]["_target_"]
        assert "small" in find.first_comment(find.experiments()[name])


@pytest.mark.parametrize("name", [f"{name}_darcy_small" for name in ("t1", "unet", "fno")])
def test_small_models_of_darcy_flow_are_compared_by_one_recipe(name):
    """The recipes are copies: what is not of the model is equal."""
    found = changed(resolved("lsm_darcy_small"), resolved(name))
    assert {key for key in found if not key.startswith("model.")} == {"experiment"}


@pytest.mark.parametrize("name", ["lsm_airfoil", "lsm_airfoil_small"])
def test_meshes_without_a_flow_are_refused(name):
    """With and without a normalisation, which looks for the target too."""
    config = spectrax.compose(name, ["data_dir=data", "run_dir=run", "dataset=airfoil_mesh"])
    with pytest.raises(ConfigError, match=r"no target.* set dataset=airfoil_potential"):
        assemble(config)


@pytest.mark.parametrize("name", [name for name in find.experiments() if "navier_stokes" in name])
def test_the_torus_is_periodic(name):
    assert resolved(name)["task"]["periodic"]


if __name__ == "__main__":
    GOLDEN.write_text("# `lsm_darcy`, resolved.\n" + OmegaConf.to_yaml(OmegaConf.create(resolved("lsm_darcy"))))
