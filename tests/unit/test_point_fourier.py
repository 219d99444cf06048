"""Fourier transforms at points, the layers made of them, and the network that says where the points lie."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.test_util import check_grads
from random_arrays import close, complex_normal, normal

from spectrax.core.errors import ConfigError
from spectrax.core.trees import leaf_paths, parameter_count, split_module
from spectrax.nn.coordinate_network import CoordinateNetwork
from spectrax.nn.point_fourier import GridToPoints, PointsToGrid
from spectrax.ops import non_uniform, truncated

MODES = (3, 4)


def points_in_square(seed, batch=2, count=11):
    return np.random.default_rng(seed).random((batch, count, 2)).astype(np.float32)


def grid_points(height, width, batch=2):
    """The samples' places on a periodic grid, (batch, height * width, 2)."""
    places = np.stack(np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij"), -1)
    return np.broadcast_to(places.reshape(1, -1, 2), (batch, height * width, 2)).astype(np.float32)


def waves(points, first, second, sign):
    """exp(sign 2 pi i (x k1 + y k2)), (batch, n, k1, k2) complex128."""
    x, y = points.astype(np.float64)[..., 0, None, None], points.astype(np.float64)[..., 1, None, None]
    return np.exp(sign * 2j * np.pi * (x * first[:, None] + y * second))


def both_signs(m):
    return np.r_[0:m, -m:0]


def test_the_sum_over_points():
    u, points = normal(0, 2, 11, 5), points_in_square(1)
    expected = np.einsum("bnc,bnxy->bxyc", u, waves(points, both_signs(3), np.arange(4), -1))
    close(non_uniform.points_to_modes(u, points, MODES), expected)


def test_at_the_points_of_a_grid_it_is_the_fourier_transform():
    u, points = normal(0, 2, 8, 9, 5), grid_points(8, 9)
    close(non_uniform.points_to_modes(u.reshape(2, 72, 5), points, MODES), truncated.rfftn(u, MODES))


def test_the_way_back_is_the_released_sum_over_stacked_and_flipped_modes():
    spectrum, points = complex_normal(0, 2, 6, 4, 5), points_in_square(1)
    flipped = np.conj(spectrum[:, :, 1:])[:, ::-1, ::-1]  # (batch, 2 m1, m2 - 1, channels), turned along both axes
    whole = np.concatenate([spectrum, flipped], axis=2)
    second = np.r_[0:4, -3:0]
    expected = np.einsum("bxyc,bnxy->bnc", whole, waves(points, both_signs(3), second, 1)).real
    close(non_uniform.modes_to_points(spectrum, points), expected)


def test_a_real_fields_spectrum_comes_back_at_the_points_of_a_grid():
    spectrum = np.array(truncated.rfftn(normal(0, 2, 8, 9, 5), MODES))
    points = grid_points(8, 9)
    found = non_uniform.modes_to_points(spectrum, points, hermitian=True).reshape(2, 8, 9, 5)
    # Modes of k2 = 0 are there with both signs but for -m1, and the real part is taken of all.
    close(found, truncated.irfftn(spectrum, (8, 9), norm="forward"))
    released = non_uniform.modes_to_points(spectrum, points).reshape(2, 8, 9, 5)
    assert np.abs(released - found).max() > 0.1 * np.abs(found).max()


def test_gradients_by_values_modes_and_points():
    with jax.enable_x64(True):
        u, points = normal(0, 1, 5, 2).astype("f8"), points_in_square(3, 1, 5).astype("f8")
        spectrum = complex_normal(1, 1, 4, 3, 2).astype("c16")
        check_grads(lambda u, p: jnp.abs(non_uniform.points_to_modes(u, p, (2, 3))) ** 2, (u, points), 1, ["rev"])
        back = lambda r, i, p: non_uniform.modes_to_points(jax.lax.complex(r, i), p)  # noqa: E731
        check_grads(back, (spectrum.real, spectrum.imag, points), 1, ["rev"])


def test_layers_there_and_back_mix_each_mode_by_its_own_matrix():
    there = PointsToGrid(5, 4, MODES, (8, 9), rngs=nnx.Rngs(0))
    back = GridToPoints(4, 3, MODES, rngs=nnx.Rngs(1))
    u, points = normal(0, 2, 11, 5), points_in_square(1)

    def mixed(spectrum, mixing):
        weights = np.concatenate([mixing.positive[...], mixing.negative[...]])
        return np.einsum("bxyi,xyio->bxyo", spectrum, weights[..., 0] + 1j * weights[..., 1])

    spectrum = np.zeros((2, 8, 5, 4), complex)
    found = mixed(non_uniform.points_to_modes(u, points, MODES), there.mixing)
    spectrum[:, :3, :4], spectrum[:, -3:, :4] = found[:, :3], found[:, 3:]
    field = there(u, points)
    close(field, np.fft.irfft2(spectrum, (8, 9), axes=(1, 2)))
    kept = np.fft.rfft2(field, axes=(1, 2))[:, both_signs(3), :4]
    close(back(field, points), non_uniform.modes_to_points(mixed(kept, back.mixing), points))
    _, parameters, _ = split_module(there)
    assert all(np.min(leaf) >= 0 and 0.04 < np.max(leaf) < 1 / 20 for _, leaf in leaf_paths(parameters))


@pytest.mark.parametrize("modes, grid", [((5, 4), (8, 9)), ((3, 6), (8, 9)), ((0, 2), (8, 8))])
def test_modes_that_the_grid_has_no_room_for(modes, grid):
    with pytest.raises(ConfigError, match="at most"):
        PointsToGrid(2, 2, modes, grid, rngs=nnx.Rngs(0))


def released_network(network, points, code):
    """The formula, in float64 with NumPy."""
    linear = lambda layer, x: x @ np.float64(layer.kernel[...]) + np.float64(layer.bias[...])  # noqa: E731
    x, y = points[..., 0], points[..., 1]
    radius = np.hypot(x - 1e-4, y - 1e-4)
    features = np.stack([x, y, np.arctan2(y - 1e-4, x - 1e-4), radius], -1)
    phases = (features[..., None] * np.pi * 2.0 ** np.arange(network.width // 4)).reshape(*x.shape, -1)
    seen = np.concatenate([linear(network.features, features), np.sin(phases), np.cos(phases)], -1)
    if code is None:
        seen = linear(network.without_code, seen)
    else:
        described = linear(network.with_code, code)[:, None] + np.zeros((*x.shape, 1))
        seen = np.concatenate([described, seen], -1)
    for layer in network.hidden:
        seen = np.tanh(linear(layer, seen))
    return points + points * linear(network.output, seen)


@pytest.mark.parametrize("code", [None, normal(1, 2, 42)])
def test_the_coordinate_network(code):
    network, points = CoordinateNetwork(rngs=nnx.Rngs(0)), 3 * points_in_square(2) - 1
    _, parameters, _ = split_module(network)
    assert parameter_count(parameters) == 63_746
    expected = released_network(network, points.astype(np.float64), code)
    np.testing.assert_allclose(network(points, code), expected, atol=2e-5)


def test_a_width_without_frequencies_is_told():
    with pytest.raises(ConfigError, match="multiple of 4"):
        CoordinateNetwork(width=30, rngs=nnx.Rngs(0))
