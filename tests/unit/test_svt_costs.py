"""The released code's own count of SVT's products, from what `describe` tabulates: sizes of modules and their outputs.

That counter knows convolutions (with biases), linear layers (without), BatchNorm (two a value) and ReLU (one a value),
and neither attention's products, nor the complex mixing, nor the transform. `describe`'s operations hold all of these
and everything elementwise: halved, 4.56 G for SVT-H-S of the paper where the count of all products is 4.37 G.
"""

import math
import re

import jax
import pytest

import spectrax
from spectrax.config.build import partial
from spectrax.diagnostics import module_costs

# Billions of products at 224 px, with the token head, as measured with the released counter.
RELEASED = {("svt_h_s", 2, "channel_token"): 3.931, ("svt_h_l", 1, "channel"): 13.388}


@pytest.mark.parametrize("name, scatter_stages, mixer", RELEASED)
def test_products_by_the_released_counter(name, scatter_stages, mixer, monkeypatch):
    monkeypatch.setattr(module_costs, "_flops", lambda *_: 0.0)  # it lowers every module, and is not needed here
    model = spectrax.compose("svt_imagenet", [f"model={name}", "model.token_label=true"]).model
    model.scatter_stages, model.mixer = scatter_stages, mixer
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), "float32")
    run = lambda model, x: model(x, train=False, key=None)  # noqa: E731
    rows = {row.path: row for row in module_costs.module_costs(partial(model), run, images, depth=8)}
    assert sum(products(path, rows) for path in rows) / 1e9 == pytest.approx(
        RELEASED[name, scatter_stages, mixer], abs=5e-4
    )


def products(path, rows):
    row = rows[path]
    if row.kind in ("Conv", "DepthwiseConv3x3"):
        return row.parameters * positions(path, rows)
    if row.kind == "Linear":
        return (row.parameters - biases(path, rows)) * positions(path, rows)
    if row.kind == "BatchNorm":  # and the ReLU that follows each
        return 3 * math.prod(shape(row))
    return 0


def positions(path, rows):
    """How many times the layer is applied; what its parent does for it, the parent does everywhere."""
    while not rows[path].output:
        path = path.rpartition("/")[0]
    return math.prod(shape(rows[path])[:-1])


def biases(path, rows):
    """Output channels of a linear layer; the projection to keys and values has twice those of its sibling."""
    if rows[path].output:
        return shape(rows[path])[-1]
    return 2 * shape(rows[path.replace("key_value", "query")])[-1]


def shape(row):
    return [int(size) for size in re.search(r"\[(.*?)\]", row.output)[1].split(",")]
