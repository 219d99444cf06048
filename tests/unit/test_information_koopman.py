"""Information Koopman: both forms of the model, the remembered operator, and the tasks that train it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.core.trees import leaf_paths, merge_module, split_module
from spectrax.models.consistent_koopman import ConsistentKoopman, inconsistency
from spectrax.models.information_koopman import InformationKoopman
from spectrax.models.koopman_autoencoder import KoopmanAutoencoder
from spectrax.nn.latent_operators.batch_ridge import BatchRidge, batch_ridge
from spectrax.tasks.consistent_koopman import ConsistentKoopmanTask
from spectrax.tasks.information_koopman import InformationKoopmanTask

KEY = jax.random.key(0)
SIZES = {"state": [3], "latent": 4, "hidden": [8]}
WINDOW = jax.random.normal(jax.random.key(1), (5, 10, 3))
RELEASED = {"variant": "released", "reconstruction": 0.1, "linearity": 0.0, "entropy_sign": "released"}


def model(**changes):
    return InformationKoopman(**{**SIZES, **changes}, rngs=nnx.Rngs(0))


def loss_and_gradients(task, made):
    graph, parameters, statistics = split_module(made)

    def loss(parameters):
        value, (_, terms) = task.loss("all", merge_module(graph, parameters, statistics), {"window": WINDOW}, {}, KEY)
        return value, terms

    return jax.jit(jax.value_and_grad(loss, has_aux=True))(parameters)


@pytest.mark.parametrize("frames", [3, 30])
def test_the_regression_finds_the_operator_behind_latent_states(frames):
    """With hardly any ridge: of many frames all of it, of few what they show of it."""
    operator = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0].astype(np.float32)
    before = jax.random.normal(KEY, (1, frames, 6))
    found = batch_ridge(before, before @ operator, 1e-4)
    np.testing.assert_allclose(before @ found, before @ operator, atol=5e-3)
    if frames > 6:
        np.testing.assert_allclose(found, operator, atol=1e-3)


def test_both_ways_to_the_regression_agree():
    """As many frames as numbers: the one by frames, and with a frame of zeros more the other one."""
    before, after = jax.random.normal(KEY, (2, 3, 5, 6))
    longer = [jnp.concatenate([z, jnp.zeros((3, 1, 6))], 1) for z in (before, after)]
    np.testing.assert_allclose(batch_ridge(before, after, 0.1), batch_ridge(*longer, 0.1), atol=1e-5)


def test_the_operator_remembers_a_mean_over_its_first_batches():
    operator = BatchRidge(4, momentum=0.1)
    batches = jax.random.normal(KEY, (3, 2, 6, 4))
    found = [operator.fitted(z[:, :-1], z[:, 1:], remember=True) for z in batches]
    np.testing.assert_allclose(operator.matrix(), sum(found) / 3, atol=1e-6)
    operator.fitted(batches[0], batches[1], remember=False)
    np.testing.assert_allclose(operator.matrix(), sum(found) / 3, atol=1e-6)
    np.testing.assert_allclose(operator.advance(batches[0], 2)[..., 1, :], batches[0] @ operator.power(2), atol=1e-5)


def test_the_released_operator_carries_no_gradient():
    """So the last frame's latent state, which only the operator sees, has none either."""
    made = model(operator="batch")
    encode = lambda window: jnp.sum(made.one_step(window, train=False).predicted ** 2)  # noqa: E731
    gradient = jax.grad(encode)(WINDOW)
    assert np.abs(gradient[:, :-1]).min(axis=(1, 2)).max() > 0 and not np.any(gradient[:, -1])


@pytest.mark.parametrize(
    "task, options",
    [
        (InformationKoopmanTask(), {}),
        (InformationKoopmanTask(), {"operator": "diagonal"}),
        (InformationKoopmanTask(**RELEASED), {"operator": "batch", "dropout": 0.2}),
        (InformationKoopmanTask(variant="paper"), {}),
        (InformationKoopmanTask(variant="paper"), {"form": "variational"}),
        (InformationKoopmanTask(steps=8), {"network": "flow", "field": [1, 1, 3], "channels": [4], "kernels": [3]}),
    ],
)
def test_a_step_has_finite_gradients_everywhere(task, options):
    (loss, terms), gradients = loss_and_gradients(task, model(**options))
    assert np.isfinite(loss) and all(np.isfinite(list(terms.values())))
    for path, leaf in leaf_paths(gradients):
        assert np.isfinite(leaf).all() and np.abs(leaf).max() > 0, path


