"""Every yaml: it says what it is, composes, is checked, and its experiment's whole step can be traced."""

import jax
import numpy as np
import pytest
from chosen_options import chosen, home, is_taken
from omegaconf import OmegaConf

import spectrax
from spectrax.assembly import assemble
from spectrax.config import find
from spectrax.config.build import build, partial
from spectrax.config.compose import contract_size
from spectrax.core.trees import abstract_module, leaf_paths, split_module
from spectrax.training.state import create_state, model_graph
from spectrax.training.step import StepRule, train_step

RELEASED = ("svt_imagenet_plain", ["model=svt_h_s_released"])  # with a token-label head
EXPERIMENTS = sorted(find.experiments())
TRAINED = [name for name in EXPERIMENTS if chosen(name, "trainer") == "gradient"]  # step by step
OPTIONS = sorted((group, option) for group, options in find.groups().items() for option in options)
# For options that no experiment takes, one in which they can stand, where it is not the default one.
HOME = {
    ("dataset", "airfoil_mesh"): "lsm_airfoil",
    ("dataset", "kuramoto_sivashinsky"): "fno_burgers",
    ("model", "consistent_koopman"): "koopman_pendulum",
    ("model", "dmd"): "mpedmd_lorenz",
    ("model", "kernel_edmd"): "resdmd_duffing",
    ("model", "svt_h_l_released"): "svt_imagenet",
    ("task", "consistent_koopman"): "koopman_pendulum",
}
DYNAMICS = (
    "cat_map circle_rotation cmv discrete_spectrum double_well doubling duffing gauss_map linear lorenz96 "
    "kuramoto_sivashinsky_dynamics noisy_logistic ornstein_uhlenbeck pendulum skew_torus tent torus_rotation "
    "twisted_annulus van_der_pol"
)
HOME |= {("dataset", name): "koopman_lorenz" for name in DYNAMICS.split()}
# What has to be said with it.
NEEDED = {
    ("dataset", "cars196"): ["loader=grain"],
    ("dataset", "cifar10"): ["loader=grain"],
    ("dataset", "cifar100"): ["loader=grain"],
    ("dataset", "fashion_mnist"): ["loader=grain"],
    ("dataset", "flowers102"): ["loader=grain"],
    ("dataset", "imagenet2012"): ["loader=grain"],
    ("dataset", "image_folder"): ["loader=grain", "dataset.image_dir=pictures", "dataset.num_classes=2"],
    ("dataset", "tfds"): ["dataset.name=mnist", "dataset.num_classes=10"],
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_says_what_it_is_in_its_first_line(name):
    assert len(find.first_comment(find.experiments()[name])) > 20


@pytest.mark.parametrize("group, option", OPTIONS)
def test_an_option_says_what_it_is(group, option):
    assert find.first_comment(find.groups()[group][option])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_composes(name):
    assert not OmegaConf.missing_keys(spectrax.compose(name))


@pytest.mark.parametrize("group, option", [pair for pair in OPTIONS if not is_taken(*pair)])
def test_an_option_that_no_experiment_takes_composes(group, option):
    overrides = [f"{group}={option}", *NEEDED.get((group, option), [])]
    experiment = home(group, option) or HOME.get((group, option), "svt_digits")
    config = spectrax.compose(experiment, overrides)
    assert not OmegaConf.missing_keys(config)


def pieces(name, overrides=()):
    config = spectrax.compose(name, list(overrides))
    experiment, trainer = assemble(config), build(config.trainer)
    examples = experiment.loader.examples("train")
    lengths = {"total_steps": trainer.total_steps(experiment.loader), "steps_per_epoch": examples / trainer.batch_size}
    schedule = trainer.schedule(**lengths)
    rule = StepRule(
        graph=model_graph(experiment.make_model),
        task=experiment.task,
        optimizer=trainer.optimizer.build(schedule),
        schedule=schedule,
        seed=0,
        average_decay=trainer.average,
        callbacks=tuple(experiment.callbacks.values()),
    )
    create = lambda: create_state(experiment.make_model, rule.optimizer, rule.task, trainer.average is not None, 0)  # noqa: E731
    fields = experiment.dataset.spec.fields
    batch = {name: jax.ShapeDtypeStruct((4, *field.shape), field.dtype) for name, field in fields.items()}
    return rule, create, batch, config


def traced_step(rule, create, batch):
    state = jax.eval_shape(create)
    new, metrics = jax.eval_shape(lambda s, b: train_step(rule, s, b), state, batch)
    shapes = lambda tree: {path: (leaf.shape, leaf.dtype) for path, leaf in leaf_paths(tree)}  # noqa: E731
    return shapes(state), shapes(new), metrics


def made_small(name, overrides):
    """The overrides of an experiment with the same parts but fewer of them, for tracing takes its time for each."""
    sizes = [word for word in contract_size(name, overrides) if word.startswith("model.")]
    return [*overrides, *sizes, *(["task.steps=2"] if chosen(name, "task") == "roll_out" else [])]


def of_other_parts():
    """Experiments to be traced: those that have a model with its task, or an optimizer, that none before them has; the
    others on request."""
    seen, found = set(), []
    for name in TRAINED:
        parts = {(chosen(name, "model"), chosen(name, "task")), chosen(name, "optimizer")}
        found.append(pytest.param(name, [], marks=[pytest.mark.thorough] if parts <= seen else []))
        seen |= parts
    return found


@pytest.mark.parametrize("small", [True, pytest.param(False, marks=pytest.mark.every_experiment)])
@pytest.mark.parametrize("name, overrides", [*of_other_parts(), RELEASED])
def test_a_step_keeps_every_shape_and_dtype_of_the_state(name, overrides, small):
    """What `donate` and an exact resume rest on; parameters are float32 in every precision."""
    overrides = made_small(name, overrides) if small else overrides
    before, after, metrics = traced_step(*pieces(name, overrides)[:3])
    assert before == after
    assert {"loss", "learning_rate", "gradient_norm"} <= set(metrics)
    assert all(value.shape == () for value in metrics.values())
    floats = {dtype for path, (_, dtype) in before.items() if path.startswith("parameters")}
    assert floats == {np.dtype("float32")}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_precision_policy_reaches_the_products(precision):
    """Linear layers compute in the policy's dtype; the transform's products stay float32."""
    rule, create, batch, config = pieces("svt_digits", [f"precision={precision}"])
    state = jax.eval_shape(create)
    jaxpr = jax.make_jaxpr(lambda s, b: train_step(rule, s, b)[1]["loss"])(state, batch)
    dtypes = {str(eqn.outvars[0].aval.dtype) for eqn in _equations(jaxpr.jaxpr) if eqn.primitive.name == "dot_general"}
    assert config.model.dtype == precision
    assert dtypes == ({"float32"} if precision == "float32" else {"float32", "bfloat16"})


def _equations(jaxpr):
    for eqn in jaxpr.eqns:
        yield eqn
        for value in eqn.params.values():
            for inner in value if isinstance(value, (list, tuple)) else [value]:
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _equations(inner)


def test_one_real_step_has_gradients_everywhere():
    # At 32 pixels the last stage has one token, and what attends to a single token needs no query.
    rule, create, batch, _ = pieces("svt_digits", ["dataset.image_size=64", "model.depths=[1,0,1,0]"])
    generator = np.random.default_rng(0)
    real = {
        "image": generator.standard_normal(batch["image"].shape).astype(np.float32),
        "label": generator.integers(0, 10, 4).astype(np.int32),
    }
    state = jax.jit(create)()
    new, metrics = jax.jit(lambda s, b: train_step(rule, s, b))(state, real)
    assert int(metrics["bad_leaf"]) == -1 and float(metrics["gradient_norm"]) > 0
    same = [path for path, leaf in leaf_paths(jax.tree.map(lambda a, b: (a == b).all(), state, new)) if leaf]
    # The rate of the first step is zero, so parameters stand; moments and statistics move.
    assert not [path for path in same if path.startswith(("optimizer/0/0/mu", "statistics"))]


def test_models_take_their_sizes_from_the_dataset():
    config = spectrax.compose("svt_digits", ["dataset.num_classes=7", "dataset.image_size=64", "task.class_names=null"])
    _, parameters, _ = split_module(abstract_module(partial(config.model)))
    assert parameters["head"]["kernel"].shape[-1] == 7
    assert parameters["stages"]["0"]["blocks"]["0"]["mixer"]["gate"].shape[:2] == (16, 16)
