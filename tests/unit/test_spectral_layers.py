"""The layers that SVT is compared with: transforms and their inverses, independent formulations, sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import spectrax
from spectrax.config.build import partial
from spectrax.core.errors import ConfigError
from spectrax.core.trees import abstract_module, parameter_count, split_module
from spectrax.models.svt_mixers import spectral_mixer
from spectrax.nn.fast_fourier_convolution import FastFourierConvolution, FourierUnit
from spectrax.nn.fourier_gate import FourierGate
from spectrax.nn.fourier_operator_gate import FourierOperatorGate
from spectrax.nn.wavelet_gate import WaveletGate
from spectrax.ops import fourier, truncated
from spectrax.ops.dual_tree import dual_tree_2d, inverse_dual_tree_2d
from spectrax.ops.wavelet import inverse_wavelet_2d, wavelet_2d

LAYERS = ("dtcwt", "fourier", "fno", "wavelet", "ffc", "attention")
SVT_H_S = {
    "dtcwt": 22_019_248, "fourier": 22_226_928, "fno": 22_418_416, "wavelet": 22_176_752, "ffc": 21_737_456,
    "attention": 21_487_344,
}  # fmt: skip


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def dual_tree_and_back(x):
    return inverse_dual_tree_2d(*dual_tree_2d(x), size=x.shape[1:3])


def fourier_and_back(x):
    return fourier.irfft2(fourier.rfft2(x, norm="ortho"), s=x.shape[1:3], norm="ortho")


def all_modes_and_back(x):
    modes = (x.shape[1] // 2, x.shape[2] // 2 + 1)
    return truncated.irfftn(truncated.rfftn(x, modes, norm="ortho"), x.shape[1:3], norm="ortho")


def wavelet_and_back(family):
    return lambda x: inverse_wavelet_2d(wavelet_2d(x, family), family, size=x.shape[1:3])


@pytest.mark.parametrize("size", [(56, 56), (12, 9), (2, 2)])
@pytest.mark.parametrize(
    "there_and_back",
    [dual_tree_and_back, fourier_and_back, all_modes_and_back, wavelet_and_back("haar"), wavelet_and_back("db2")],
)
def test_a_transform_and_its_inverse_lose_nothing(there_and_back, size):
    """The "invertible loss" of SVT's ablation table: 6.6e-6 for the dual tree, 3.3e-5 and 8.9e-5 for FNO and WGN."""
    x = normal(2, *size, 3)
    assert np.max(np.abs(jax.jit(there_and_back)(x) - x)) < 2e-6 * np.max(np.abs(x))


@pytest.mark.parametrize("family", ["haar", "db2"])
def test_wavelets_are_orthogonal_and_see_smooth_maps_in_the_low_band(family):
    x = normal(2, 8, 12, 3)
    np.testing.assert_allclose(jnp.sum(wavelet_2d(x, family) ** 2), np.sum(x**2), rtol=1e-5)
    flat = wavelet_2d(np.ones((1, 8, 12, 1)), family)
    low = np.zeros((1, 8, 12, 1))
    low[:, :4, :6] = 2.0
    np.testing.assert_allclose(flat, low, atol=1e-6)


def test_the_longer_wavelet_does_not_see_a_slope():
    slope = np.broadcast_to(np.arange(16.0)[None, :, None, None], (1, 16, 4, 1))
    high = {family: np.asarray(wavelet_2d(slope, family))[:, 8:15] for family in ("haar", "db2")}  # not across the edge
    assert np.max(np.abs(high["db2"])) < 1e-5 < np.max(np.abs(high["haar"]))


def test_an_unknown_wavelet_is_refused():
    with pytest.raises(ConfigError, match="haar, db2"):
        wavelet_2d(normal(1, 4, 4, 1), "db3")


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_the_fourier_gate_is_a_product_of_spectra(size):
    layer, x = FourierGate(3, size, rngs=nnx.Rngs(0)), normal(2, *size, 3)
    weight = np.asarray(layer.weight[...])
    spectrum = np.fft.rfft2(x, axes=(1, 2)) * (weight[..., 0] + 1j * weight[..., 1])
    np.testing.assert_allclose(layer(x), np.fft.irfft2(spectrum, s=size, axes=(1, 2)), atol=1e-6)


