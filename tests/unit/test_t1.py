"""T1 and T1U: resolution, truncation, initial variance, switches; the polynomial sine; the U-Net's sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.fft
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.core.trees import merge_module, split_module
from spectrax.models.dfp_net import PLANS, _interpolation
from spectrax.models.t1 import T1
from spectrax.models.t1u import T1U
from spectrax.nn.mode_mixing import ModeMixing, left_product
from spectrax.nn.sine import cosine, sine

SMALL = {
    "grid": [16, 16], "in_channels": 1, "out_channels": 2, "modes": 6, "width": 8, "depth": 3, "head_scale": 0.1,
    "weight_init": "variance_preserving",
}  # fmt: skip


def small(**changes):
    return T1(**{**SMALL, **changes}, rngs=nnx.Rngs(0))


def apply(model, x):
    graph, parameters, statistics = split_module(model)
    return np.asarray(jax.jit(lambda p, s, x: merge_module(graph, p, s)(x, train=False))(parameters, statistics, x))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def band_limited(height, width, modes=6, batch=2):
    """The same fields (batch, height, width, 1) on any grid: sums of cosines at the centres of its cells."""
    coefficients = np.random.default_rng(1).standard_normal((batch, modes, modes))
    rows, columns = (
        np.cos(np.pi * np.arange(modes) * (np.arange(size)[:, None] + 0.5) / size) for size in (height, width)
    )
    return jnp.asarray(np.einsum("bpq,xp,yq->bxy", coefficients, rows, columns)[..., None], jnp.float32)


@pytest.mark.parametrize("changes", [{}, {"keep_high": "all"}, {"modes": [6, 5]}])
def test_a_finer_grid_gives_the_same_field(changes):
    """The coefficients of a band-limited field, and so the results, are those of training; only the samples differ."""
    model = small(**changes, output="field")
    coarse, fine = (apply(model, band_limited(*size)) for size in ((16, 16), (48, 32)))
    spectra = [scipy.fft.dctn(y, axes=(1, 2), norm="forward")[:, :16, :16] for y in (coarse, fine)]
    assert np.abs(spectra[0] - spectra[1]).max() < 1e-4 * spectra[0].std()


def test_without_the_scale_of_training_another_grid_gives_another_field():
    model = small(invariant=False, output="field")
    coarse, fine = (apply(model, band_limited(*size)) for size in ((16, 16), (32, 32)))
    spectra = [scipy.fft.dctn(y, axes=(1, 2), norm="forward")[:, :6, :6] for y in (coarse, fine)]
    assert np.abs(spectra[0] - spectra[1]).max() > 0.1 * spectra[0].std()


def test_padding_is_the_same_part_of_a_finer_grid_and_may_be_taken_off_again():
    """Zeros after a field make a jump, which every grid samples otherwise: results converge as grids grow finer."""
    left, taken_off = (small(padding=4, crop=crop, output="field") for crop in (False, True))
    coarse, middle, fine = (apply(left, band_limited(size, size)) for size in (16, 32, 128))
    assert coarse.shape == (2, 20, 20, 2) and fine.shape == (2, 160, 160, 2)
    spectra = [scipy.fft.dctn(y, axes=(1, 2), norm="forward")[:, :6, :6] for y in (coarse, middle, fine)]
    far, near = (np.abs(spectrum - spectra[2]).max() for spectrum in spectra[:2])
    assert near < 0.6 * far < 0.3 * spectra[2].std()
    np.testing.assert_array_equal(apply(taken_off, band_limited(16, 16)), coarse[:, :16, :16])


@pytest.mark.parametrize("padding", [0, 3])
def test_a_field_is_the_inverse_of_the_spectrum(padding):
    x = noise(2, 16, 12, 1)
    spectrum, field = (apply(small(grid=[16, 12], padding=padding, output=o), x) for o in ("spectrum", "field"))
    assert spectrum.shape == (2, 16 + padding, 12 + padding, 2)
    assert not spectrum[:, 6:].any() and not spectrum[:, :, 6:].any() and spectrum[:, :6, :6].all()
    np.testing.assert_allclose(scipy.fft.idctn(spectrum, axes=(1, 2), norm="ortho"), field, atol=1e-5)


def test_what_is_kept_beyond_the_modes_is_the_input_s():
    """All of it or, as released, all but the last rows; with as many modes as samples the three are the same."""
    x = noise(2, 16, 12, 1)
    found = {keep: apply(small(grid=[16, 12], keep_high=keep), x) for keep in ("none", "released", "all")}
    block = (slice(None), slice(6), slice(6))
    for keep, spectrum in found.items():
        np.testing.assert_allclose(spectrum[block], found["none"][block], rtol=1e-4, atol=1e-5, err_msg=keep)
    assert not found["none"][:, 6:].any() and not found["released"][:, -6:, :6].any()
    assert found["all"][:, -6:, :6].all() and found["released"][:, 6:-6, :6].all()
    np.testing.assert_array_equal(found["all"][:, :, 6:], found["released"][:, :, 6:])
    whole = [apply(small(grid=[6, 6], keep_high=keep), noise(1, 6, 6, 1)) for keep in ("none", "released", "all")]
    np.testing.assert_allclose(whole[1], whole[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(whole[1], whole[2])


@pytest.mark.parametrize("activation", ["gelu", "sin"])
def test_the_variance_preserving_weights_preserve_the_variance_through_eight_residual_layers(activation):
    layers, z = residual_stack("variance_preserving", activation)
    deviations = [float(jnp.std(z)), *(float(jnp.std(z := layer(z))) for layer in layers)]
    growth = np.array(deviations[1:]) / deviations[0]
    assert (growth > 0.98).all() and (growth < 1.08).all(), growth
    assert growth[-1] > 1.003  # the layers do something


def test_the_released_weights_of_that_name_do_not():
    layers, z = residual_stack(2, "gelu")
    before = float(jnp.std(z))
    for layer in layers:
        z = layer(z)
    assert float(jnp.std(z)) > 100 * before


def residual_stack(weight_init, activation):
    """Eight layers, of half the Navier-Stokes experiment's size, and coefficients (channels, rows, columns, batch)."""
    rngs, modes = nnx.Rngs(0), (12, 12)
    options = {"activation": activation, "residual": True, "resolution": (32, 32), "depth": 8, "rngs": rngs}
    layers = [ModeMixing(32, modes, weight_init=weight_init, **options) for _ in range(8)]
    return layers, jax.random.normal(jax.random.key(1), (32, *modes, 4))


