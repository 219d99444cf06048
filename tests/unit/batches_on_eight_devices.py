"""Draws, a reversal and batch norms of a batch over eight devices, in one program over a mesh and once per device.

Run as a program, it prints JSON; see `test_global_batch.py`.
"""

import functools
import json

import jax
import numpy as np
from flax import nnx

from spectrax.core.trees import merge_module, split_module
from spectrax.nn.normalisation import BatchNorm
from spectrax.parallel import global_batch
from spectrax.parallel.layout import make_layout
from spectrax.tasks.erasing import erase

DEVICES, BATCH = 8, 16


def normalised(scope, x):
    graph, parameters, statistics = split_module(BatchNorm(4, scope=scope))
    module = merge_module(graph, parameters, statistics)
    y = module(x, train=True)
    return y, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))


def observe():
    """What each function returns in both ways, and the batch itself."""
    x = np.random.default_rng(0).normal(size=(BATCH, 3, 4)).astype(np.float32)
    key = jax.random.key(1)
    functions = {
        "draw": lambda x: (global_batch.draw(jax.random.uniform, key, x.shape), {}),
        "erase": lambda x: (erase(x[..., None], 0.5, key)[..., 0], {}),
        "reverse": lambda x: (global_batch.reverse(x), {}),
        "global": functools.partial(normalised, "global"),
        "device": functools.partial(normalised, "device"),
    }
    found = {"x": x}
    layout = make_layout(data=4, fsdp=2)
    for name, function in functions.items():
        with jax.set_mesh(layout.mesh):
            found[f"jit {name}"] = jax.jit(function)(layout.put_batch(x))
        apart = jax.pmap(function, axis_name="data", out_axes=(0, None))(x.reshape(DEVICES, -1, *x.shape[1:]))
        found[f"pmap {name}"] = (apart[0].reshape(x.shape), apart[1])
    return jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), found)


if __name__ == "__main__":
    print(json.dumps(observe()))
