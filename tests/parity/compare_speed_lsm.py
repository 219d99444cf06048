"""Time LSM-2D in the setting of its Darcy benchmark (85x85, 64 channels) against the released PyTorch code, in turns.

usage: LSM_SOURCE=/path/to/Latent-Spectral-Models python tests/parity/compare_speed_lsm.py [repetitions]
       (needs torch; nothing else should run)

How they take turns and what is reported: see `speed`.
"""

import numpy as np
import speed

BATCH = 4
CASE = {
    "kind": "2d", "in_channels": 1, "out_channels": 1, "channels": 64, "tokens": 4, "bases": 12, "grid": (85, 85),
    "patch": (6, 6), "padding": (11, 11),
}  # fmt: skip
ACTIONS = ("forward", "forward and backward")


def fields():
    """Input and target (batch, height, width, 1) float32."""
    generator = np.random.default_rng(0)
    return [generator.standard_normal((BATCH, *CASE["grid"], 1)).astype(np.float32) for _ in range(2)]


def theirs():
    """Name of the action to a function without arguments that does it once."""
    import torch
    from generate_lsm import build, relative_l2

    torch.set_num_threads(speed.cores())
    model = build(CASE)
    x, target = map(torch.from_numpy, fields())

    def forward():
        model.eval()
        with torch.no_grad():
            model(x)

    def both():
        model.train()
        model.zero_grad(set_to_none=True)
        relative_l2(model(x), target).backward()

    return dict(zip(ACTIONS, (forward, both), strict=True))


def ours():
    """The same of this code."""
    import jax
    import jax.numpy as jnp
    from test_lsm_parity import make

    from spectrax.core import freed_memory
    from spectrax.core.trees import merge_module, module_state, split_module

    graph, parameters, statistics = split_module(make(CASE))
    x, target = map(jnp.asarray, fields())

    @jax.jit
    def predict(parameters, x):
        return merge_module(graph, parameters, statistics)(x, train=False)

    @jax.jit
    def gradients(parameters, x):
        def loss(parameters):
            model = merge_module(graph, parameters, statistics)
            error = (model(x, train=True) - target).reshape(BATCH, -1)
            norms = jnp.linalg.norm(error, axis=1) / jnp.linalg.norm(target.reshape(BATCH, -1), axis=1)
            return jnp.sum(norms), module_state(model)

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    # Compiled as in training: before the first step, and what the compiler freed is given back.
    predict, gradients = (function.lower(parameters, x).compile() for function in (predict, gradients))
    freed_memory.give_back()
    return {
        "forward": lambda: jax.block_until_ready(predict(parameters, x)),
        "forward and backward": lambda: jax.block_until_ready(gradients(parameters, x)),
    }


if __name__ == "__main__":
    speed.compare(theirs, ours, count=BATCH, unit="fields")
