"""Tasks of fields over eight devices: what a step and an evaluation gather, and what they give; prints JSON.

Run as a program; see `test_fields_on_eight_devices.py`.
"""

import json

import jax
import jax.flatten_util
import numpy as np
from flax import nnx

from spectrax.core.trees import merge_module, split_module
from spectrax.diagnostics.collectives import collectives
from spectrax.ops import cosine
from spectrax.parallel import global_batch
from spectrax.parallel.layout import make_layout
from spectrax.tasks.operator_learning import OperatorLearning
from spectrax.tasks.roll_out import RollOut

BATCH, GRID, FRAMES = 16, (8, 6), 3
PERIODIC = {"periodic": True, "bands": (1, 2)}
TASKS = {
    "h1, sum": OperatorLearning(objective="h1", reduction="sum", **PERIODIC),
    "h1 by differences": OperatorLearning(objective="h1", bands=(1, 2)),
    "cosine": OperatorLearning(compare_in="cosine", evaluate_with_batch_statistics=True),
    "unrolled": RollOut(reduction="sum", quantities="vorticity", **PERIODIC),
    "looped": RollOut(looped=True, remat=True, pushed_noise=0.1, **PERIODIC),
    "push_forward": RollOut(training="push_forward", pushed_noise=0.1, **PERIODIC),
}


class Pointwise(nnx.Module):
    """A product at every point, in space or, of coefficients, on the cosine transform."""

    def __init__(self, out_channels, spectral):
        self.mix = nnx.Linear(FRAMES, out_channels, rngs=nnx.Rngs(0))
        self.spectral = spectral

    def __call__(self, x, *, train, key=None):
        return self.mix(cosine.dctn(x, norm="ortho") if self.spectral else x)


def model(task):
    return split_module(Pointwise(1 if isinstance(task, RollOut) else FRAMES, task.compare_in == "cosine"))


def fields(batch):
    generator = np.random.default_rng(0)
    draw = lambda: generator.normal(size=(batch, *GRID, FRAMES)).astype(np.float32)  # noqa: E731
    return {"input": draw(), "target": draw(), "mask": np.arange(batch) < batch - 3}


def step(task, graph, statistics):
    """The loss and its gradient, over the whole batch however it is split."""

    def run(parameters, batch):
        module = lambda parameters: merge_module(graph, parameters, statistics)  # noqa: E731
        loss = lambda parameters: task.loss("main", module(parameters), batch, {}, jax.random.key(0))[0]  # noqa: E731
        return global_batch.mean(jax.value_and_grad(loss)(parameters))

    return run


def observe(task, layout):
    graph, parameters, statistics = model(task)
    evaluate = lambda parameters, batch: task.metrics(merge_module(graph, parameters, statistics), batch)  # noqa: E731
    train, gathered = step(task, graph, statistics), {}
    with jax.set_mesh(layout.mesh):
        for name, function in (("step", train), ("evaluation", evaluate)):
            sizes = []
            for batch in (BATCH, 2 * BATCH):
                compiled = jax.jit(function, out_shardings=layout.whole).lower(
                    parameters, layout.put_batch(fields(batch))
                )
                found = collectives(compiled.compile().as_text())
                sizes.append(sum(one.total_bytes for one in found if one.kind != "all-reduce"))
            gathered[name] = sizes
        together = jax.jit(train, out_shardings=layout.whole)(parameters, layout.put_batch(fields(BATCH)))
        totals = jax.jit(evaluate, out_shardings=layout.whole)(parameters, layout.put_batch(fields(BATCH)))
    parts = jax.tree.map(lambda leaf: leaf.reshape(8, -1, *leaf.shape[1:]), fields(BATCH))
    apart = jax.pmap(train, axis_name="data", in_axes=(None, 0), out_axes=None)(parameters, parts)
    alone = jax.jit(train)(parameters, fields(BATCH))
    ways = {"mesh": together, "pmap": apart, "one device": alone}
    both = (totals, jax.jit(evaluate)(parameters, fields(BATCH)))
    return {
        "gathered": gathered,
        "ways": {name: [float(value) for value in jax.flatten_util.ravel_pytree(one)[0]] for name, one in ways.items()},
        "metrics": [task.reduce(jax.device_get(found)) for found in both],
    }


if __name__ == "__main__":
    layout = make_layout(data=4, fsdp=2)
    print(json.dumps({name: observe(task, layout) for name, task in TASKS.items()}))
