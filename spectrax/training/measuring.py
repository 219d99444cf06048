"""How fast an experiment trains here: compilation, steps, forward passes, the loader, and all of it together."""

import dataclasses
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import jax

from spectrax.core.protocols import Experiment
from spectrax.training import finite
from spectrax.training.gradient import Gradient
from spectrax.training.program import Program

_WARM_UP = 3  # calls before the clock starts


@dataclasses.dataclass(frozen=True)
class Spread:
    """Repeated timings in seconds.

    Attributes:
        median, lowest, highest: of them.
        count: how many there were.
    """

    median: float
    lowest: float
    highest: float
    count: int


@dataclasses.dataclass(frozen=True)
class Compilation:
    """Seconds until the first step can be taken: tracing, compiling, creating the state.

    Attributes:
        cold: with an empty cache of compiled programs.
        warm: in a process that has compiled nothing, with what the cold one left in the cache.
    """

    cold: float
    warm: float


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """Training as it goes, with the loader, without evaluation and saving.

    Attributes:
        examples_per_second: of the whole.
        input_stall: share of the time that was spent waiting for the loader.
    """

    examples_per_second: float
    input_stall: float


def compilation(trainer: Gradient, experiment: Experiment) -> tuple[Program, Any, Compilation]:
    """A compiled program, a fresh state, and the seconds that they took; JAX's cache must be on and empty."""
    seconds = []
    program = state = None
    for _ in ("cold", "warm"):
        program = state = None  # a device need not hold two of them
        jax.clear_caches()
        start = time.perf_counter()
        program = trainer.program(experiment, trainer.total_steps(experiment.loader))
        program.compile()
        state = jax.block_until_ready(program.create())
        seconds.append(time.perf_counter() - start)
    return program, state, Compilation(*seconds)


def steps(program: Program, state: Any, experiment: Experiment, calls: int, seconds: float) -> tuple[Any, Spread]:
    """The state after, and the time of one step, always with the same batches, so without the loader."""
    feeds = _take(experiment.loader.feeds(0), calls)
    times = []
    for _ in _for_a_while(seconds):
        start = time.perf_counter()
        state, report = program.train(state, feeds)
        jax.block_until_ready((state, report))
        times.append((time.perf_counter() - start) / calls)
    return state, _spread(times)


def forward(program: Program, state: Any, experiment: Experiment, seconds: float) -> tuple[int, Spread]:
    """The size of an evaluation batch, and the time of predicting it."""
    split = next(name for name in ("validation", "test", "train") if experiment.loader.examples(name))
    batch = _take(experiment.loader.evaluation(split), 1)[0]
    inputs = experiment.task.inputs(batch)
    times = []
    for _ in _for_a_while(seconds):
        start = time.perf_counter()
        program.predict(state.evaluated, inputs)  # returns when the outputs are on the host
        times.append(time.perf_counter() - start)
    return jax.tree.leaves(inputs)[0].shape[0], _spread(times)


def pipeline(program: Program, state: Any, experiment: Experiment, trainer: Gradient, seconds: float) -> Pipeline:
    """Training for a while, call after call as the loop does it; `state` is used up."""
    feeds, calls = experiment.loader.feeds(0), trainer.steps_per_call
    taken, stalled, report, began = 0, 0.0, None, time.perf_counter()
    for number in _for_a_while(seconds):
        if number == 0:
            taken, stalled, began = 0, 0.0, time.perf_counter()
        asked = time.perf_counter()
        call = [next(feeds) for _ in range(calls)]
        stalled += time.perf_counter() - asked
        previous, (state, report) = report, program.train(state, call)
        finite.check(previous, program.leaf_names)
        taken += calls
    jax.block_until_ready(state)
    spent = time.perf_counter() - began
    feeds.close()
    return Pipeline(taken * trainer.batch_size / spent, stalled / spent)


def loader(experiment: Experiment, trainer: Gradient, seconds: float) -> float:
    """Training examples per second that the loader gives when nothing else happens."""
    feeds = experiment.loader.feeds(0)
    count, began = 0, time.perf_counter()
    for number in _for_a_while(seconds):
        if number == 0:
            count, began = 0, time.perf_counter()
        next(feeds)
        count += trainer.batch_size
    spent = time.perf_counter() - began
    feeds.close()
    return count / spent


def peak_memory() -> int:
    """The most bytes in use so far: on the fullest device, or of this process where the devices are CPUs."""
    statistics_ = [device.memory_stats() or {} for device in jax.local_devices()]
    on_devices = [found["peak_bytes_in_use"] for found in statistics_ if "peak_bytes_in_use" in found]
    if on_devices:
        return max(on_devices)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _for_a_while(seconds: float) -> Iterator[int]:
    """Numbers from -3 on for warming up, then from 0 until the seconds are over, at least three of them."""
    yield from range(-_WARM_UP, 0)
    began, number = time.perf_counter(), 0
    while number < 3 or time.perf_counter() - began < seconds:
        yield number
        number += 1


def _take(feeds: Any, count: int) -> list[Any]:
    taken = [next(feeds) for _ in range(count)]
    feeds.close()
    return taken


def _spread(times: list[float]) -> Spread:
    kept = times[_WARM_UP:]
    return Spread(statistics.median(kept), min(kept), max(kept), len(kept))
