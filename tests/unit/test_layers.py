"""Layers against independent formulations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.nn import depthwise
from spectrax.nn.attention import Attention
from spectrax.nn.complex_mixing import ChannelMixing, RowMixing
from spectrax.nn.depthwise import depthwise_conv_3x3
from spectrax.nn.drop_path import drop_path
from spectrax.nn.normalisation import BatchNorm, LayerNorm
from spectrax.ops.dual_tree import ComplexBands


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def complex_weights(mixing):
    """The stored pairs as NumPy complex arrays."""
    names = ("first", "first_bias", "second", "second_bias")
    pairs = {name: np.asarray(getattr(mixing, name)[...]) for name in names}
    return {name: pair[..., 0] + 1j * pair[..., 1] for name, pair in pairs.items()}


@pytest.mark.parametrize("shape", [(2, 7, 5, 3), (1, 1, 1, 4), (3, 14, 14, 8)])
def test_depthwise_convolution_equals_xla_with_gradients(shape):
    x, kernel, weight = normal(0, *shape), normal(1, 3, 3, shape[-1]), normal(2, *shape)

    def reference(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel[:, :, None], (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=shape[-1],
        )  # fmt: skip

    np.testing.assert_allclose(depthwise_conv_3x3(x, kernel), reference(x, kernel), atol=1e-5)
    ours = jax.grad(lambda *a: jnp.sum(depthwise_conv_3x3(*a) * weight), (0, 1))(x, kernel)
    theirs = jax.grad(lambda *a: jnp.sum(reference(*a) * weight), (0, 1))(x, kernel)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)


def test_the_depthwise_kernel_gradient_is_the_same_on_every_backend():
    padded, gradient = normal(0, 4, 9, 8, 16), normal(1, 4, 7, 6, 16)
    elsewhere, on_cpu = depthwise._tap_sums_by_row, depthwise._tap_sums_by_position
    np.testing.assert_allclose(elsewhere(padded, gradient), on_cpu(padded, gradient), atol=1e-4)


def test_channel_mixing_is_the_complex_formula():
    mixing = ChannelMixing(8, 4, rngs=nnx.Rngs(0))
    real, imaginary = normal(0, 2, 3, 4, 6, 8), normal(1, 2, 3, 4, 6, 8)
    out = mixing(ComplexBands(real, imaginary))
    z = (np.asarray(real) + 1j * np.asarray(imaginary)).reshape(2, 3, 4, 6, 4, 2)
    w = complex_weights(mixing)
    u = np.einsum("...nd,ndk->...nk", z, w["first"]) + w["first_bias"]
    u = np.maximum(u.real, 0) + 1j * np.maximum(u.imag, 0)
    v = (np.einsum("...nd,ndk->...nk", u, w["second"]) + w["second_bias"]).reshape(2, 3, 4, 6, 8)
    np.testing.assert_allclose(out.real, v.real, atol=1e-6)
    np.testing.assert_allclose(out.imaginary, v.imag, atol=1e-6)


def test_row_mixing_is_along_the_width_with_a_matrix_per_row():
    mixing = RowMixing(3, 4, rngs=nnx.Rngs(0))
    real, imaginary = normal(0, 2, 3, 4, 6, 5), normal(1, 2, 3, 4, 6, 5)
    out = mixing(ComplexBands(real, imaginary))
    z = np.asarray(real) + 1j * np.asarray(imaginary)
    w = complex_weights(mixing)
    u = np.einsum("bhwoc,hwk->bhkoc", z, w["first"]) + w["first_bias"][None, :, :, None, None]
    u = np.maximum(u.real, 0) + 1j * np.maximum(u.imag, 0)
    v = np.einsum("bhwoc,hwk->bhkoc", u, w["second"]) + w["second_bias"][None, :, :, None, None]
    np.testing.assert_allclose(out.real, v.real, atol=1e-6)
    np.testing.assert_allclose(out.imaginary, v.imag, atol=1e-6)


def test_attention_is_softmax_attention():
    layer = Attention(12, 3, rngs=nnx.Rngs(0))
    x = 3 * normal(0, 2, 5, 12)
    q = layer.query(x).reshape(2, 5, 3, 4)
    pair = x @ layer.key_value.kernel[...] + layer.key_value.bias[...]
    k, v = jnp.split(pair.reshape(2, 5, 6, 4), 2, axis=2)
    weights = jax.nn.softmax(jnp.einsum("bnhd,bmhd->bhnm", q, k) / 2, axis=-1)
    expected = layer.output(jnp.einsum("bhnm,bmhd->bnhd", weights, v).reshape(2, 5, 12))
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_layer_norm_is_flax_layer_norm():
    x = 5 + 3 * normal(0, 4, 6)
    reference = nnx.LayerNorm(6, epsilon=1e-6, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(LayerNorm(6)(x), reference(x), atol=1e-5)


def test_batch_norm_moves_towards_the_unbiased_variance():
    layer = BatchNorm(3)
    x = 2 + 3 * normal(0, 8, 2, 2, 3)
    out = layer(x, train=True)
    np.testing.assert_allclose(np.mean(out, (0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(layer.mean[...], 0.1 * np.mean(x, (0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(layer.variance[...], 0.9 + 0.1 * np.var(x, (0, 1, 2), ddof=1), rtol=1e-5)
    before = layer.mean[...]
    layer(x, train=False)
    np.testing.assert_array_equal(layer.mean[...], before)


def test_drop_path_drops_whole_examples_and_keeps_the_mean():
    x = jnp.ones((4000, 2, 2))
    out = np.asarray(drop_path(x, 0.25, jax.random.key(0)))
    per_example = out.reshape(4000, -1)
    assert np.all((per_example == 0).all(1) | np.isclose(per_example, 1 / 0.75).all(1))
    assert abs(out.mean() - 1) < 0.04
    np.testing.assert_array_equal(drop_path(x, 0.25, None), x)
