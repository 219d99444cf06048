"""Doublings of the networks for flows against the definition, and their points by groups."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn import flow_networks
from spectrax.nn.bilinear_doubling import doubled
from spectrax.nn.flow_networks import FlowDecoder, FlowEncoder


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def test_doubling_keeps_corners_and_is_exact_for_planes():
    rows, columns = np.linspace(-1, 3, 5), np.linspace(0, 2, 4)
    plane = lambda rows, columns: (2 * rows[:, None] - 3 * columns + 1)[None, :, :, None]  # noqa: E731
    found = doubled(jnp.asarray(plane(rows, columns), jnp.float32))
    wanted = plane(np.linspace(-1, 3, 10), np.linspace(0, 2, 8))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_network_at_points_is_the_same_by_groups(monkeypatch):
    decoder = FlowDecoder([8, 8, 2], 5, channels=[3, 4], kernels=[5, 3], rngs=nnx.Rngs(0))
    x = normal(0, 6, 8, 8, 2)
    run = nnx.value_and_grad(lambda decoder, x: jnp.sum(jnp.sin(decoder._at_points(x))), argnums=(0, 1))
    whole, gradients = run(decoder, x)
    monkeypatch.setattr(flow_networks, "images_at_once", lambda *_, **__: 3)
    grouped, grouped_gradients = run(decoder, x)
    np.testing.assert_allclose(grouped, whole, rtol=1e-5)
    assert float(jnp.linalg.norm(gradients[0]["points"][0]["kernel"][...])) > 0.1
    for found, wanted in zip(*map(jax.tree.leaves, (grouped_gradients, gradients)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)


def test_fields_that_cannot_be_halved_are_refused():
    options = {"channels": [4, 4, 4], "kernels": [3, 3, 3], "rngs": nnx.Rngs(0)}
    with pytest.raises(ConfigError, match="multiples of 4"):
        FlowEncoder([8, 6, 2], 3, **options)
    with pytest.raises(ConfigError, match="height, width, channels"):
        FlowEncoder([8], 3, **options)
    with pytest.raises(ConfigError, match="windows odd"):
        FlowDecoder([8, 8, 2], 3, **{**options, "kernels": [3, 4, 3]})