def test_learning_starts_from_a_head_of_nearly_nothing():
    """At 1e-8 the first gradients are far below Adam's epsilon, and it must get away from there."""
    model = small(head_scale=1e-8, out_channels=1, weight_init="variance_preserving")
    graph, parameters, _ = split_module(model)
    x, optimizer = band_limited(16, 16), optax.adamw(1e-2, weight_decay=1e-4)
    target = scipy.fft.dctn(np.asarray(jnp.roll(x, 3, 1)), axes=(1, 2), norm="ortho")

    def loss(parameters):
        difference = merge_module(graph, parameters, {})(x) - target
        norms = [jnp.sqrt(jnp.sum(array**2, (1, 2, 3))) for array in (difference, jnp.asarray(target))]
        return jnp.mean(norms[0] / norms[1])

    @jax.jit
    def step(parameters, state):
        value, gradients = jax.value_and_grad(loss)(parameters)
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state, value

    state, values = optimizer.init(parameters), []
    for _ in range(100):
        parameters, state, value = step(parameters, state)
        values.append(float(value))
    assert values[0] == pytest.approx(1, abs=1e-4) and values[-1] < 0.5, values[::10]


def test_first_layer_init_only_leaves_the_others_at_formula_4():
    model = small(weight_init=2, first_layer_init_only=True)
    first, *others = (float(jnp.std(layer.across_channels[...])) for layer in model.layers)
    assert first == pytest.approx((16 * 16 / 36 / 8) ** 0.5, rel=0.1)
    assert others == pytest.approx([8**-0.5] * 2, rel=0.1)


def test_bfloat16_is_near():
    x = noise(2, 16, 16, 1)
    exact, rough = (apply(small(dtype=dtype), x) for dtype in ("float32", "bfloat16"))
    assert rough.dtype == np.float32
    assert 1e-4 < np.abs(rough - exact).max() / np.abs(exact).max() < 0.1


@pytest.mark.parametrize("shared", [0, 1, 2])
def test_gradients_of_the_product_are_those_of_automatic_differentiation(shared):
    axes = (2, 4)[:shared]
    matrices, x, weight = noise(*axes, 3, 5), noise(*axes, 5, 6, 7, seed=1), noise(*axes, 3, 6, 7, seed=2)
    plain = lambda matrices, x: jnp.einsum("...oi,...ixb->...oxb", matrices, x)  # noqa: E731
    ours, theirs = (
        jax.value_and_grad(lambda *both, f=f: jnp.sum(f(*both) * weight), (0, 1))(matrices, x)
        for f in (lambda matrices, x: left_product(matrices, x, shared), plain)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 30.0, 1e4])
