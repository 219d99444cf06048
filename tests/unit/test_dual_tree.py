"""The dual-tree transform: reconstruction, adjoint, shapes, orientation, shift invariance."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_arrays import normal

from spectrax.core.errors import ConfigError
from spectrax.ops.dual_tree import ORIENTATIONS, ComplexBands, dual_tree_2d, inverse_dual_tree_2d
from spectrax.ops.dual_tree_axis import FORMS, analyse_axis, synthesise_axis
from spectrax.ops.dual_tree_filters import BIORT_FAMILIES, QSHIFT_FAMILIES, level_one_filters, qshift_filters
from spectrax.ops.dual_tree_matrices import analysis_matrix, synthesis_matrix


@functools.partial(jax.jit, static_argnames=("levels", "biort", "qshift", "form"))
def there_and_back(x, levels, **options):
    """Low-pass map, bands and reconstruction."""
    low, bands = dual_tree_2d(x, levels, **options)
    return low, bands, inverse_dual_tree_2d(low, bands, size=x.shape[1:3], **options)


@pytest.mark.parametrize(
    "family, level_one", [(name, True) for name in BIORT_FAMILIES] + [(name, False) for name in QSHIFT_FAMILIES]
)
def test_every_family_reconstructs_an_axis_of_every_size(family, level_one):
    """Each level on its own, and so every pairing of families: a level undoes what it did, whatever comes after."""
    for size in range(2, 145, 2) if level_one else range(4, 145, 4):
        analysis, synthesis = (make(size, family, level_one) for make in (analysis_matrix, synthesis_matrix))
        np.testing.assert_allclose(synthesis @ analysis, np.eye(size), atol=1e-12, err_msg=f"{size}")


@pytest.mark.parametrize("number", range(len(QSHIFT_FAMILIES)))
def test_perfect_reconstruction(number):
    """With every family, at sizes of all kinds."""
    families = {"biort": BIORT_FAMILIES[number % len(BIORT_FAMILIES)], "qshift": QSHIFT_FAMILIES[number]}
    height, width = np.random.default_rng(number).integers(4, 71, 2)
    x = normal(number, 1, height, width, 2)
    for levels in (1, 3):
        *_, back = there_and_back(x, levels, **families)
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
    found, bands = jax.eval_shape(lambda x: dual_tree_2d(x, levels), normal(0, 1, *size, 1))
    assert found.shape[1:3] == low
    assert [band.real.shape[1:3] for band in bands] == sides
    assert all(band.real.shape[3:] == (6, 1) == band.imaginary.shape[3:] for band in bands)


@pytest.mark.parametrize("size, levels", [((16, 12), 1), ((11, 18), 3)])
def test_gradient_is_the_adjoint(size, levels):
    """<T x, y> = <x, T' y> with T' from autodiff, in relative terms."""
    x, direction = normal(1, 1, *size, 2), normal(2, 1, *size, 2)
    transform = lambda x: jax.tree.leaves(dual_tree_2d(x, levels))  # noqa: E731
    weights = [normal(3 + i, *leaf.shape) for i, leaf in enumerate(jax.eval_shape(transform, x))]
    both = jax.jit(lambda x, direction, weights: (transform(direction), *jax.vjp(transform, x)[1](weights)))
    outputs, adjoint = both(x, direction, weights)
    left = sum(float(np.vdot(leaf, weight)) for leaf, weight in zip(outputs, weights, strict=True))
    right = float(np.vdot(direction, adjoint))
    assert abs(left - right) <= 1e-4 * max(abs(left), 1)


def test_level_one_of_inverse_is_linear_in_missing_bands():
    low, bands = jax.jit(lambda x: dual_tree_2d(x, 2))(normal(4, 1, 16, 16, 2))
    zero = ComplexBands(*[part * 0 for part in bands[0]])
    inverse = jax.jit(inverse_dual_tree_2d)
    np.testing.assert_allclose(inverse(low, [None, bands[1]]), inverse(low, [zero, bands[1]]), atol=1e-6)
    np.testing.assert_allclose(inverse(None, bands), inverse(low * 0, bands), atol=1e-6)


def energy(band):
    return np.asarray(band.real) ** 2 + np.asarray(band.imaginary) ** 2


def test_nearly_invariant_to_shifts():
    """The energy of a band hardly changes as an impulse moves, unlike that of a decimated wavelet transform."""
    x = np.zeros((4, 64, 64, 1), np.float32)
    for shift, image in enumerate(x):
        image[30 + shift, 30] = 1
    _, bands, _ = there_and_back(x, 3)
    energies = np.transpose([np.sum(energy(band), axis=(1, 2, 3, 4)) for band in bands])
    spread = np.ptp(energies, axis=0) / np.mean(energies, axis=0)
    assert np.all(spread[1:] < 0.1), spread


def test_each_orientation_answers_to_its_angle():
    """A plane wave of the band's frequency excites most the orientation whose angle it has."""
    rows, columns = np.mgrid[:64, :64]
    # Edges at an angle to the horizontal axis: the wave vector stands at right angles to them.
    directions = np.deg2rad(np.add(ORIENTATIONS, 90))[:, None, None]
    phases = 2 * np.pi * 0.18 * (columns * np.cos(directions) - rows * np.sin(directions))
    _, (_, band), _ = there_and_back(np.cos(phases)[..., None].astype(np.float32), 2)
    winners = energy(band)[:, 4:-4, 4:-4, :, 0].sum((1, 2)).argmax(-1)
    assert winners.tolist() == list(range(6))


def test_float64_stays_and_bfloat16_is_raised():
    with jax.enable_x64(True):
        x = np.random.default_rng(0).standard_normal((1, 9, 14, 1))
        low, _, back = there_and_back(x, 2)
        assert low.dtype == back.dtype == jnp.float64
        assert np.max(np.abs(back - x)) <= 1e-12
    low, _ = jax.eval_shape(dual_tree_2d, jnp.ones((1, 8, 8, 1), jnp.bfloat16))
    assert low.dtype == jnp.float32


@pytest.mark.parametrize("size, levels", [((37, 50), 3), ((130, 9), 2), ((132, 70), 3)])
def test_all_forms_are_one_map(size, levels):
    x = normal(5, 1, *size, 2)
    results = []
    for form in FORMS:
        low, bands, back = there_and_back(x, levels, form=form)
        assert np.max(np.abs(back - x)) <= 2e-6, form
        results.append(jax.tree.leaves((low, bands)))
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=3e-6)


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


@pytest.mark.parametrize("transform", [analyse_axis, synthesise_axis])
def test_an_unknown_form_is_named_with_those_there_are(transform):
    with pytest.raises(ConfigError, match="'tilde' is none of: dense, flip_split, tiled"):
        transform(normal(0, 1, 8, 8, 1), 1, "near_sym_b", True, "tilde")


def test_one_compilation_per_shape():
    traces = []

    @jax.jit
    def transform(x):
        traces.append(x.shape)
        return dual_tree_2d(x)

    for _ in range(3):
        transform(jnp.zeros((1, 8, 8, 1)))
    assert len(traces) == 1