def test_the_sign_of_the_entropy():
    made = model()
    losses = {
        sign: loss_and_gradients(InformationKoopmanTask(entropy_sign=sign), made)[0] for sign in ("paper", "released")
    }
    entropy = losses["paper"][1]["entropy"]
    assert entropy > 0.1
    np.testing.assert_allclose(losses["released"][0] - losses["paper"][0], 2 * 0.1 * entropy, rtol=1e-4)


def test_the_variational_divergences_are_kullback_and_leibler_s():
    """Against means over draws of the difference of log-densities."""
    made, task = model(form="variational"), InformationKoopmanTask(variant="paper")
    step = made.one_step(WINDOW, train=True, key=KEY)
    terms = task.one_step_terms(step)
    mean, deviation = step.mean[:, 1:], jnp.exp(step.log_variance[:, 1:] / 2)
    drawn = mean + deviation * jax.random.normal(KEY, (4000, *mean.shape))
    normal = jax.scipy.stats.norm.logpdf
    noise = jnp.exp(step.log_noise / 2)
    excess = normal(drawn, mean, deviation) - normal(drawn, step.predicted, noise)
    np.testing.assert_allclose(terms["linearity"], jnp.mean(jnp.sum(excess, -1)), rtol=2e-2)
    assert terms["prior"] > 0
    exact = 0.5 * jnp.sum((step.prediction - step.target_next) ** 2, -1)
    np.testing.assert_allclose(terms["prediction"], jnp.mean(exact), rtol=1e-5)


def test_dropout_draws_both_frames_of_a_pair_apart():
    """The same frames twice: without dropout the latent states of both are equal, with it they are not."""
    made = model(operator="batch", dropout=0.5)
    still = jnp.broadcast_to(WINDOW[:, :1], WINDOW.shape)
    quiet, drawn = made.one_step(still, train=False), made.one_step(still, train=True, key=KEY)
    np.testing.assert_array_equal(quiet.latent, quiet.later)
    assert not np.allclose(drawn.latent, drawn.later)


def evaluated(task, made, window, size):
    """Metrics of a split that comes in batches of this size; the last is padded."""
    totals, metrics = {}, jax.jit(lambda batch: task.metrics(made, batch))
    for start in range(0, len(window), size):
        part = window[start : start + size]
        mask = np.arange(size) < len(part)
        part = jnp.concatenate([part, jnp.full((size - len(part), *part.shape[1:]), 9.0)])
        for name, value in metrics({"window": part, "mask": mask}).items():
            totals[name] = totals.get(name, 0.0) + np.asarray(value, np.float64)
    return task.reduce(totals)


@pytest.mark.parametrize("variant, options", [("spectrax", {}), ("paper", {}), ("released", {"operator": "batch"})])
def test_evaluation_tells_the_terms_of_the_whole_split(variant, options):
    """Those that are no means over windows are those of all windows in one batch, whatever batches they come in."""
    task, made = InformationKoopmanTask(variant=variant), model(**options)
    whole = task.one_step_terms(made.one_step(WINDOW, train=False))
    found = evaluated(task, made, WINDOW, size=5)
    assert evaluated(task, made, WINDOW, size=2) == pytest.approx(found, rel=1e-4, abs=1e-6)
    rough = {"rel": 0.2}  # of all frames, of which training leaves out the last
    assert found["entropy"] == pytest.approx(float(whole["entropy"]), **rough)
    if variant != "released":  # whose operator is each window's own
        assert found["linearity"] == pytest.approx(float(whole["linearity"]), **rough)
    assert found["loss"] == pytest.approx(sum(task.weights()[name] * found[name] for name in whole), rel=1e-6)


