"""Linear steps in latent space: spectra inside their constraint, powers and roll-outs equal to repeated steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.core.trees import leaf_paths, merge_module, split_module
from spectrax.nn.latent_operators import KINDS, make_operator

SIZE = 6


def perturbed(kind, **options):
    """An operator whose parameters are anything but the initial ones."""
    graph, parameters, statistics = split_module(make_operator(kind, SIZE, rngs=nnx.Rngs(0), **options))
    moved = [
        leaf + 0.7 * jax.random.normal(jax.random.key(number), leaf.shape)
        for number, leaf in enumerate(jax.tree.leaves(parameters))
    ]
    return merge_module(graph, jax.tree.unflatten(jax.tree.structure(parameters), moved), statistics)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_powers_and_eigenvalues_belong_to_one_matrix(kind):
    operator = perturbed(kind, **({"time_step": 0.5} if kind in ("diagonal", "undamped", "dissipative") else {}))
    matrix = np.asarray(operator.matrix(), np.float64)
    scale = max(1.0, np.linalg.norm(matrix, 2)) ** 5
    z = np.random.default_rng(1).standard_normal((2, 3, SIZE)).astype(np.float32)
    rolled = np.stack([z @ np.linalg.matrix_power(matrix, n) for n in range(1, 6)], axis=-2)
    np.testing.assert_allclose(operator(z), rolled[..., 0, :], atol=2e-5 * scale)
    np.testing.assert_allclose(operator.advance(z, 5), rolled, atol=2e-5 * scale)
    np.testing.assert_allclose(operator.power(3), np.linalg.matrix_power(matrix, 3), atol=1e-5 * scale)
    powers = np.stack([np.linalg.matrix_power(matrix, n) for n in range(1, 5)])
    np.testing.assert_allclose(operator.powers(4), powers, atol=1e-5 * scale)
    ours, exact = np.sort_complex(operator.eigenvalues()), np.sort_complex(np.linalg.eigvals(matrix))
    np.testing.assert_allclose(np.abs(np.poly(ours) - np.poly(exact)), 0, atol=1e-4 * scale)


@pytest.mark.parametrize("kind", ["unitary", "undamped"])
def test_rotations_keep_every_length(kind):
    operator = perturbed(kind)
    np.testing.assert_allclose(np.abs(operator.eigenvalues()), 1, atol=1e-6)
    far = operator.power(1000)
    np.testing.assert_allclose(far @ far.T, np.eye(SIZE), atol=5e-4)


@pytest.mark.parametrize("kind", ["stable", "diagonal", "dissipative"])
def test_nothing_grows(kind):
    operator = perturbed(kind)
    assert np.max(np.abs(operator.eigenvalues())) < 1
    assert np.linalg.norm(operator.matrix(), 2) < 1 + 1e-6


def test_initial_moduli_are_between_the_radii():
    moduli = np.abs(make_operator("diagonal", 400, radius=(0.5, 0.8), rngs=nnx.Rngs(0)).eigenvalues())
    assert 0.5 <= moduli.min() < 0.55 and 0.78 < moduli.max() <= 0.8


def test_damping_and_frequency_are_of_a_unit_of_time():
    """The same flow sampled twice as often: two of its steps are one of the other's."""
    slow, fast = (make_operator("diagonal", SIZE, time_step=dt, rngs=nnx.Rngs(3)) for dt in (0.2, 0.1))
    fast.frequency[...], fast.log_damping[...] = slow.frequency[...], slow.log_damping[...]
    np.testing.assert_allclose(fast.power(2), slow.matrix(), atol=1e-6)
    np.testing.assert_allclose(slow.power(0.5), fast.matrix(), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_finite_gradient(kind):
    graph, parameters, statistics = split_module(make_operator(kind, SIZE, rngs=nnx.Rngs(0)))
    weights = jax.random.normal(jax.random.key(0), (4, SIZE))

    def loss(parameters):
        return jnp.sum(weights * merge_module(graph, parameters, statistics).advance(jnp.arange(1.0, SIZE + 1), 4))

    for path, leaf in leaf_paths(jax.jit(jax.grad(loss))(parameters)):
        assert np.isfinite(leaf).all() and np.abs(leaf).max() > 0, path


@pytest.mark.parametrize(
    "kind, size, options, said",
    [
        ("circular", 4, {}, "circular"),
        ("diagonal", 5, {}, "model.latent=5 must be even"),
        ("diagonal", 4, {"radius": (0.9, 1.1)}, "model.radius"),
        ("dissipative", 4, {"time_step": 0.0}, "model.time_step=0.0"),
        ("stable", 4, {"scale": 1.0}, "model.scale=1.0 must lie between 0 and 1"),
        ("stable", 4, {"scale": 2.0}, "model.scale=2.0"),
        ("stable", 4, {"time_step": 0.1}, "model.time_step means nothing to model.operator=stable"),
        ("diagonal", 4, {"scale": 0.5}, "model.scale means nothing to model.operator=diagonal"),
        ("undamped", 4, {"radius": [0.5, 0.6]}, "model.radius .* that has it: diagonal"),
    ],
)
def test_what_cannot_be_is_said(kind, size, options, said):
    with pytest.raises(ConfigError, match=said):
        make_operator(kind, size, **options, rngs=nnx.Rngs(0))
