"""Figures of wavelet mixers: the numbers in them are right."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.callbacks.scattering_figures import ScatteringFigures, band_pictures, orientation_gains
from spectrax.nn.scattering import ScatterChannel
from spectrax.ops.dual_tree import ComplexBands, dual_tree_2d, inverse_dual_tree_2d


class Mixed(nnx.Module):
    """One wavelet mixer."""

    def __init__(self, *, rngs):
        self.mixer = ScatterChannel(4, (8, 8), rngs=rngs)

    def __call__(self, x, *, train, key=None):
        return self.mixer(x)


@dataclasses.dataclass
class Seen:
    """An observation."""

    model: nnx.Module
    probe: dict
    last: bool = True


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(3, 8, 8, 4)).astype(np.float32)


def test_gains_are_ratios_of_what_passes_to_what_goes_in(images):
    model = Mixed(rngs=nnx.Rngs(0))
    gains = orientation_gains(model, images)
    _, (before,) = dual_tree_2d(jnp.asarray(images))
    constant = model.mixer.channel_mixing(ComplexBands(*[jnp.zeros_like(part) for part in before]))
    after = [a - b for a, b in zip(model.mixer.channel_mixing(before), constant, strict=True)]
    for index in range(6):
        energy = [sum(float(jnp.sum(part[..., index, :] ** 2)) for part in bands) for bands in (after, before)]
        assert gains["mixer/channel_mixing"][index] == pytest.approx((energy[0] / energy[1]) ** 0.5, rel=1e-5)


def test_what_biases_add_passes_nothing(images):
    model = Mixed(rngs=nnx.Rngs(0))
    gains = orientation_gains(model, images)
    model.mixer.channel_mixing.second_bias[...] += 1.0
    np.testing.assert_allclose(
        orientation_gains(model, images)["mixer/channel_mixing"], gains["mixer/channel_mixing"], rtol=1e-3
    )


def test_an_image_is_its_low_pass_map_and_its_bands(images):
    grey, low, real, imaginary, alone = map(np.asarray, band_pictures(images))
    pure = np.asarray(inverse_dual_tree_2d(jnp.asarray(low)[None, ..., None], [None]))[0, ..., 0]
    np.testing.assert_allclose(pure + alone.sum(-1), grey, atol=1e-5)
    strengths = [
        float(jnp.sum(sum(part**2 for part in dual_tree_2d(image[None])[1][0]))) for image in grey_images(images)
    ]
    assert np.sum(real**2 + imaginary**2) == pytest.approx(max(strengths), rel=1e-5)


def grey_images(images):
    return jnp.asarray(images).mean(-1, keepdims=True)


def test_four_figures_at_the_end_and_none_before(images):
    watcher, model = ScatteringFigures(), Mixed(rngs=nnx.Rngs(0))
    assert not watcher.observe(Seen(model, {"image": images}, last=False)).figures
    figures = watcher.observe(Seen(model, {"image": images})).figures
    assert set(figures) == {"wavelet_bands", "low_pass_gates", "orientation_gains", "complex_weights"}
    assert len(figures["wavelet_bands"].axes) == 14 and len(figures["low_pass_gates"].axes) == 6
    assert not watcher.observe(Seen(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), {"image": images})).figures
