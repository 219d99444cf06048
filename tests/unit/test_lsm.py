"""Latent spectral models and their parts: sizes, published counts, switches, and gradients written by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from random_arrays import close, normal

from spectrax.core.errors import ConfigError
from spectrax.core.trees import leaf_paths, merge_module, parameter_count, split_module
from spectrax.models.lsm import LSM
from spectrax.models.lsm_irregular import LSMIrregular
from spectrax.models.unet import UNet
from spectrax.nn.latent_spectral_block import LatentSpectralBlock, from_patches, spectral_sum, to_patches
from spectrax.nn.unet_blocks import doubled, halved
from spectrax.ops.interpolation import linear_matrix, resize_linear

# Grid, channels in, out and of the first level; then patch, padding and parameters as the released scripts have them.
PUBLISHED = {
    "elasticity on a grid": ((41, 41), 1, 1, 32, (3, 3), (7, 7), 4_812_801),
    "plasticity": ((101, 31, 20), 1, 4, 32, (7, 2, 2), (11, 1, 12), 13_457_828),
    "navier_stokes": ((64, 64), 10, 1, 64, (4, 4), (0, 0), 19_188_033),
    "darcy": ((85, 85), 1, 1, 64, (6, 6), (11, 11), 19_187_457),
    "airfoil": ((221, 51), 2, 1, 32, (14, 4), (3, 13), 4_812_833),
    "pipe": ((129, 129), 2, 1, 48, (9, 9), (15, 15), 10_804_913),
}
SMALL = {"in_channels": 1, "out_channels": 1, "channels": 8}


def small(kind=LSM, **changes):
    return kind(**{"grid": (29, 29), **SMALL, **changes}, rngs=nnx.Rngs(0))


def abstract(make):
    """The model without its arrays, and its parameters by path, as shapes."""
    model = nnx.eval_shape(make)
    return model, dict(leaf_paths(split_module(model)[1]))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes_follow_from_the_grid(name):
    grid, inputs, outputs, channels, patch, padding, count = PUBLISHED[name]
    sizes = {"in_channels": inputs, "out_channels": outputs, "channels": channels}
    model, parameters = abstract(lambda: LSM(grid=grid, **sizes, rngs=nnx.Rngs(0)))
    assert (model.patch, model._padding_of(grid)) == (patch, padding)
    assert parameter_count(parameters) == count


def test_of_the_irregular_model_complex_weights_count_once_in_the_paper_and_twice_here():
    _, parameters = abstract(lambda: LSMIrregular(out_channels=1, channels=32, rngs=nnx.Rngs(0)))
    pairs = sum(leaf.size for path, leaf in parameters.items() if path.endswith(("positive", "negative")))
    assert pairs == 2 * 4 * 32 * 32 * 12 * 12
    assert parameter_count(parameters) - pairs // 2 == 5_402_785 + 63_746


def test_switches_leave_out_the_blocks_or_their_transition():
    whole, bare = (abstract(lambda b=b: small(blocks=b))[1] for b in (True, False))
    still = abstract(lambda: small(bases=0, tokens=2))[1]
    unet = abstract(lambda: small(UNet))[1]
    shapes = lambda tree: {path: leaf.shape for path, leaf in tree.items()}  # noqa: E731
    assert shapes(bare) == shapes(unet) == {p: s for p, s in shapes(whole).items() if "/skips/" not in p}
    assert {path for path in whole if path not in still} == {f"backbone/skips/{i}/transition" for i in range(5)}
    assert still["backbone/skips/0/tokens"].shape == (8, 2, 1)


def test_initial_values_are_the_released_ones():
    block = LatentSpectralBlock(64, (2, 2), rngs=nnx.Rngs(0))
    for values in (block.tokens[...], block.transition[...]):
        assert values.min() >= 0 and 0.95 / 64 < values.max() < 1 / 64
    assert 0.95 / 8 < jnp.abs(block.query.kernel[...]).max() < 1 / 8
    kernel = small().backbone.encoder[0].convolutions[0].kernel[...]
    assert 0.95 < jnp.abs(kernel).max() * 72**0.5 < 1


def test_another_grid_than_that_of_training():
    for kind, sizes in ((LSM, (50, 35)), (UNet, (19, 35))):
        model = nnx.eval_shape(lambda kind=kind: small(kind))
        graph, *weights = split_module(model)
        call = lambda weights, x, graph=graph: merge_module(graph, *weights)(x, train=False)  # noqa: E731
        assert jax.eval_shape(call, weights, normal(0, 1, *sizes, 1)).shape == (1, *sizes, 1)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"grid": (29,)}, "two or three axes"),
        ({"patch": (2, 2, 2)}, "a number from 0 for each axis"),
        ({"patch": (0, 2)}, "numbers from 1"),
        ({"padding": (0, 0)}, "no whole number of patches"),
        ({"grid": (9, 29), "padding": (0, 0)}, "fewer than 16"),
        ({"channels": 12}, "multiple of 8 heads"),
    ],
)
def test_sizes_that_do_not_fit_are_told(changes, said):
    with pytest.raises(ConfigError, match=said):
        nnx.eval_shape(lambda: small(**changes))


def test_a_latent_grid_that_is_no_whole_number_of_patches():
    with pytest.raises(ConfigError, match=r"model\.latent_grid"):
        LSMIrregular(out_channels=1, channels=8, latent_grid=(40, 32), patch=(2, 2), rngs=nnx.Rngs(0))


def test_the_sum_of_sines_and_cosines():
    tokens, weights = 3 * normal(0, 2, 5, 4, 3, 2), normal(1, 8, 24)
    angles = np.pi * np.arange(12) / 12 * tokens.astype(np.float64)[..., None]
    waves = np.concatenate([np.sin(angles), np.cos(angles)], -1)
    close(spectral_sum(tokens, weights), np.sum(waves * weights.reshape(4, 1, 2, 24), -1))


@pytest.mark.parametrize("shape, patch", [((2, 6, 8, 3), (3, 2)), ((2, 4, 6, 2, 3), (2, 3, 1))])
def test_patches_are_rows_of_a_grid_and_come_back(shape, patch):
    x = normal(0, *shape)
    patches = to_patches(x, patch)
    second = (slice(1, 2), *(slice(0, side) for side in patch[:-1]), slice(patch[-1], 2 * patch[-1]))
    np.testing.assert_array_equal(patches[1, 1], x[second].reshape(-1, 3))
    np.testing.assert_array_equal(from_patches(patches, shape, patch), x)


def test_doubling_keeps_the_ends_and_pads_as_released():
    x = normal(0, 2, 5, 1, 3)
    found = np.asarray(doubled(x, (11, 5)))
    places = np.arange(10) * 4 / 9
    rows = np.stack([[np.interp(places, np.arange(5), x[b, :, 0, c]) for c in range(3)] for b in range(2)])
    np.testing.assert_allclose(found[:, :10, 1], rows.transpose(0, 2, 1), atol=1e-6)
    np.testing.assert_array_equal(found[:, :, 1], found[:, :, 2])  # of one sample two
    assert not found[:, 10].any() and not found[:, :, 0].any() and not found[:, :, 3:].any()


def test_linear_interpolation_is_exact_on_lines():
    line = np.linspace(-1, 3, 7)
    np.testing.assert_allclose(linear_matrix(7, 12) @ line, np.linspace(-1, 3, 12), atol=1e-12)
    with pytest.raises(ConfigError, match="number for each"):
        resize_linear(normal(0, 1, 4, 4, 1), [8])


def test_maxima_and_of_equal_ones_the_first_has_the_gradient():
    x = normal(0, 2, 7, 4, 3)
    np.testing.assert_array_equal(halved(x), x[:, :6].reshape(2, 3, 2, 2, 2, 3).max((2, 4)))
    gradient = jax.grad(lambda x: jnp.sum(halved(x)))(jnp.ones((1, 2, 2, 1)))
    np.testing.assert_array_equal(gradient.ravel(), [1, 0, 0, 0])
