"""The figure of class attention: its shares are those that the network mixes its tokens by."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.callbacks.attention_figures import AttentionFigures, class_attention
from spectrax.models.svt import SVT
from spectrax.nn.attention import Attention
from spectrax.plots.attention import interpolated

TINY = {
    "in_channels": 1, "num_classes": 5, "stem_width": 4, "dims": [8, 8, 16, 16], "heads": [1, 1, 2, 2],
    "ffn_ratios": [1, 1, 1, 1], "depths": [1, 0, 0, 0], "scatter_stages": 1,
}  # fmt: skip


@dataclasses.dataclass
class Seen:
    """An observation."""

    model: nnx.Module
    probe: dict
    last: bool = True


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(3, 64, 96, 1)).astype(np.float32)


def test_attention_is_the_mean_of_values_by_its_weights():
    attention = Attention(8, 2, rngs=nnx.Rngs(0))
    asking, asked = (jnp.asarray(np.random.default_rng(n).normal(size=(2, n, 8)), jnp.float32) for n in (1, 5))
    weights = attention.weights(asking, asked)
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-6)
    value = attention.key_value(asked)[1]
    mixed = jnp.einsum("bhnm,bmhd->bnhd", weights, value).reshape(2, 1, 8)
    np.testing.assert_allclose(attention.output(mixed), attention.attend(asking, asked), rtol=1e-4, atol=1e-6)


def test_shares_lie_on_the_grid_row_by_row(images):
    """A network whose class block asks about one place alone finds it there."""
    model = SVT(**TINY, image_size=(64, 96), rngs=nnx.Rngs(0))
    last = model.features(jnp.asarray(images), train=False)[-1]
    tokens = last.reshape(3, 6, 16)
    shares = class_attention(model, images)
    assert shares.shape == (3, 2, 2, 3) and (shares.sum((2, 3)) < 1).all()
    np.testing.assert_allclose(shares.reshape(3, 2, 6), model.class_block.spread(tokens), rtol=1e-4)


def test_one_figure_at_the_end_where_there_is_something_to_see(images):
    watcher, model = AttentionFigures(examples=2), SVT(**TINY, image_size=(64, 96), rngs=nnx.Rngs(0))
    assert not watcher.observe(Seen(model, {"image": images}, last=False)).figures
    figure = watcher.observe(Seen(model, {"image": images})).figures["class_attention"]
    assert len(figure.axes) == 2 * 4 + 1  # pictures, all heads, two heads, and the scale
    small = SVT(**TINY, image_size=32, rngs=nnx.Rngs(0))
    assert not watcher.observe(Seen(small, {"image": images[:, :32, :32]})).figures
    assert not watcher.observe(Seen(nnx.Linear(1, 1, rngs=nnx.Rngs(0)), {"image": images})).figures


def test_a_map_is_interpolated_between_the_middles_of_its_cells():
    share = np.array([[0.0, 1.0, 2.0], [4.0, 5.0, 6.0]])
    found = interpolated(share, (4, 6))
    np.testing.assert_allclose(found[0], [0, 0.25, 0.75, 1.25, 1.75, 2])
    np.testing.assert_allclose(found[:, 0], [0, 1, 3, 4])
