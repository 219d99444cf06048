"""Slower ways to run that show more: `trainer.debug=nans`, `profile` or `eager`.

Each is the usual program with another way to take steps; the loop does not know which one it has.
"""

import contextlib
import dataclasses
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core import randomness, trees
from spectrax.core.errors import NonFiniteLoss
from spectrax.core.module_calls import watched
from spectrax.training import finite
from spectrax.training.program import Program
from spectrax.training.state import TrainState
from spectrax.training.step import StepRule, train_step

logger = logging.getLogger("spectrax")

_PROFILED_CALLS = range(2, 7)  # those before are slower: the first ones touch memory for the first time


def program(mode: str, run_dir: Path, rule: StepRule, *arguments: Any) -> Program:
    """The program of a mode; `arguments` are `Program`'s."""
    if mode == "profile":
        return Profiled(run_dir / "profile", rule, *arguments)
    return {"nans": NanHunt, "eager": Eager}[mode](rule, *arguments)


@contextlib.contextmanager
def around_run(name: str | None) -> Iterator[None]:
    """What a mode needs around the whole run."""
    with jax.disable_jit() if name == "eager" else contextlib.nullcontext():
        yield


class Eager(Program):
    """Takes every step operation by operation: prints, breakpoints and exceptions appear where they are written."""

    def compile(self) -> None:
        """Nothing is compiled."""

    def train(
        self, state: TrainState, feeds: list[Any], stop: bool = False
    ) -> tuple[TrainState, Mapping[str, jax.Array]]:
        """One step."""
        batch = self._loader.fetch(self._resident, jax.tree.map(jnp.asarray, feeds[0]))
        return train_step(self._rule, state, batch)

    def memory_bytes(self) -> None:
        """Not known."""


class NanHunt(Program):
    """Keeps the state before each step, and takes a step that went wrong again, slowly, to find where it began."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments, donate=False)

    def train(
        self, state: TrainState, feeds: list[Any], stop: bool = False
    ) -> tuple[TrainState, Mapping[str, jax.Array]]:
        """One step, looked at before the next. Raises `NonFiniteLoss`: first bad leaf, layer and operation."""
        after, report = super().train(state, feeds, stop)
        try:
            finite.check(report, self.leaf_names)
        except NonFiniteLoss as error:
            batch = self._loader.fetch(self._resident, jax.tree.map(jnp.asarray, feeds[0]))
            raise NonFiniteLoss(f"{error}\n{self._where(state, batch)}") from None
        return after, report

    def _where(self, state: TrainState, batch: Any) -> str:
        layer = first_bad_layer(self._rule, state, batch)
        operation = first_bad_operation(self._rule, state, batch)
        if layer is None:
            layer = "The outputs of all layers are finite: it began in the loss, in a gradient or in the update."
        return f"{layer}\n{operation}" if operation else layer


def first_bad_layer(rule: StepRule, state: TrainState, batch: Any) -> str | None:
    """A sentence on the first module of the network whose output is not finite; None when all are."""
    found: list[str] = []
    # Forward alone: inside a gradient nothing is known of values.
    key = randomness.step_key(rule.seed, state.step)
    model = trees.merge_module(rule.graph, state.parameters, state.statistics)

    def around(path: str, module: Any, call: Callable[[], Any], given: Any) -> Any:
        output = call()
        if not found and _is_bad(output):
            inputs = "not finite either" if _is_bad(given) else "finite"
            name = path or "the network itself"
            kind = type(module).__name__
            found.append(f"The first layer whose output is not finite is {name} ({kind}); its inputs are {inputs}.")
        return output

    with jax.disable_jit(), watched(model, around):
        rule.task.loss("main", model, batch, state.extra, key)
    return found[0] if found else None


def first_bad_operation(rule: StepRule, state: TrainState, batch: Any) -> str | None:
    """What JAX says of the first operation of the step that gives a NaN; None when none does (infinities are none)."""
    try:
        with jax.debug_nans(True), jax.disable_jit():
            train_step(rule, state, batch)
    except FloatingPointError as error:
        return f"JAX: {str(error).splitlines()[0]}"
    return None


def _is_bad(tree: Any) -> bool:
    """Whether an array in the tree holds a NaN or an infinity; inside a traced part, nothing is known."""
    arrays = [leaf for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array | np.ndarray)]
    known = [leaf for leaf in arrays if not isinstance(leaf, jax.core.Tracer)]
    return any(jnp.issubdtype(leaf.dtype, jnp.inexact) and not bool(jnp.all(jnp.isfinite(leaf))) for leaf in known)


class Profiled(Program):
    """Records a few steps with JAX's profiler; steps are named, and operations by the module that they belong to."""

    def __init__(self, directory: Path, rule: StepRule, *arguments: Any):
        super().__init__(dataclasses.replace(rule, watching=_named), *arguments)
        self._directory, self._calls_made, self._recording = directory, itertools.count(), False

    def compile(self) -> None:
        """As usual; but a program that an ordinary run left in the cache has no names in it, and will not do."""
        named = "jax_compilation_cache_include_metadata_in_key"
        before = getattr(jax.config, named)
        jax.config.update(named, True)
        super().compile()
        jax.config.update(named, before)

    def train(
        self, state: TrainState, feeds: list[Any], stop: bool = False
    ) -> tuple[TrainState, Mapping[str, jax.Array]]:
        """The usual steps."""
        number = next(self._calls_made)
        if number == _PROFILED_CALLS.start:
            jax.block_until_ready(state)
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # what Python does is not what is looked for, and there is much of it
            jax.profiler.start_trace(str(self._directory), create_perfetto_trace=True, profiler_options=options)
            self._recording = True
        with jax.profiler.StepTraceAnnotation("train", step_num=number):
            state, report = super().train(state, feeds, stop)
        if number == _PROFILED_CALLS.stop - 1:
            jax.block_until_ready(state)
            self.close()
        return state, report

    def close(self) -> None:
        """Write the recording, if one is under way."""
        if self._recording:
            self._recording = False
            jax.profiler.stop_trace()
            logger.info("Profile of %d calls: %s", len(_PROFILED_CALLS), self._directory)


def _named(model: Any) -> contextlib.AbstractContextManager[None]:
    """Operations get the path of their module as a name."""

    def around(path: str, module: Any, call: Callable[[], Any], given: Any) -> Any:
        with jax.named_scope(f"{path.rpartition('/')[2] or 'model'}.{type(module).__name__}"):
            return call()

    return watched(model, around)
