"""SVT at other image sizes: gates are interpolated, matrices over positions refuse; maps for dense prediction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import CheckpointError, ConfigError
from spectrax.core.trees import leaf_paths, merge_module, split_module
from spectrax.models.svt import SVT
from spectrax.nn.gate_resizing import at_grid, resized_gate

TINY = {
    "in_channels": 1, "num_classes": 5, "stem_width": 4, "dims": [8, 8, 16, 16], "heads": [1, 1, 2, 2],
    "ffn_ratios": [1, 1, 1, 1], "depths": [1, 1, 0, 0], "scatter_stages": 2,
}  # fmt: skip


def tiny(**changes):
    return SVT(**{"image_size": 64, **TINY, **changes}, rngs=nnx.Rngs(0))


def shapes_at(size, **changes):
    return split_module(nnx.eval_shape(lambda: tiny(image_size=size, **changes)))[1]


def test_bilinear_interpolation_keeps_planes_and_constants():
    """Between the outermost samples a plane stays one; beyond them the edge is repeated."""
    row, column = np.mgrid[:8, :8] + 0.5
    plane = jnp.asarray(np.stack([row / 8 + 2 * column / 8, np.full((8, 8), 3.0)], -1), jnp.float32)
    row, column = np.meshgrid((np.arange(24) + 0.5) / 24, (np.arange(16) + 0.5) / 16, indexing="ij")
    inside = (np.abs(row - 0.5) <= 0.4375) & (np.abs(column - 0.5) <= 0.4375)
    found = np.asarray(resized_gate(plane, (24, 16)))
    np.testing.assert_allclose(found[..., 0][inside], (row + 2 * column)[inside], atol=1e-6)
    np.testing.assert_allclose(found[..., 1], 3.0, atol=1e-6)


def test_weights_at_another_size_compute_what_interpolated_gates_do():
    """A model built for the larger images, given resized weights, equals the small one applied to them."""
    graph, parameters, statistics = split_module(tiny(mixer="channel"))
    resized = at_grid(parameters, shapes_at((96, 128), mixer="channel"))
    gates = {path: leaf.shape for path, leaf in leaf_paths(resized) if path.endswith("gate")}
    assert [shape for _, shape in sorted(gates.items())] == [(24, 32, 8), (12, 16, 8)]
    images = jnp.asarray(np.random.default_rng(0).standard_normal((2, 96, 128, 1)), jnp.float32)
    maps = jax.jit(lambda p: merge_module(graph, p, statistics).features(images, train=False))
    small, large = maps(parameters), maps(resized)
    assert [one.shape[1:3] for one in small] == [(24, 32), (12, 16), (6, 8), (3, 4)]
    for one, other in zip(small, large, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_matrices_over_positions_refuse():
    _, parameters, _ = split_module(tiny())
    with pytest.raises(CheckpointError, match="stages/0/blocks/0/mixer mixes the positions of maps of 16x16"):
        at_grid(parameters, shapes_at(96))
    assert dict(leaf_paths(at_grid(parameters, shapes_at(64)))).keys() == dict(leaf_paths(parameters)).keys()
    with pytest.raises(ConfigError, match=r"cannot take maps of 24x24.*model\.mixer=channel"):
        jax.eval_shape(lambda: tiny().features(jnp.zeros((1, 96, 96, 1)), train=False))
