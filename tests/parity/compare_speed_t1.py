"""Time a training step of T1's Navier-Stokes setting against the released PyTorch code, in turns.

usage: KAIROS_SOURCE=/path/to/kairos [BATCH=64] python tests/parity/compare_speed_t1.py [repetitions]
       (needs torch, einops and hydra-core; nothing else should run)

64x64 fields, 24 modes, width 48, 8 layers, GELU, no inverse; relative L2 of the coefficients, AdamW; the recipe's batch
of 64 unless another is said. How they take turns and what is reported: see `speed`.
"""

import os

import speed

BATCH = int(os.environ.get("BATCH", "64"))
ACTIONS = ("forward", "training step")
CASE = {
    "grid": [64, 64], "in_channels": 1, "out_channels": 1, "modes": 24, "width": 48, "depth": 8, "padding": 0,
    "activation": "gelu", "residual": True, "keep_high": "none", "output": "spectrum", "weight_init": 1,
}  # fmt: skip


def data():
    import numpy as np

    generator = np.random.default_rng(0)
    return generator.standard_normal((2, BATCH, 64, 64)).astype(np.float32)


def theirs():
    """Name of the action to a function without arguments that does it once."""
    import torch
    from generate_t1 import build

    x, target = map(torch.from_numpy, data())
    model, x, target = speed.torch_placed(build("gelu", CASE, filled=False), x, target)
    from src.utils.numerics import dct2d

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)

    def forward():
        with torch.no_grad():
            for _ in range(speed.ROUNDS):
                model(x)
        speed.torch_waited()

    def step():
        for _ in range(speed.ROUNDS):
            update()
        speed.torch_waited()

    def update():
        optimizer.zero_grad(set_to_none=True)
        coefficients = dct2d(target, norm="ortho")
        norm = lambda array: torch.linalg.norm(array.flatten(1), dim=1)  # noqa: E731
        (norm(model(x) - coefficients) / norm(coefficients)).mean().backward()
        optimizer.step()

    return dict(zip(ACTIONS, (forward, step), strict=True))


def ours():
    """The same of this code."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    from spectrax.core import freed_memory
    from spectrax.core.trees import merge_module, split_module
    from spectrax.models.t1 import T1
    from spectrax.ops import cosine

    graph, parameters, _ = split_module(T1(**CASE, rngs=nnx.Rngs(0)))
    optimizer = optax.adamw(1e-3, weight_decay=1e-4)
    x, target = (jnp.asarray(array[..., None]) for array in data())

    def predict(parameters, x):
        return merge_module(graph, parameters, {})(x)

    def update(state, x, target):
        parameters, moments = state

        def loss(parameters):
            coefficients = cosine.dctn(target, norm="ortho")
            norm = lambda array: jnp.sqrt(jnp.sum(array**2, (1, 2, 3)))  # noqa: E731
            return jnp.mean(norm(predict(parameters, x) - coefficients) / norm(coefficients))

        value, gradients = jax.value_and_grad(loss)(parameters)
        updates, moments = optimizer.update(gradients, moments, parameters)
        return (optax.apply_updates(parameters, updates), moments), value

    state = [(parameters, optimizer.init(parameters))]
    del parameters
    # Compiled as in training: before the first step, and what the compiler freed is given back.
    predict_compiled = jax.jit(predict).lower(state[0][0], x).compile()
    update_compiled = jax.jit(update, donate_argnums=0).lower(state[0], x, target).compile()
    freed_memory.give_back()

    def step():
        state[0], value = update_compiled(state[0], x, target)
        return value

    actions = (lambda: predict_compiled(state[0][0], x), step)
    return dict(zip(ACTIONS, map(speed.repeated, actions), strict=True))


if __name__ == "__main__":
    speed.compare(theirs, ours, count=BATCH, unit="fields")
