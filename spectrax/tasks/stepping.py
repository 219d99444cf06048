"""A model applied to its own outputs again and again."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx


def advance(
    model: nnx.Module,
    window: jax.Array,
    steps: int,
    *,
    train: bool,
    key: jax.Array | None,
    remat: bool = False,
    gradient: bool = True,
    looped: bool = False,
    increments: bool = False,
) -> jax.Array:
    """The frames that follow a window, from the model's own predictions.

    Running statistics move from step to step, as when the model is called by hand.

    Args:
        model: (batch, *space, frames) -> (batch, *space, new frames), fewer or as many.
        window: (batch, *space, frames).
        key: each step draws with a key of its own; None where nothing is drawn.
        remat: recompute activations in the backward pass; what is kept of a step is its window. On the CPU XLA undoes
            this unless it is `looped`.
        gradient: False: none goes through, nor is anything kept for one.
        looped: the steps are one loop of the compiled program, whose size does not grow with their number. XLA's loops
            are slow on the CPU: convolutions in them take several times as long.
        increments: what the model gives is added to the window's last frame.

    Returns:
        (batch, *space, steps x new frames) float32.
    """
    frames = window.shape[-1]
    # The structure stays outside; what a call may change is carried from step to step.
    graph, parameters, rest = nnx.split(model, nnx.Param, ...)
    if not gradient:
        parameters, window = jax.lax.stop_gradient((parameters, window))

    def step(carry: tuple[jax.Array, Any], number: jax.Array) -> tuple[tuple[jax.Array, Any], jax.Array]:
        window, rest = carry
        inner = nnx.merge(graph, parameters, rest, copy=True)
        own = None if key is None else jax.random.fold_in(key, number)
        output = inner(window, train=train, key=own).astype(jnp.float32)
        output = window[..., -1:] + output if increments else output
        window = jnp.concatenate([window, output.astype(window.dtype)], -1)[..., -frames:]
        return (window, nnx.state(inner, nnx.Not(nnx.Param))), output

    run = jax.checkpoint(step, prevent_cse=not looped) if remat else step
    if looped:
        (_, rest), outputs = jax.lax.scan(run, (window, rest), jnp.arange(steps))
        # (steps, batch, *space, new): the batch leads again before axes are merged.
        outputs = jnp.moveaxis(outputs, 0, -2)
        block = outputs.reshape(*outputs.shape[:-2], -1)
    else:
        carry, outputs = (window, rest), []
        for number in range(steps):
            carry, output = run(carry, number)
            outputs.append(output)
        rest, block = carry[1], jnp.concatenate(outputs, -1)
    nnx.update(model, rest)
    return block
