"""Adam on pairs of reals against Adam on complex numbers, and the schedule that the same recipes have."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spectrax.core.errors import ConfigError
from spectrax.training.optimizers import Optimizer
from spectrax.training.paired_adam import paired_adam
from spectrax.training.schedules import step_epochs

STEPS = 6


def loss(weights, x):
    """Real, of complex weights and a real one."""
    y = jnp.einsum("io,bi->bo", weights["spectral"], x) + weights["bias"]
    return jnp.sum(jnp.abs(jnp.tanh(y.real) + 2j * jnp.sin(y.imag)) ** 2)


def as_complex(pairs):
    return {"spectral": jax.lax.complex(pairs["spectral"][..., 0], pairs["spectral"][..., 1]), "bias": pairs["bias"]}


def trained(rule, loss, weights, conjugate):
    generator = np.random.default_rng(1)
    state = rule.init(weights)
    for _ in range(STEPS):
        x = jnp.asarray(generator.normal(size=(8, 3)) + 1j * generator.normal(size=(8, 3)), jnp.complex64)
        gradients = jax.grad(loss)(weights, x)
        if conjugate:
            gradients = jax.tree.map(jnp.conj, gradients)
        updates, state = rule.update(gradients, state, weights)
        weights = optax.apply_updates(weights, updates)
    return weights


@pytest.fixture
def pairs():
    generator = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(generator.normal(size=shape), jnp.float32)  # noqa: E731
    return {"spectral": draw(3, 4, 2), "bias": draw(4)}


def test_pairs_move_as_complex_numbers_do(pairs):
    """Also with coupled weight decay on everything, and a learning rate that changes."""
    schedule = optax.exponential_decay(0.1, 1, 0.7)
    expected = trained(
        optax.chain(optax.add_decayed_weights(1e-2), optax.adam(schedule)), loss, as_complex(pairs), conjugate=True
    )
    rule = Optimizer(functools.partial(paired_adam, pairs=["^spectral$"]), l2=1e-2, no_decay_vectors=False)
    found = trained(rule.build(schedule), lambda w, x: loss(as_complex(w), x), pairs, conjugate=False)
    for name in expected:
        np.testing.assert_allclose(as_complex(found)[name], expected[name], rtol=2e-5, atol=1e-6)
    alone = trained(optax.adam(schedule), lambda w, x: loss(as_complex(w), x), pairs, conjugate=False)
    assert np.abs(as_complex(alone)["spectral"] - expected["spectral"]).max() > 1e-2


def test_without_pairs_it_is_adam(pairs):
    real = lambda w, x: loss(as_complex(w), x)  # noqa: E731
    expected, found = (trained(make(0.05), real, pairs, conjugate=False) for make in (optax.adam, paired_adam))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), found, expected)


def test_a_pair_has_one_second_moment(pairs):
    state = paired_adam(0.1, pairs=["spectral"]).init(pairs)
    assert state[0].nu["spectral"].shape == (3, 4, 1) and state[0].mu["spectral"].shape == (3, 4, 2)


@pytest.mark.parametrize("pattern, words", [("nothing", "fits no parameter"), ("bias", r"bias \[4\], whose last axis")])
def test_a_pattern_that_finds_no_pair_is_refused(pairs, pattern, words):
    with pytest.raises(ConfigError, match=words):
        paired_adam(0.1, pairs=[pattern]).init(pairs)


def test_the_rate_falls_after_whole_epochs():
    schedule = jax.jit(step_epochs(peak=0.8, factor=0.5, every_epochs=2, total_steps=18, steps_per_epoch=2.5))
    rates = [float(schedule(step)) for step in range(18)]
    np.testing.assert_allclose(rates, [0.8] * 5 + [0.4] * 5 + [0.2] * 5 + [0.1] * 3, rtol=1e-6)
    with pytest.raises(ConfigError, match=r"schedule\.every_epochs=0\.5"):
        step_epochs(peak=1.0, every_epochs=0.5, total_steps=9, steps_per_epoch=2.0)
