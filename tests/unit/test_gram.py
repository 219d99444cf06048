"""Gram matrices: sums of chunks, batches and devices are those of the whole, in float64 and in compensated float32."""

import gram_on_eight_devices
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from eight_devices import told_by

from spectrax.core.errors import ConfigError
from spectrax.estimators import gram
from spectrax.estimators.accumulation import accumulate
from spectrax.estimators.dictionaries.fourier import Fourier
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.precision import double_precision
from spectrax.estimators.snapshots import Pairs, Stream
from spectrax.parallel.layout import make_layout

GENERATOR = np.random.default_rng(0)
TRAJECTORY = GENERATOR.uniform(-1, 1, (257, 2))
PARTS = ("G", "A", "L", "state")


def direct(dictionary, pairs, weights):
    with double_precision():
        px, py = (np.asarray(dictionary(jnp.asarray(states))) for states in (pairs.x, pairs.y))
    left = px.conj().T * weights
    return {"G": left @ px, "A": left @ py, "L": (py.conj().T * weights) @ py, "state": left @ pairs.x}


@pytest.mark.parametrize("dictionary", [Monomials(3, 2), Fourier(2, 2)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("along", [False, True])  # a trajectory, whose images are the next states
def test_chunks_add_up_to_the_whole(dictionary, weighted, along):
    y = TRAJECTORY[1:] if along else GENERATOR.uniform(-1, 1, (256, 2))
    weights = GENERATOR.uniform(0.1, 1.0, 256) if weighted else np.full(256, 1 / 256)
    pairs = Pairs(TRAJECTORY[:-1], y, weights if weighted else None)
    wanted = direct(dictionary, pairs, weights)
    layouts = [None, make_layout(data=1, devices=jax.devices()[:1])]
    for found in [accumulate(dictionary, pairs, chunk=100, layout=layout) for layout in layouts]:
        assert found.count == 256
        for part in PARTS:
            np.testing.assert_allclose(getattr(found, part), wanted[part], rtol=0, atol=1e-13 * abs(wanted[part]).max())


def test_batches_add_up_to_the_whole():
    trajectories = [TRAJECTORY[:100], TRAJECTORY[100:103], TRAJECTORY[103:]]
    whole = accumulate(Monomials(2, 2), Pairs.of_trajectories(trajectories))
    for source in (Stream(trajectories, size=40), (pairs for pairs in Stream(trajectories, size=40))):
        found = accumulate(Monomials(2, 2), source, chunk=16)
        assert found.count == whole.count
        for part in PARTS:
            np.testing.assert_allclose(getattr(found, part), getattr(whole, part), rtol=0, atol=1e-14)


def test_eight_devices_give_what_one_gives(tmp_path_factory):
    told = told_by(gram_on_eight_devices, tmp_path_factory)
    assert len(told) == 12
    for name, found in told.items():
        assert found["difference"] <= 1e-12, name
        assert found["count"] == 0 and abs(found["weight"]) < 1e-12, name


def test_what_float32_loses_is_kept():
    """Sums of equal numbers: those of float32 go wrong in the end, with what is lost beside them they do not."""
    rows, steps = 64, 400
    values = np.full((rows, 1), 1.5, np.float32)

    def total(compensated):
        state = gram.empty(1, 1, np.float32, compensated=True)
        state = state if compensated else gram.GramState(**{**vars(state), "lost": {}})
        big = gram.update(state, np.full_like(values, 4096), values, values)  # exact: 2^30
        found, _ = jax.lax.scan(lambda s, _: (gram.update(s, values, values, values), None), big, None, steps)
        return found.means(weighted=True).G[0, 0]

    exact = rows * (4096.0**2 + steps * 1.5**2)  # a step adds 144 to what float32 tells apart by 128
    assert total(True) == exact
    assert abs(total(False) / exact - 1) > 1e-6


def test_compensated_sums_come_near_those_of_float64():
    pairs = Pairs(TRAJECTORY[:-1], TRAJECTORY[1:])
    wanted = accumulate(Monomials(3, 2), pairs)
    found = accumulate(Monomials(3, 2), pairs, chunk=16, precision="compensated")
    assert found.G.dtype == np.float64
    for part in PARTS:
        np.testing.assert_allclose(getattr(found, part), getattr(wanted, part), rtol=0, atol=2e-7)


def test_merging_is_adding():
    with double_precision():
        px, py, x = (jnp.asarray(GENERATOR.standard_normal((20, n))) for n in (3, 3, 2))
        zero = gram.empty(3, 2)
        both = gram.update(gram.update(zero, px[:8], py[:8], x[:8]), px[8:], py[8:], x[8:])
        merged = gram.merge(gram.update(zero, px[:8], py[:8], x[:8]), gram.update(zero, px[8:], py[8:], x[8:]))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-14), both, merged)
        assert int(merged.count) == 20 and float(merged.weight) == 20.0


def test_progress_counts_pairs(capsys):
    accumulate(Monomials(1, 2), Stream([TRAJECTORY], size=64), progress=True)
    assert capsys.readouterr().out.endswith("Pairs: 256 of 256\n")


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: gram.empty(2, 1, np.float32), "lose all small singular values"),
        (lambda: accumulate(Monomials(1, 2), iter([])), "no pairs"),
        (lambda: accumulate(Monomials(200, 1), Pairs([[1e3]], [[1e3]])), "not finite"),
        (
            lambda: accumulate(Monomials(1, 1), iter([Pairs([[1.0]], [[1.0]]), Pairs([[1.0]], [[1.0]], [1.0])])),
            "weights",
        ),
        (lambda: accumulate(Monomials(1, 1), Pairs([[1.0]], [[1.0]]), precision="float16"), "none of: float64"),
    ],
)
def test_what_makes_no_sense_is_told(make, told):
    with pytest.raises(ConfigError, match=told):
        make()


@pytest.mark.parametrize("layout", [None, make_layout(data=1, devices=jax.devices()[:1])])
def test_images_that_nobody_wants_are_left_out(layout):
    pairs = Pairs(TRAJECTORY[:-1], TRAJECTORY[1:])
    whole, part = (accumulate(Monomials(2, 2), pairs, layout=layout, images=images) for images in (True, False))
    assert part.L is None
    for name in ("G", "A", "state"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))
