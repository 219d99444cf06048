"""MixToken in SVT: which boxes are drawn, what is exchanged, and that it is undone in the token logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.core.trees import merge_module, split_module
from spectrax.models.svt import SVT
from spectrax.nn import token_box

TINY = {
    "in_channels": 1, "num_classes": 5, "stem_width": 4, "dims": [8, 8, 16, 16], "heads": [1, 1, 2, 2],
    "ffn_ratios": [1, 1, 1, 1], "depths": [0, 0, 0, 0], "scatter_stages": 0, "token_label": True, "mix_token": True,
}  # fmt: skip


def tiny(**changes):
    return SVT(**{"image_size": 96, **TINY, **changes}, rngs=nnx.Rngs(0))


def test_boxes_are_those_of_the_released_rule():
    """Sides are twice half of `int(side * sqrt(1 - lambda))`, cut at the edges of the grid."""
    keys = jax.random.split(jax.random.key(0), 4000)
    boxes = np.asarray(jax.vmap(lambda key: token_box.draw(key, (7, 5)))(keys))
    top, left, bottom, right = boxes.T
    assert boxes.min() == 0 and bottom.max() == 7 and right.max() == 5
    assert np.all(bottom >= top) and np.all(right >= left)
    assert set((bottom - top).tolist()) == {0, 1, 2, 3, 4, 5, 6} and (right - left).max() == 4
    # An inner box is not cut: its sides are even. P(half of the height is 0) = P(7 sqrt(u) < 2) = 4 / 49.
    inner = (top > 0) & (bottom < 7)
    assert set(((bottom - top)[inner] % 2).tolist()) == {0}
    assert abs(np.mean(bottom == top) - 4 / 49) < 0.02


def test_the_box_is_taken_from_the_mirrored_batch_and_given_back():
    x = jnp.arange(3 * 6 * 4, dtype=jnp.float32).reshape(3, 6, 4, 1)
    box = jnp.asarray([1, 0, 3, 1])
    mixed = np.asarray(token_box.paste(x, box, scale=2))
    expected = np.array(x)
    expected[:, 2:6, 0:2] = np.asarray(x)[::-1, 2:6, 0:2]
    np.testing.assert_array_equal(mixed, expected)
    np.testing.assert_array_equal(token_box.paste(jnp.asarray(mixed), box, scale=2), x)
    assert float(token_box.share(box, (3, 2))) == pytest.approx(2 / 6)


def test_a_training_step_exchanges_a_box_that_its_key_draws():
    graph, parameters, statistics = split_module(tiny())
    images = jnp.asarray(np.random.default_rng(0).standard_normal((4, 96, 96, 1)), jnp.float32)

    @jax.jit
    def run(key, box):
        model = merge_module(graph, parameters, statistics)
        return model(images, train=True, key=key), model(images, train=True, box=box), model(images, train=True)

    for seed in range(20):
        key = jax.random.key(seed)
        box = token_box.draw(_stream(key), (3, 3))
        share = float(token_box.share(box, (3, 3)))
        if share > 0:
            break
    drawn, given, plain = run(key, box)
    assert float(drawn["mixed_share"]) == float(given["mixed_share"]) == pytest.approx(share)
    assert float(plain["mixed_share"]) == 0
    for name in ("logits", "token_logits"):
        np.testing.assert_array_equal(drawn[name], given[name])
        assert np.max(np.abs(drawn[name] - plain[name])) > 1e-6
    # Without blocks a token sees its neighbourhood alone: the own corner is as it was, whoever else was moved.
    corner = next(index for index in (0, 2, 6, 8) if not _near(index, np.asarray(box)))
    np.testing.assert_allclose(drawn["token_logits"][:, corner], plain["token_logits"][:, corner], atol=1e-6)


def _stream(key):
    from spectrax.core import randomness

    return randomness.stream(key, "mix_token")


def _near(index, box):
    """Whether a token of the 3x3 grid is in the box or touches it."""
    row, column = divmod(index, 3)
    return box[0] - 1 <= row <= box[2] and box[1] - 1 <= column <= box[3]


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"token_label": False}, "model.token_label=true"),
        ({"image_size": 64}, "every box is empty. Choose a dataset.image_size of 96 or more"),
        ({"image_size": 100}, "sides divide by 8: choose a dataset.image_size that divides by 32"),
        ({"image_size": (96, 112)}, "divides by 32"),
    ],
)
def test_where_it_has_no_meaning_it_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        nnx.eval_shape(lambda: tiny(**changes))
