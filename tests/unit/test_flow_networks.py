"""Convolutions and doublings of the networks for flows against XLA's convolution and the definition, with gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn import flow_networks
from spectrax.nn.bilinear_doubling import doubled
from spectrax.nn.flow_networks import FlowDecoder, FlowEncoder
from spectrax.nn.kernel_gradient import kernel_gradient
from spectrax.nn.same_convolution import same_convolution


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize("side, inputs, outputs", [(7, 2, 5), (7, 5, 2), (5, 6, 3), (5, 8, 9), (3, 2, 4), (1, 3, 2)])
def test_a_convolution_and_its_gradients(side, inputs, outputs):
    """A width of fours, as narrow windows want it, and an odd height."""
    x, kernel, weight = normal(0, 6, 9, 8, inputs), normal(1, side, side, inputs, outputs), normal(2, 6, 9, 8, outputs)

    def plain(x, kernel):
        numbers = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=numbers)

    ours, theirs = (jax.vjp(function, x, kernel) for function in (same_convolution, plain))
    np.testing.assert_allclose(ours[0], theirs[0], atol=2e-4)
    for found, wanted in zip(ours[1](weight), theirs[1](weight), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-3)


@pytest.mark.parametrize("side, inputs, outputs", [(3, 3, 4), (5, 4, 2)])
def test_the_gradient_of_weights_is_added_up_over_parts(side, inputs, outputs):
    x, gradient = normal(0, 6, 8, 8, inputs), normal(1, 6, 8, 8, outputs)
    whole = kernel_gradient(x, gradient, side)
    for part_bytes in (1, 8 * 8 * side * (inputs + outputs) * 4 * 2):  # a row; two images
        np.testing.assert_allclose(kernel_gradient(x, gradient, side, part_bytes), whole, atol=1e-4)


def test_doubling_keeps_corners_and_is_exact_for_planes():
    rows, columns = np.linspace(-1, 3, 5), np.linspace(0, 2, 4)
    plane = lambda rows, columns: (2 * rows[:, None] - 3 * columns + 1)[None, :, :, None]  # noqa: E731
    found = doubled(jnp.asarray(plane(rows, columns), jnp.float32))
    wanted = plane(np.linspace(-1, 3, 10), np.linspace(0, 2, 8))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_network_at_points_is_the_same_by_groups(monkeypatch):
    decoder = FlowDecoder([8, 8, 2], 5, channels=[3, 4], kernels=[5, 3], rngs=nnx.Rngs(0))
    x = normal(0, 6, 8, 8, 2)
    run = lambda x: jax.vjp(decoder._at_points, x)  # noqa: E731
    whole, pull = run(x)
    monkeypatch.setattr(flow_networks, "images_at_once", lambda *_: 3)
    grouped, grouped_pull = run(x)
    np.testing.assert_allclose(grouped, whole, atol=1e-6)
    np.testing.assert_allclose(grouped_pull(x)[0], pull(x)[0], atol=1e-5)


def test_fields_that_cannot_be_halved_are_refused():
    options = {"channels": [4, 4, 4], "kernels": [3, 3, 3], "rngs": nnx.Rngs(0)}
    with pytest.raises(ConfigError, match="multiples of 4"):
        FlowEncoder([8, 6, 2], 3, **options)
    with pytest.raises(ConfigError, match="height, width, channels"):
        FlowEncoder([8], 3, **options)
    with pytest.raises(ConfigError, match="windows odd"):
        FlowDecoder([8, 8, 2], 3, **{**options, "kernels": [3, 4, 3]})
