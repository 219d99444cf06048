"""Fourier neural operators: spectral convolutions in both ways, sizes, other grids, the parts they are made of."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from flax import nnx
from random_arrays import close, normal

from spectrax.core.errors import ConfigError
from spectrax.core.trees import leaf_paths, merge_module, parameter_count, split_module
from spectrax.models.fno_classic import ClassicFNO
from spectrax.models.fno_geo import GeoFNO
from spectrax.models.fno_neuralop import NeuralopFNO
from spectrax.nn.gelu import gelu, plain_gelu
from spectrax.nn.group_norm import GroupNorm
from spectrax.nn.spectral_convolution import SpectralConvolution, both_ends, centred, complex_normal
from spectrax.ops import corners

CLASSIC = {"in_channels": 1, "out_channels": 1, "width": 4, "modes": 3, "hidden": 8}
LIBRARY = {"in_channels": 1, "out_channels": 1, "hidden_channels": 4, "modes": 5, "layers": 2}


def by_numpy(x, weight, kept):
    """The released code's loop over the corners of a spectrum, in float64."""
    sizes = x.shape[1:-1]
    spectrum = np.fft.rfftn(x.astype(np.float64), axes=range(1, x.ndim - 1))
    found = np.zeros((*spectrum.shape[:-1], weight.shape[-2]), complex)
    ends = [[slice(up), slice(-down, None)] if down else [slice(up)] for up, down in zip(*ends_of(kept), strict=True)]
    ours = [[slice(up), slice(up, None)] if down else [slice(up)] for up, down in zip(*ends_of(kept), strict=True)]
    w = weight[..., 0].astype(np.float64) + 1j * weight[..., 1]
    for there, here in zip(itertools.product(*ends), itertools.product(*ours), strict=True):
        place = (slice(None), *there)
        found[place] = np.einsum("b...i,...io->b...o", spectrum[place], w[here])
    return np.fft.irfftn(found, s=sizes, axes=range(1, x.ndim - 1))


def ends_of(kept):
    return kept.nonnegative, kept.negative


@pytest.mark.parametrize(
    "sizes, kept",
    [
        ((16,), both_ends((5,))),
        ((15,), both_ends((8,))),
        ((12, 11), both_ends((3, 4))),
        ((11, 12), both_ends((8, 7))),  # more than half of the first axis: corners overlap
        ((12, 9), centred((6, 5))),
        ((9, 12), centred((9, 12))),
        ((7, 6, 8), both_ends((5, 2, 3))),
        ((8, 7, 9), centred((3, 4, 6))),
    ],
)
def test_both_ways_are_the_released_loop(sizes, kept):
    """Fields and gradients; of even numbers of samples Nyquist's frequency too."""
    x = normal(0, 2, *sizes, 3)
    layers = [
        SpectralConvolution(3, 2, kept, way=way, norm=norm, rngs=nnx.Rngs(1))
        for way, norm in (("products", "backward"), ("fft", "backward"), ("products", "forward"))
    ]
    expected = by_numpy(x, np.asarray(layers[0].weight[...]), kept)
    results = []
    for layer in layers:
        graph, parameters, statistics = split_module(layer)

        def loss(parameters, x, graph=graph, statistics=statistics):
            y = merge_module(graph, parameters, statistics)(x)
            return jnp.sum(y**3), y

        (_, y), gradients = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(parameters, x)
        close(y, expected)
        results.append(jax.tree.leaves(gradients))
    for first, *others in zip(*results, strict=True):
        for other in others:
            assert np.abs(first - other).max() < 1e-5 * np.abs(first).max()


def test_zeros_behind_a_field_need_not_be_there_nor_what_is_cut_away_be_computed():
    kept, x = both_ends((3, 4)), normal(0, 2, 9, 8, 3)
    padded = np.pad(x, [(0, 0), (0, 3), (0, 2), (0, 0)])
    for by_products in (True, False):

        @jax.jit
        def run(x, padded, by_products=by_products):
            options = {"by_products": by_products}
            spectrum = corners.analyse(padded, kept, **options)
            whole = corners.synthesise(spectrum, kept, (12, 10), **options)
            part = corners.synthesise(spectrum, kept, (12, 10), samples=(9, 8), **options)
            return spectrum, corners.analyse(x, kept, sizes=(12, 10), **options), whole, part

        spectrum, same, whole, part = run(x, padded)
        close(same, spectrum)
        close(part, whole[:, :9, :8])


def test_few_of_many_modes_are_taken_by_products_and_most_of_them_by_ffts():
    assert corners.cheaper_by_products((96, 96), both_ends((12, 12)))
    assert not corners.cheaper_by_products((1024, 1024), both_ends((256, 256)))


COUNTS = [
    ({"grid": (221, 51), "in_channels": 2, "out_channels": 1, "width": 32, "modes": 12}, 1_188_385),
    ({"grid": (85, 85), "in_channels": 1, "out_channels": 1, "width": 32, "modes": 12}, 1_188_353),
    ({"grid": (85, 85), "in_channels": 1, "out_channels": 1, "width": 64, "modes": 12}, 4_743_937),
    # The released model has 256 more in batch norms that it does not use.
    ({"grid": (101, 31, 20), "in_channels": 1, "out_channels": 4, "width": 32, "modes": 12}, 14_165_156 - 256),
]
LIBRARY_COUNTS = [
    ((16, 16), 24, 2, 339_337, 671_113),
    ((64, 64), 64, 4, 34_662_337, 69_265_345),
    ((12, 12), 32, 2, 357_217, 701_281),
]


