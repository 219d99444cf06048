"""The dual-tree transform: reconstruction, adjoint, shapes, orientation, shift invariance."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.ops.dual_tree import ORIENTATIONS, ComplexBands, dual_tree_2d, inverse_dual_tree_2d
from spectrax.ops.dual_tree_axis import FORMS
from spectrax.ops.dual_tree_filters import BIORT_FAMILIES, QSHIFT_FAMILIES, level_one_filters, qshift_filters


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("biort, qshift", itertools.product(BIORT_FAMILIES, QSHIFT_FAMILIES))
def test_perfect_reconstruction_of_all_families(biort, qshift):
    generator = np.random.default_rng(hash((biort, qshift)) % 2**32)
    for levels in (1, 3):
        height, width = generator.integers(4, 71, 2)
        x = normal(levels, 1, height, width, 2)
        low, bands = dual_tree_2d(x, levels, biort=biort, qshift=qshift)
        back = inverse_dual_tree_2d(low, bands, biort=biort, qshift=qshift, size=(height, width))
        assert np.max(np.abs(back - x)) <= 2e-6, (height, width, levels)


@pytest.mark.parametrize(
    "levels, size, low, sides",
    [
        (3, (37, 50), (10, 14), [(19, 25), (10, 13), (5, 7)]),
        (4, (37, 50), (6, 8), [(19, 25), (10, 13), (5, 7), (3, 4)]),
        (3, (33, 65), (10, 18), [(17, 33), (9, 17), (5, 9)]),
        (1, (7, 7), (8, 8), [(4, 4)]),
        (2, (4, 4), (2, 2), [(2, 2), (1, 1)]),
    ],
)
def test_sizes(levels, size, low, sides):
    found, bands = dual_tree_2d(normal(0, 1, *size, 1), levels)
    assert found.shape[1:3] == low
    assert [band.real.shape[1:3] for band in bands] == sides
    assert all(band.real.shape[3:] == (6, 1) == band.imaginary.shape[3:] for band in bands)


@pytest.mark.parametrize("size, levels", [((16, 12), 1), ((11, 18), 3)])
def test_gradient_is_the_adjoint(size, levels):
    """<T x, y> = <x, T' y> with T' from autodiff, in relative terms."""
    x, direction = normal(1, 1, *size, 2), normal(2, 1, *size, 2)
    transform = lambda x: jax.tree.leaves(dual_tree_2d(x, levels))  # noqa: E731
    outputs, pullback = jax.vjp(transform, jnp.asarray(x))
    weights = [normal(3 + i, *leaf.shape) for i, leaf in enumerate(outputs)]
    (adjoint,) = pullback([jnp.asarray(weight) for weight in weights])
    left = sum(float(np.vdot(leaf, weight)) for leaf, weight in zip(transform(direction), weights, strict=True))
    right = float(np.vdot(direction, adjoint))
    assert abs(left - right) <= 1e-4 * max(abs(left), 1)


def test_level_one_of_inverse_is_linear_in_missing_bands():
    low, bands = dual_tree_2d(normal(4, 1, 16, 16, 2), 2)
    zero = [ComplexBands(*[part * 0 for part in band]) for band in bands]
    np.testing.assert_allclose(
        inverse_dual_tree_2d(low, [None, bands[1]]), inverse_dual_tree_2d(low, [zero[0], bands[1]]), atol=1e-6
    )
    np.testing.assert_allclose(inverse_dual_tree_2d(None, bands), inverse_dual_tree_2d(low * 0, bands), atol=1e-6)


def test_nearly_invariant_to_shifts():
    """The energy of a band hardly changes as an impulse moves, unlike that of a decimated wavelet transform."""
    energies = []
    for shift in range(4):
        x = np.zeros((1, 64, 64, 1), np.float32)
        x[0, 30 + shift, 30, 0] = 1
        _, bands = dual_tree_2d(x, 3)
        energies.append([float(jnp.sum(band.real**2 + band.imaginary**2)) for band in bands])
    spread = np.ptp(energies, axis=0) / np.mean(energies, axis=0)
    assert np.all(spread[1:] < 0.1), spread


def test_each_orientation_answers_to_its_angle():
    """A plane wave of the band's frequency excites most the orientation whose angle it has."""
    rows, columns = np.mgrid[:64, :64]
    winners = []
    for angle in ORIENTATIONS:
        # Edges at `angle` to the horizontal axis: the wave vector stands at right angles to them.
        direction = np.deg2rad(angle + 90)
        phase = 2 * np.pi * 0.18 * (columns * np.cos(direction) - rows * np.sin(direction))
        _, (_, band) = dual_tree_2d(np.cos(phase)[None, :, :, None].astype(np.float32), 2)
        energy = np.asarray(band.real**2 + band.imaginary**2)[0, 4:-4, 4:-4, :, 0].sum((0, 1))
        winners.append(int(energy.argmax()))
    assert winners == list(range(6)), winners


def test_float64_stays_and_bfloat16_is_raised():
    with jax.enable_x64(True):
        low, bands = dual_tree_2d(jnp.asarray(np.random.default_rng(0).standard_normal((1, 9, 14, 1))), 2)
        back = inverse_dual_tree_2d(low, bands, size=(9, 14))
        assert low.dtype == back.dtype == jnp.float64
    low, _ = dual_tree_2d(jnp.ones((1, 8, 8, 1), jnp.bfloat16))
    assert low.dtype == jnp.float32


@pytest.mark.parametrize("size, levels", [((37, 50), 3), ((130, 9), 2), ((132, 70), 3)])
def test_all_forms_are_one_map(size, levels):
    x = normal(5, 1, *size, 2)
    results = []
    for form in FORMS:
        low, bands, back = jax.jit(lambda x, form=form: _there_and_back(x, levels, size, form))(x)
        assert np.max(np.abs(back - x)) <= 2e-6, form
        results.append(jax.tree.leaves((low, bands)))
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=3e-6)


def _there_and_back(x, levels, size, form):
    low, bands = dual_tree_2d(x, levels, form=form)
    return low, bands, inverse_dual_tree_2d(low, bands, size=size, form=form)


def test_filters_have_the_published_relations():
    for family in BIORT_FAMILIES:
        filters = level_one_filters(family)
        assert abs(filters.h0.sum() - 1) < 1e-9 and abs(filters.h1.sum()) < 1e-9
        assert len(filters.h0) == len(filters.g1) and len(filters.h1) == len(filters.g0)
    for family in QSHIFT_FAMILIES:
        filters = qshift_filters(family)
        assert abs(np.sum(filters.h0a**2) - 1) < 1e-6 and abs(filters.h0a.sum() - 2**0.5) < 1e-6


def test_an_unknown_family_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"near_sim_b.*Nearest: near_sym_b"):
        dual_tree_2d(np.zeros((1, 8, 8, 1), np.float32), biort="near_sim_b")


def test_one_compilation_per_shape():
    traces = []

    @jax.jit
    def transform(x):
        traces.append(x.shape)
        return dual_tree_2d(x)

    for _ in range(3):
        transform(jnp.zeros((1, 8, 8, 1)))
    assert len(traces) == 1
