"""What modules hold and do, counted without computing."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

import spectrax
from spectrax.config.build import partial
from spectrax.diagnostics.module_costs import module_costs
from spectrax.nn.attention import Attention
from spectrax.nn.convolution import Convolution3
from spectrax.nn.depthwise import DepthwiseConv3x3
from spectrax.nn.normalisation import BatchNorm


class Pair(nnx.Module):
    """Two layers in a list, and one whose work its parent does."""

    def __init__(self, *, rngs):
        self.layers = nnx.List([nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 4, rngs=rngs)])
        self.spare = nnx.Linear(4, 4, rngs=rngs)

    def __call__(self, x, *, train, key=None):
        for layer in self.layers:
            x = layer(x)
        return x @ self.spare.kernel[...]


def costs(make_model, shape, depth=4):
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    return {cost.path: cost for cost in module_costs(make_model, lambda model, x: model(x, train=False), x, depth)}


def test_counts_are_those_of_the_formulas():
    before = nnx.Linear.__call__
    found = costs(Pair, (3, 8))
    assert nnx.Linear.__call__ is before
    assert list(found) == ["", "spare", "layers/0", "layers/1"]  # by calls; what is not called follows its parent
    first, second, whole = found["layers/0"], found["layers/1"], found[""]
    assert first.parameters == 8 * 16 + 16 and whole.parameters == first.parameters + 16 * 4 + 4 + 4 * 4 + 4
    assert first.flops == 3 * (2 * 8 * 16 + 16) and second.flops == 3 * (2 * 16 * 4 + 4)
    assert whole.flops == first.flops + second.flops + 3 * 2 * 4 * 4
    assert first.output == "float32[3, 16]" and first.activation_bytes == 3 * 16 * 4
    assert whole.activation_bytes == first.activation_bytes + 3 * 4 * 4
    assert found["spare"].flops is None and found["spare"].output == ""


def test_multiply_adds_are_those_that_papers_count():
    class Layers(nnx.Module):
        def __init__(self, *, rngs):
            self.strided = nnx.Conv(4, 8, (3, 3), strides=2, feature_group_count=2, rngs=rngs)
            self.depthwise = DepthwiseConv3x3(8, rngs=rngs)
            self.dense = Convolution3(8, 8, 2, rngs=rngs)
            self.norm = BatchNorm(8)
            self.wider = nnx.ConvTranspose(8, 2, (2, 2), strides=2, use_bias=False, rngs=rngs)
            self.attention = Attention(2, 1, rngs=rngs)

        def __call__(self, x, *, train, key=None):
            x = self.wider(self.norm(self.dense(self.depthwise(self.strided(x))), train=train))
            return self.attention(x.reshape(x.shape[0], -1, 2))

    found = costs(Layers, (1, 6, 6, 4), depth=1)
    assert {path: cost.multiply_adds for path, cost in found.items() if path} == {
        "strided": (3 * 3 * 2 * 8 + 8) * 3 * 3,
        "depthwise": (3 * 3 * 8 + 8) * 3 * 3,
        "dense": 3 * 3 * 8 * 8 * 3 * 3,
        "norm": 3 * 3 * 3 * 8,
        "wider": 2 * 2 * 8 * 2 * 3 * 3,
        "attention": 4 * 2 * 2 * 6 * 6,  # query, keys, values, output, of layers below what is shown
    }
    assert found[""].multiply_adds == sum(cost.multiply_adds for path, cost in found.items() if path)
    assert costs(Pair, (3, 8))[""].multiply_adds == 3 * (8 * 16 + 16 * 4)  # what is not called counts nothing


def test_a_module_called_twice_counts_twice():
    class Twice(nnx.Module):
        def __init__(self, *, rngs):
            self.layer = nnx.Linear(4, 4, rngs=rngs)

        def __call__(self, x, *, train, key=None):
            return self.layer(self.layer(x))

    found = costs(Twice, (2, 4))
    assert found["layer"].flops == found[""].flops == 2 * 2 * (2 * 4 * 4 + 4)
    assert found["layer"].multiply_adds == found[""].multiply_adds == 2 * 2 * 4 * 4
    assert found["layer"].activation_bytes == 2 * 2 * 4 * 4


@pytest.mark.parametrize("overrides", [[], ["model=svt_h_s_released", "model.depths=[1,1,1,1]"]])
def test_every_module_of_svt_has_its_row(overrides):
    config = spectrax.compose("svt_digits", overrides)
    found = costs(partial(config.model), (1, 32, 32, 1), depth=2)
    assert {"", "stages/0", "stages/3", "class_block", "head"} <= set(found)
    parts = [cost for path, cost in found.items() if path.count("/") == 1 and path.startswith("stages")]
    others = [cost for path, cost in found.items() if path in ("class_block", "head", "token_head")]
    assert found[""].parameters == sum(cost.parameters for cost in parts + others)
    # The stages' norms are called by the network itself; the rest of its work is reshapes and means.
    assert sum(cost.flops for cost in parts + others) == pytest.approx(found[""].flops, rel=0.01)
