"""Time the paper's Fourier neural operator in Darcy's setting against the released PyTorch code, in turns.

usage: LSM_SOURCE=/path/to/Latent-Spectral-Models python tests/parity/compare_speed_fno.py [repetitions]
       (needs torch; nothing else should run)

85x85 points padded by 11, width 32, 12 modes, batches of 4, float32: a prediction, and what a training step computes
but for the optimizer, the relative L2 loss and its gradients.
"""

import numpy as np
import speed

BATCH, SIDE, PADDING = 4, 85, 11
CASE = {"kind": "classic", "grid": (SIDE, SIDE), "in_channels": 1, "out_channels": 1, "width": 32, "modes": 12}
CASE["padding"] = (PADDING, PADDING)
ACTIONS = ("forward", "forward and backward")


def fields():
    """Input and target, (batch, height, width, 1) float32."""
    return np.random.default_rng(0).standard_normal((2, BATCH, SIDE, SIDE, 1)).astype(np.float32)


def theirs():
    import torch
    from generate_fno import classic, relative_l2

    torch.set_num_threads(speed.cores())
    model = classic(CASE)
    x, target = map(torch.from_numpy, fields())

    def forward():
        with torch.no_grad():
            model(x)

    def both():
        model.zero_grad(set_to_none=True)
        relative_l2(model(x), target).backward()

    return dict(zip(ACTIONS, (forward, both), strict=True))


def ours():
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from spectrax.core import freed_memory
    from spectrax.core.trees import merge_module, split_module
    from spectrax.models.fno_classic import ClassicFNO

    sizes = {key: value for key, value in CASE.items() if key != "kind"}
    graph, parameters, state = split_module(ClassicFNO(rngs=nnx.Rngs(0), **sizes))
    x, target = map(jnp.asarray, fields())

    def norm(x):
        return jnp.sqrt(jnp.sum(x.reshape(BATCH, -1) ** 2, axis=1))

    def predict(parameters):
        return merge_module(graph, parameters, state)(x, train=False)

    def loss(parameters):
        output = merge_module(graph, parameters, state)(x, train=True)
        return jnp.sum(norm(output - target) / norm(target))

    # Compiled as in training: before the first step, and what the compiler freed is given back.
    functions = [jax.jit(f).lower(parameters).compile() for f in (predict, jax.value_and_grad(loss))]
    freed_memory.give_back()
    return {name: lambda f=f: jax.block_until_ready(f(parameters)) for name, f in zip(ACTIONS, functions, strict=True)}


if __name__ == "__main__":
    speed.compare(theirs, ours, count=BATCH, unit="fields")