def test_evaluation_of_a_single_step_is_that_of_training():
    """Of windows of two frames, each of which has no variance by itself."""
    made = model()
    window = jnp.concatenate([WINDOW[:, :2], WINDOW[:, 2:4], WINDOW[:, 4:6]])
    for sign in ("paper", "none"):
        task = InformationKoopmanTask(steps=1, entropy_sign=sign)
        trained = float(task.weighted(task.one_step_terms(made.one_step(window, train=False))))
        assert evaluated(task, made, window, size=4)["loss"] == pytest.approx(trained, rel=0.2)


def test_a_term_of_no_weight_has_no_part_in_the_loss():
    terms = {"prediction": jnp.ones(()), "entropy": jnp.full((), jnp.nan)}
    assert float(InformationKoopmanTask(entropy_sign="none").weighted(terms)) == 1
    assert float(InformationKoopmanTask(prediction=0.0, entropy_sign="none").weighted(terms)) == 0


def test_what_does_not_go_together_is_said():
    for task, made, said in (
        (InformationKoopmanTask(), KoopmanAutoencoder(**SIZES, rngs=nnx.Rngs(0)), "model=information_koopman"),
        (InformationKoopmanTask(**RELEASED), model(), "operator=batch"),
        (InformationKoopmanTask(), model(form="variational"), "variant=paper"),
        (ConsistentKoopmanTask(), KoopmanAutoencoder(**SIZES, rngs=nnx.Rngs(0)), "model=consistent_koopman"),
    ):
        with pytest.raises(ConfigError, match=said):
            task.loss("all", made, {"window": WINDOW}, {}, KEY)
    with pytest.raises(ConfigError, match="entropy_sign"):
        InformationKoopmanTask(entropy_sign="both")
    with pytest.raises(ConfigError, match=r"model\.scale means nothing to model\.operator=batch"):
        model(operator="batch", scale=0.5)
    with pytest.raises(ConfigError, match=r"model\.field"):
        model(network="flow", field=[2, 2, 1])


def test_operators_that_undo_each_other_are_consistent():
    forward = jax.random.normal(KEY, (4, 4))
    assert inconsistency(forward, jnp.linalg.inv(forward)) < 1e-6
    assert inconsistency(forward, forward) > 1


def test_the_consistent_model_begins_as_released():
    """Both operators multiples of orthogonal matrices: 0.99, and the inverse of that."""
    made = ConsistentKoopman(state=[5], rngs=nnx.Rngs(0))
    forward, backward = made.operator.matrix(), made.backward_operator.matrix()
    np.testing.assert_allclose(forward @ forward.T, 0.99**2 * np.eye(6), atol=1e-5)
    np.testing.assert_allclose(forward.T @ backward, np.eye(6), atol=1e-5)


def test_a_consistent_step_trains_both_operators_and_a_plain_one_only_the_first():
    made = ConsistentKoopman(state=[3], rngs=nnx.Rngs(0))
    both = loss_and_gradients(ConsistentKoopmanTask(), made)[1]
    plain = loss_and_gradients(ConsistentKoopmanTask(backward=0.0, consistency=0.0), made)[1]
    assert np.abs(both["backward_operator"]["kernel"]).max() > 0
    assert not np.any(plain["backward_operator"]["kernel"]) and np.any(plain["operator"]["kernel"])


def test_small_latent_states_do_not_make_latent_steps_linear():
    """Of the same steps at another scale, errors are the same; of the paper's variant they shrink with it."""
    step = model(operator="free").one_step(WINDOW, train=False)
    parts = {name: getattr(step, name) / 100 for name in ("latent", "later", "predicted")}
    small = dataclasses.replace(step, **parts)
    ours, paper = (InformationKoopmanTask(variant=variant) for variant in ("spectrax", "paper"))
    wanted = ours.one_step_terms(step)["linearity"]
    np.testing.assert_allclose(ours.one_step_terms(small)["linearity"], wanted, rtol=1e-2)
    assert float(paper.one_step_terms(small)["linearity"]) < 1e-3 * float(paper.one_step_terms(step)["linearity"])
    norms = np.linalg.norm(np.asarray(step.later - step.predicted), axis=-1)  # of 4 numbers each
    np.testing.assert_allclose(paper.one_step_terms(step)["linearity"], np.mean(norms**2), rtol=1e-5)
    exact = dataclasses.replace(step, predicted=step.later)
    assert float(ours.one_step_terms(exact)["linearity"]) == 0
