"""Learning-rate schedules: each takes its shape from yaml and the length of the run from the trainer.

A schedule here is a function `(total_steps, steps_per_epoch) -> optax.Schedule`; yaml binds the rest with `_partial_`.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spectrax.core.errors import ConfigError


def constant(*, peak: float, total_steps: int, steps_per_epoch: float) -> optax.Schedule:
    """The learning rate `peak` throughout."""
    return optax.constant_schedule(peak)


def warmup_cosine(
    *,
    peak: float,
    end: float = 0.0,
    start: float = 0.0,
    warmup_steps: int | None = None,
    warmup_epochs: float | None = None,
    total_steps: int,
    steps_per_epoch: float,
) -> optax.Schedule:
    """Linear from `start` to `peak` over the warm-up, then half a cosine down to `end` at the last step.

    Source: Loshchilov & Hutter, "SGDR", ICLR 2017 (one cycle), with the usual linear warm-up.

    Raises:
        ConfigError: when the warm-up is given twice.
    """
    if warmup_steps is not None and warmup_epochs is not None:
        raise ConfigError("schedule.warmup_steps and schedule.warmup_epochs are both set. Set one of them to null.")
    warmup = warmup_steps if warmup_steps is not None else round((warmup_epochs or 0) * steps_per_epoch)
    warmup = min(warmup, total_steps)
    if warmup == 0:
        return optax.cosine_decay_schedule(peak, max(total_steps, 1), alpha=end / peak if peak else 0.0)
    return optax.warmup_cosine_decay_schedule(start, peak, warmup, max(total_steps, warmup + 1), end)


def warmup_cosine_epochs(
    *,
    peak: float,
    end: float = 0.0,
    start: float = 0.0,
    warmup_epochs: int | None = None,
    lag: bool = True,
    total_steps: int,
    steps_per_epoch: float,
) -> optax.Schedule:
    """One rate for each epoch, as timm's scheduler gives: linear from `start`, then the rest of a half cosine over all
    epochs of the run, from `peak` to `end`, which the warm-up does not put off.

    Args:
        lag: the rate changes after an epoch, by that epoch's number: the first two epochs have the first rate. False:
            every epoch has its own.

    Raises:
        ConfigError: when the warm-up is no number of epochs.
    """
    warmup = warmup_epochs or 0
    if warmup < 0 or warmup != int(warmup):
        raise ConfigError(f"schedule.warmup_epochs={warmup} must be a whole number, 0 or more.")
    # A run's last step rounds its epochs up; the number that was asked for is the whole one below.
    epochs = max(1, math.floor(total_steps / steps_per_epoch + 1e-9))
    count = max(epochs, math.ceil(total_steps / steps_per_epoch)) + 1

    def rate(epoch: int) -> float:
        if epoch < warmup:
            return start + epoch * (peak - start) / warmup
        return end + 0.5 * (peak - end) * (1 + math.cos(math.pi * min(epoch, epochs) / epochs))

    rates = np.array([rate(max(0, epoch - 1) if lag else epoch) for epoch in range(count)], np.float32)
    # An epoch begins with the first step whose first example belongs to it.
    begins = np.array([math.ceil(epoch * steps_per_epoch - 1e-9) for epoch in range(1, count)], np.int32)

    def schedule(step: jax.typing.ArrayLike) -> jax.Array:
        return jnp.asarray(rates)[jnp.searchsorted(begins, step, side="right")]

    return schedule


def steps(
    *,
    peak: float,
    factor: float = 0.1,
    milestones: list[float] | None = None,
    total_steps: int,
    steps_per_epoch: float,
) -> optax.Schedule:
    """`peak`, multiplied by `factor` at each milestone; milestones are fractions of the run, such as [0.5, 0.75]."""
    boundaries = {round(fraction * total_steps): factor for fraction in (milestones or [])}
    return optax.piecewise_constant_schedule(peak, boundaries)


def step_epochs(
    *,
    peak: float,
    factor: float = 0.5,
    every_epochs: int = 100,
    total_steps: int,
    steps_per_epoch: float,
) -> optax.Schedule:
    """`peak`, multiplied by `factor` after every `every_epochs` epochs, as PyTorch's StepLR called once per epoch.

    Raises:
        ConfigError: when `every_epochs` is no number of epochs.
    """
    if every_epochs < 1 or every_epochs != int(every_epochs):
        raise ConfigError(f"schedule.every_epochs={every_epochs} must be a whole number, 1 or more.")
    count = math.ceil(total_steps / (every_epochs * steps_per_epoch))
    rates = np.array([peak * factor**number for number in range(count + 1)], np.float32)
    # An epoch begins with the first step whose first example belongs to it.
    begins = [math.ceil(number * every_epochs * steps_per_epoch - 1e-9) for number in range(1, count + 1)]
    begins = np.array(begins, np.int32)

    def schedule(step: jax.typing.ArrayLike) -> jax.Array:
        return jnp.asarray(rates)[jnp.searchsorted(begins, step, side="right")]

    return schedule


def in_float32(schedule: optax.Schedule) -> optax.Schedule:
    """The schedule with its values as float32, also where it gives whole numbers, as `schedule.peak=3` has it do."""
    return lambda step: jnp.asarray(schedule(step), jnp.float32)
