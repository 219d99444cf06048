"""What SVT's spectral layers move between eight devices in a gradient step; run as a program, prints JSON."""

import collections
import json

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec

from spectrax.core.trees import merge_module, split_module
from spectrax.diagnostics.collectives import collectives
from spectrax.models.svt_mixers import spectral_mixer
from spectrax.parallel.layout import BATCH_AXES, make_layout

LAYERS = ("dtcwt", "fourier", "fno", "wavelet", "ffc")
GRID, CHANNELS = (6, 5), 8
LAYOUTS = {"data": {"data": 8}, "all three axes": {"data": 2, "fsdp": 2, "model": 2}}


def moved(layer, layout, batch):
    """Bytes on one device by kind of collective, for the layer's value and both its gradients."""
    make = lambda: spectral_mixer(layer, "channel_token", CHANNELS, GRID, dtype="float32", rngs=nnx.Rngs(0))  # noqa: E731
    graph, *state = split_module(nnx.eval_shape(make))
    split = NamedSharding(layout.mesh, PartitionSpec(BATCH_AXES))

    def step(parameters, statistics, x):
        loss = lambda p, x: jnp.sum(merge_module(graph, p, statistics)(x) ** 2)  # noqa: E731
        _, (gradients, back) = jax.value_and_grad(loss, (0, 1))(parameters, x)
        return gradients, jax.lax.with_sharding_constraint(back, split)

    whole = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=layout.whole), state)
    x = jax.ShapeDtypeStruct((batch, *GRID, CHANNELS), jnp.float32, sharding=split)
    totals = collections.Counter()
    with jax.set_mesh(layout.mesh):
        for one in collectives(jax.jit(step).lower(*whole, x).compile().as_text()):
            totals[one.kind] += one.total_bytes
    return dict(totals)


def main():
    layouts = {name: make_layout(**sizes) for name, sizes in LAYOUTS.items()}
    return {
        layer: {name: [moved(layer, layout, batch) for batch in (8, 16)] for name, layout in layouts.items()}
        for layer in LAYERS
    }


if __name__ == "__main__":
    print(json.dumps(main()))
