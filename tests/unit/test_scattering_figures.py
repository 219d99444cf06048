"""Figures of wavelet mixers: the numbers in them are right."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.callbacks.scattering_figures import ScatteringFigures, orientation_gains
from spectrax.core.errors import ConfigError
from spectrax.nn.scattering import ScatterChannel
from spectrax.ops.dual_tree import dual_tree_2d


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


def test_gains_are_ratios_of_what_comes_out_to_what_goes_in(images):
    model = Mixed(rngs=nnx.Rngs(0))
    gains = orientation_gains(model, images)
    _, (before,) = dual_tree_2d(jnp.asarray(images))
    after = model.mixer.channel_mixing(before)
    for index in range(6):
        energy = [sum(float(jnp.sum(part[..., index, :] ** 2)) for part in bands) for bands in (after, before)]
        assert gains["mixer/channel_mixing"][index] == pytest.approx((energy[0] / energy[1]) ** 0.5, rel=1e-5)


def test_four_figures_at_the_end_and_none_before(images):
    watcher, model = ScatteringFigures(), Mixed(rngs=nnx.Rngs(0))
    assert not watcher.observe(Seen(model, {"image": images}, last=False)).figures
    figures = watcher.observe(Seen(model, {"image": images})).figures
    assert set(figures) == {"wavelet_bands", "low_pass_gates", "orientation_gains", "complex_weights"}
    # Bands alone and the low-pass map make up the image.
    drawn = [axes.images[0].get_array() for axes in figures["wavelet_bands"].axes]
    low, alone = drawn[1], drawn[8:]
    assert len(drawn) == 14 and np.shape(low) == np.shape(alone[0]) == (8, 8)
    with pytest.raises(ConfigError, match="no wavelet mixers"):
        watcher.observe(Seen(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), {"image": images}))
