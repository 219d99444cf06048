"""Fourier transforms on one device: values, inverses, energy, gradients, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec
from random_arrays import NORMS, close, complex_normal, normal

from spectrax.ops import fourier


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft"])
@pytest.mark.parametrize("dimensions", ["", "2", "n"])
def test_values_are_those_of_numpy(name, dimensions):
    """In float64, along the default axes of a channels-last array, for all norms, and with sizes cut and padded."""
    real = name == "rfft"
    x = normal(0, 2, 6, 7, 5, 3) if real else complex_normal(0, 2, 6, 7, 5, 3)
    ours, theirs = (getattr(module, name + dimensions) for module in (fourier, np.fft))
    axes, sizes = {"": ((-2,), (9,)), "2": ((-3, -2), (9, 4)), "n": ((1, 2, 3), (4, 8, 9))}[dimensions]
    axes, sizes = ({"axis": axes[0]}, {"n": sizes[0]}) if not dimensions else ({"axes": axes}, {"s": sizes})
    exact = x.astype(np.float64 if real else np.complex128)
    found = jax.jit(lambda x: [*(ours(x, norm=norm) for norm in NORMS), ours(x, **sizes)])(x)
    for values, norm in zip(found[:-1], NORMS, strict=True):
        close(values, theirs(exact, **axes, norm=norm))
    close(found[-1], theirs(exact, **axes, **sizes))


def test_more_axes_than_xla_transforms_at_once():
    x = normal(0, 2, 4, 3, 5, 4, 2)
    close(fourier.rfftn(x), np.fft.rfftn(x.astype(np.float64), axes=(1, 2, 3, 4)))


@pytest.mark.parametrize("norm, scale", [("backward", 63), ("ortho", 1), ("forward", 1 / 63)])
def test_inverses_and_energy(norm, scale):
    @jax.jit
    def there_and_back(x):
        half, whole = fourier.rfft2(x, norm=norm), fourier.fft2(x, norm=norm)
        return whole, fourier.ifft2(whole, norm=norm).real, fourier.irfft2(half, s=(9, 7), norm=norm)

    x = normal(0, 2, 9, 7, 2)
    whole, *back = there_and_back(x)
    for field in back:
        close(field, x)
    np.testing.assert_allclose(np.sum(np.abs(whole) ** 2), scale * np.sum(x**2), rtol=1e-5)


def test_gradients_are_adjoint_and_those_of_jax():
    x, weights = normal(0, 2, 8, 6, 3), complex_normal(1, 2, 8, 4, 3)

    def loss(transform):
        return lambda x: jnp.sum(jnp.abs(transform(x) - weights) ** 2)

    ours = jax.jit(jax.grad(loss(fourier.rfft2)))(x)
    close(ours, jax.jit(jax.grad(loss(lambda x: jnp.fft.rfft2(x, axes=(1, 2)))))(x))
    # <F x, y> = <x, F' y>, F' being what pulls back (JAX's cotangents are conjugate).
    x, y = complex_normal(3, 2, 8, 6, 3), complex_normal(5, 2, 8, 6, 3)
    output, adjoint = jax.jit(lambda x, y: (fourier.fft2(x), jax.vjp(fourier.fft2, x)[1](y)[0]))(x, y)
    np.testing.assert_allclose(np.sum(output * y), np.sum(x * adjoint), rtol=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int32", "float32"])
def test_computes_in_float32(dtype):
    x = jnp.asarray(normal(0, 1, 16, 2) * 8).astype(dtype)
    y = fourier.rfft(x)
    assert y.dtype == jnp.complex64 and fourier.irfft(y).dtype == jnp.float32
    close(y, np.fft.rfft(np.asarray(x, np.float64), axis=1))


def test_float64_stays_float64():
    x = np.random.default_rng(0).standard_normal((1, 16, 2))
    with jax.enable_x64(True):
        y = fourier.rfft(x)
        assert y.dtype == jnp.complex128 and fourier.fft(x.astype(np.float32)).dtype == jnp.complex64
        np.testing.assert_allclose(y, np.fft.rfft(x, axis=1), rtol=0, atol=1e-14 * 16)


def test_where_a_program_runs_once_per_device_already():
    x = normal(0, 1, 4, 6, 2)
    expected = fourier.rfft(x[0])
    close(jax.pmap(fourier.rfft)(x)[0], expected)
    mesh = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,))
    with jax.set_mesh(mesh):
        close(jax.jit(fourier.rfft)(x[0]), expected)
        split = PartitionSpec("data")
        close(jax.jit(jax.shard_map(fourier.rfft, in_specs=split, out_specs=split))(x[0]), expected)


def test_an_axis_that_is_not_there():
    with pytest.raises(np.exceptions.AxisError):
        fourier.fft(normal(0, 4, 4), axis=2)