def counts(make):
    """Parameters with a complex number counted once, and twice."""
    parameters = split_module(nnx.eval_shape(make))[1]
    ends = ("/weight", "/positive", "/negative")
    pairs = sum(leaf.size for path, leaf in leaf_paths(parameters) if path.endswith(ends))
    return parameter_count(parameters) - pairs // 2, parameter_count(parameters)


def test_published_numbers_of_parameters():
    for sizes, published in COUNTS:
        assert counts(lambda sizes=sizes: ClassicFNO(**sizes, rngs=nnx.Rngs(0)))[0] == published
    assert counts(lambda: GeoFNO(out_channels=1, width=32, rngs=nnx.Rngs(0)))[0] == 1_482_657 + 63_746
    for modes, hidden, ratio, once, twice in LIBRARY_COUNTS:
        options = {**LIBRARY, "modes": modes, "hidden_channels": hidden, "projection_ratio": ratio, "layers": 4}
        assert counts(lambda o=options: NeuralopFNO(grid=(16, 16), **o, rngs=nnx.Rngs(0))) == (once, twice)


def field(*sizes):
    """A smooth periodic function at the points i / n of a grid, (1, *sizes, 1)."""
    places = np.meshgrid(*[np.arange(size) / size for size in sizes], indexing="ij")
    waves = [np.sin(2 * np.pi * (place + 0.1 * number)) for number, place in enumerate(places)]
    return np.prod(waves, axis=0)[None, ..., None].astype(np.float32)


@pytest.mark.parametrize("sizes", [(16,), (16, 18), (16, 12, 14)])
def test_a_finer_grid_gives_nearly_the_same_field(sizes):
    """Of the layers without coordinates, which have a seam; what is left are products of waves beyond the grid."""
    model = NeuralopFNO(grid=sizes, coordinates=False, **LIBRARY, rngs=nnx.Rngs(0))
    coarse, fine = (jax.jit(model)(field(*(times * size for size in sizes))) for times in (1, 2))
    fine = fine[(slice(None), *[slice(None, None, 2)] * len(sizes))]
    assert np.abs(coarse - fine).max() < 2e-2 * np.abs(coarse - np.mean(coarse)).max()


@pytest.mark.parametrize("make", [ClassicFNO, NeuralopFNO])
def test_any_grid_is_taken(make):
    model = make(grid=(12, 12), **(CLASSIC if make is ClassicFNO else LIBRARY), rngs=nnx.Rngs(0))
    for sizes in ((12, 12), (17, 10), (6, 9)):
        assert jax.eval_shape(model, normal(0, 2, *sizes, 1)).shape == (2, *sizes, 1)
    with pytest.raises(ConfigError, match="2 axes, channels"):
        model(normal(0, 2, 12, 1))


@pytest.mark.parametrize("layers", [0, 1])
def test_fewer_layers_than_two_are_refused(layers):
    with pytest.raises(ConfigError, match=rf"model\.layers={layers}: "):
        ClassicFNO(grid=(12, 12), **CLASSIC, layers=layers, rngs=nnx.Rngs(0))


def test_padding_as_released_is_from_the_last_axis_to_the_first():
    natural = ClassicFNO(grid=(9, 8), **CLASSIC, padding=(2, 3), rngs=nnx.Rngs(0))
    released = ClassicFNO(grid=(9, 8), **CLASSIC, padding=(3, 2), padding_order="released", rngs=nnx.Rngs(0))
    x = normal(0, 1, 9, 8, 1)
    close(*(jax.jit(model)(x) for model in (natural, released)))
    with pytest.raises(ConfigError, match="would cut everything away"):
        ClassicFNO(grid=(9, 8), **CLASSIC, padding=(3, 0), padding_order="released", rngs=nnx.Rngs(0))


def test_initial_weights_of_both_kinds():
    released = SpectralConvolution(8, 8, both_ends((6, 6)), rngs=nnx.Rngs(0)).weight[...]
    assert released.min() >= 0 and 0.99 / 64 < released.max() <= 1 / 64
    library = SpectralConvolution(8, 8, centred((12, 12)), initial=complex_normal, rngs=nnx.Rngs(0)).weight[...]
    assert float(jnp.std(library)) == pytest.approx(0.25, rel=0.02)  # each part; 0.354 the complex number


def test_gelu_and_its_derivative():
    x = np.linspace(-9, 9, 1001, dtype=np.float32)
    exact = x.astype(np.float64)
    normal_below, density = scipy.special.ndtr(exact), np.exp(-(exact**2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(jax.jit(gelu)(x), exact * normal_below, rtol=0, atol=1e-6)
    derivative = jax.jit(jax.vmap(jax.grad(gelu)))(x)
    np.testing.assert_allclose(derivative, normal_below + exact * density, rtol=0, atol=5e-7)
    np.testing.assert_allclose(jax.jit(plain_gelu)(x), exact * normal_below, rtol=0, atol=2e-6)


def test_group_norm():
    x, norm = 3 + 2 * normal(0, 2, 5, 6, 4), GroupNorm(4, 2)
    y = np.asarray(norm(x)).reshape(2, 30, 2, 2)
    np.testing.assert_allclose(y.mean((1, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(y.std((1, 3)), 1, atol=1e-5)
    with pytest.raises(ConfigError, match="do not divide"):
        GroupNorm(4, 3)