def test_the_operator_gate_mixes_channels_on_low_modes_and_drops_the_others():
    layer, x = FourierOperatorGate(8, (12, 10), rngs=nnx.Rngs(0)), normal(2, 12, 10, 8)
    weight = np.asarray(layer.weight[...])
    weight = weight[..., 0] + 1j * weight[..., 1]
    spectrum = np.fft.rfft2(x, axes=(1, 2))
    rows = [0, 1, 2, 3, -4, -3, -2, -1]
    kept = spectrum[:, rows, :4].reshape(2, 8, 4, 4, 2)
    mixed = np.zeros_like(spectrum)
    mixed[:, rows, :4] = np.einsum("bhwgi,hwgio->bhwgo", kept, weight).reshape(2, 8, 4, 8)
    np.testing.assert_allclose(layer(x), np.fft.irfft2(mixed, s=(12, 10), axes=(1, 2)), atol=1e-6)


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_an_open_wavelet_gate_changes_nothing_and_gates_act_on_bands(size):
    layer, x = WaveletGate(3, size, rngs=nnx.Rngs(0)), normal(2, *size, 3)
    layer.gate[...] = jnp.ones_like(layer.gate[...])
    np.testing.assert_allclose(layer(x), x, atol=1e-6)
    layer.gate[...] = layer.gate[...].at[3:].set(0.0)  # no band that is high-pass along the height
    bands = np.asarray(wavelet_2d(layer(x)))
    if size == (6, 8):  # of an odd side the extended sample is dropped again
        assert np.max(np.abs(bands[:, 3:])) < 1e-6 < np.max(np.abs(bands[:, :3]))


def test_the_fourier_unit_is_a_network_on_the_spectrum():
    unit, x = FourierUnit(3, rngs=nnx.Rngs(0)), normal(2, 6, 7, 3)
    spectrum = np.fft.rfft2(x, axes=(1, 2), norm="ortho")
    parts = np.concatenate([spectrum.real, spectrum.imag], -1) @ np.asarray(unit.mixing.kernel[...])
    parts = np.maximum(parts, 0)
    field = np.fft.irfft2(parts[..., :3] + 1j * parts[..., 3:], s=(6, 7), axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(unit(x), field, atol=1e-6)


def test_the_local_half_of_a_fast_fourier_convolution_sees_neighbours_and_the_global_half_everything():
    layer = FastFourierConvolution(8, rngs=nnx.Rngs(0))
    x, moved = normal(1, 9, 9, 8), normal(1, 9, 9, 8)
    moved[0, 0, 0] += 1.0
    difference = np.abs(np.asarray(layer(moved) - layer(x)))[0]
    near, far = difference[..., :4].max(-1), difference[..., 4:].max(-1)
    assert np.all(near[:2, :2] > 1e-3) and np.max(near[2:]) < 1e-5
    assert np.all(far > 1e-4)


@pytest.mark.parametrize("layer", ["fno", "ffc"])
def test_channels_that_do_not_divide_are_named(layer):
    with pytest.raises(ConfigError, match=rf"spectral_layer={layer} .* multiple of 4 channels, not 6"):
        spectral_mixer(layer, "channel", 6, (4, 4), dtype="float32", rngs=nnx.Rngs(0))


@pytest.mark.parametrize("layer", ["fourier", "wavelet"])
def test_weights_of_each_place_refuse_maps_of_another_size(layer):
    mixer = spectral_mixer(layer, "channel", 8, (4, 6), dtype="float32", rngs=nnx.Rngs(0))
    assert mixer(normal(1, 4, 6, 8)).shape == (1, 4, 6, 8)
    with pytest.raises(ConfigError, match=rf"spectral_layer={layer} .* maps of 4x6, .* maps of 4x7"):
        mixer(normal(1, 4, 7, 8))


def test_a_layer_that_is_none_is_refused_with_the_choices():
    with pytest.raises(ConfigError, match=r"model\.spectral_layer.*dtcwt.*fourier.*attention"):
        spectrax.compose("svt_digits", ["model.spectral_layer=dft"])


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_stands_in_the_skeleton(layer):
    """At odd maps too; with the number of parameters that is documented at SVT-H-S's sizes."""
    words = [f"model.spectral_layer={layer}", "model.token_label=true"]
    large = spectrax.compose("svt_imagenet", words).model
    _, parameters, _ = split_module(abstract_module(partial(large)))
    assert parameter_count(parameters) == SVT_H_S[layer]
    # Its maps have sides of 10 and 5.
    small = spectrax.compose("svt_digits", [*words, "dataset.image_size=40", "model.depths=[1,1,0,0]"]).model
    images = jnp.zeros((2, 40, 40, 1))
    call = lambda: partial(small)(rngs=nnx.Rngs(0))(images, train=False)  # noqa: E731
    assert jax.eval_shape(call).shape == (2, 10)
