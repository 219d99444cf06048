"""The whole batch on eight virtual devices, in one program over a mesh and once per device: what both must give."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

DEVICES, BATCH = 8, 16


def on_eight_devices():
    """Everything that the tests compare, as JSON on standard output; run in a process of its own."""
    import functools

    import jax
    from flax import nnx

    from spectrax.core.trees import merge_module, split_module
    from spectrax.nn.normalisation import BatchNorm
    from spectrax.parallel import global_batch
    from spectrax.parallel.layout import make_layout

    x = np.random.default_rng(0).normal(size=(BATCH, 3, 4)).astype(np.float32)
    key = jax.random.key(1)
    uniform = functools.partial(global_batch.draw, jax.random.uniform)

    def normalised(scope, x):
        graph, parameters, statistics = split_module(BatchNorm(4, scope=scope))
        module = merge_module(graph, parameters, statistics)
        y = module(x, train=True)
        return y, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))

    functions = {
        "draw": lambda x: (uniform(key, x.shape), {}),
        "reverse": lambda x: (global_batch.reverse(x), {}),
        "global": functools.partial(normalised, "global"),
        "device": functools.partial(normalised, "device"),
    }
    found = {}
    layout = make_layout(data=4, fsdp=2)
    for name, function in functions.items():
        with jax.set_mesh(layout.mesh):
            found[f"jit {name}"] = jax.jit(function)(layout.put_batch(x))
        apart = jax.pmap(function, axis_name="data", out_axes=(0, None))(x.reshape(DEVICES, -1, *x.shape[1:]))
        found[f"pmap {name}"] = (apart[0].reshape(x.shape), apart[1])
    print(json.dumps(jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), {"x": x, **found})))


@pytest.fixture(scope="module")
def found():
    environment = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES}"}
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def both(found, name):
    (one, one_state), (other, other_state) = found[f"jit {name}"], found[f"pmap {name}"]
    for key in one_state:
        np.testing.assert_allclose(other_state[key], one_state[key], rtol=1e-5)
    return np.array(one), np.array(other), one_state


def test_draws_are_the_same_and_no_two_devices_share_them(found):
    one, other, _ = both(found, "draw")
    np.testing.assert_array_equal(other, one)
    assert len(np.unique(one)) == one.size


def test_the_batch_is_reversed_over_devices(found):
    one, other, _ = both(found, "reverse")
    expected = np.array(found["x"], np.float32)[::-1]
    np.testing.assert_array_equal(one.astype(np.float32), expected)
    np.testing.assert_array_equal(other.astype(np.float32), expected)


def moments(x):
    return x.mean((0, 1)), x.var((0, 1))


def test_batch_norm_takes_moments_of_the_whole_batch(found):
    x = np.array(found["x"])
    one, other, state = both(found, "global")
    mean, variance = moments(x)
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(one, expected, atol=1e-5)
    np.testing.assert_allclose(other, expected, atol=1e-5)
    count = x.size / 4
    np.testing.assert_allclose(state["variance"], 0.9 + 0.1 * variance * count / (count - 1), rtol=1e-5)


def test_batch_norm_of_each_device_when_asked(found):
    parts = np.array(found["x"]).reshape(DEVICES, -1, 3, 4)
    one, other, state = both(found, "device")
    expected = np.concatenate([(part - moments(part)[0]) / np.sqrt(moments(part)[1] + 1e-5) for part in parts])
    np.testing.assert_allclose(one, expected, atol=2e-5)
    np.testing.assert_allclose(other, expected, atol=2e-5)
    np.testing.assert_allclose(state["mean"], 0.1 * np.mean([moments(part)[0] for part in parts], 0), atol=1e-6)
    count = parts[0].size / 4
    mean_variance = np.mean([moments(part)[1] for part in parts], 0)
    np.testing.assert_allclose(state["variance"], 0.9 + 0.1 * mean_variance * count / (count - 1), rtol=1e-5)


if __name__ == "__main__":
    on_eight_devices()