def test_the_sine_and_its_derivative(scale):
    x = scale * noise(10_000)
    value, derivative = jax.jit(lambda x: jax.jvp(sine, (x,), (jnp.ones_like(x),)))(x)
    np.testing.assert_allclose(value, np.sin(x.astype(np.float64)), rtol=2e-7, atol=2e-7 * min(scale, 1))
    np.testing.assert_allclose(derivative, np.cos(x.astype(np.float64)), rtol=0, atol=2e-7)
    second = jax.jit(lambda x: jax.jvp(cosine, (x,), (jnp.ones_like(x),)))(x)
    np.testing.assert_allclose(second[0], derivative, rtol=0, atol=2e-7)
    np.testing.assert_allclose(second[1], -value, rtol=0, atol=2e-7)


def test_the_sine_far_beyond_the_range_of_its_reduction_stays_one():
    value = np.asarray(sine(jnp.asarray([1e9, -1e20, 3e38, np.inf, np.nan], jnp.float32)))
    assert (np.abs(value[:3]) <= 1 + 1e-6).all() and np.isnan(value[3:]).all()


def test_t1u_gives_the_field_whose_spectrum_it_gives():
    sizes = {"grid": [30, 28], "in_channels": 2, "out_channels": 3, "modes": 24, "channel_exponent": 1}
    spectrum, field = (
        apply(T1U(**sizes, output=output, rngs=nnx.Rngs(0)), noise(2, 30, 28, 2)) for output in ("spectrum", "field")
    )
    assert not spectrum[:, 24:].any() and not spectrum[:, :, 24:].any() and spectrum[:, :24, :24].any()
    np.testing.assert_allclose(scipy.fft.idctn(spectrum, axes=(1, 2), norm="ortho"), field, atol=1e-5)


def test_t1u_on_a_finer_grid_and_without_its_layer():
    sizes = {"grid": [24, 24], "in_channels": 1, "out_channels": 1, "modes": 24, "channel_exponent": 0}
    model = T1U(**sizes, output="field", operator_layer=False, rngs=nnx.Rngs(0))
    coarse, fine = (apply(model, band_limited(size, size)) for size in (24, 48))
    spectra = [scipy.fft.dctn(y, axes=(1, 2), norm="forward")[:, :24, :24] for y in (coarse, fine)]
    np.testing.assert_allclose(spectra[0], spectra[1], atol=1e-5 * np.abs(spectra[0]).max())


@pytest.mark.parametrize("modes", PLANS)
def test_every_u_net_gives_back_the_size_it_takes(modes):
    make = lambda x: T1U(  # noqa: E731
        grid=[modes, modes + 4], in_channels=1, out_channels=2, modes=modes, channel_exponent=0, rngs=nnx.Rngs(0)
    )(x, train=True)
    assert jax.eval_shape(make, jnp.ones((2, modes, modes + 4, 1))).shape == (2, modes, modes + 4, 2)


def test_interpolation_is_linear_between_centres_and_constant_beyond():
    matrix = _interpolation(4, 3)
    line = matrix @ np.arange(4.0)
    np.testing.assert_allclose(line[1:-1], np.linspace(0, 3, 10), atol=1e-12)
    np.testing.assert_allclose([line[0], line[-1]], [0, 3], atol=1e-12)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: small(modes=17), r"model\.modes=\[17, 17\] cannot be kept"),
        (lambda: small(modes=[6, 6, 6]), "one for each of the two axes"),
        (lambda: small(grid=[16]), "two axes"),
        (lambda: small(activation="relu"), "model.activation='relu' is none of: sin, gelu"),
        (lambda: small(weight_init=5), "model.weight_init=5 is none of"),
        (lambda: small(keep_high="some"), "model.keep_high"),
        (lambda: small(output="both"), "model.output"),
        (lambda: small(padding=-1), "model.padding=-1"),
        (lambda: apply(small(padding=3), noise(1, 18, 16, 1)), "no whole number of samples"),
        (lambda: apply(small(), noise(1, 5, 16, 1)), "cannot be kept of a field of"),
        (
            lambda: T1U(grid=[64, 64], in_channels=1, out_channels=1, modes=32, channel_exponent=1, rngs=nnx.Rngs(0)),
            "no U-Net for 32 modes. Take one of: 24, 36",
        ),
    ],
)
def test_mistakes_are_sentences(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
