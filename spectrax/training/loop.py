"""The training algorithm on one screen."""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spectrax.core.errors import Preempted
from spectrax.core.protocols import Loader, Writer
from spectrax.training import finite
from spectrax.training.cadence import Cadence
from spectrax.training.checkpoints import Checkpoints
from spectrax.training.preemption import Preemption
from spectrax.training.program import Program
from spectrax.training.results import Results
from spectrax.training.state import TrainState
from spectrax.training.stopwatch import Stopwatch

logger = logging.getLogger("spectrax")


@dataclasses.dataclass
class Run:
    """What the loop needs, ready made."""

    program: Program
    loader: Loader
    checkpoints: Checkpoints
    writers: Sequence[Writer]
    cadence: Cadence
    batch_size: int


def fit(run: Run, results: Results) -> tuple[TrainState, Stopwatch]:
    """Train from the newest checkpoint, or from the start, to the last step; everything is saved on return.

    Raises:
        NonFiniteLoss: training diverged; nothing after the last good checkpoint was saved.
        Preempted: a signal came; the state was saved.
    """
    state, step, watch = _restore_or_create(run, results)
    report = None
    with Preemption() as stop, _closing(run.loader.feeds(step)) as feeds:
        while step < run.cadence.total:
            count = run.cadence.next_call(step)
            with watch.waiting_for_input():
                call = [next(feeds) for _ in range(count)]
            previous, (state, report) = report, run.program.train(state, call)
            # While the devices are at this call, the report of the one before is read: nobody waits.
            finite.check(previous, run.program.leaf_names)
            step += count
            watch.stepped(step, count, run.writers)
            if stop.requested or run.cadence.something_falls_on(step):
                metrics, report = finite.check(report, run.program.leaf_names), None
            if run.cadence.logs(step):
                _write(run.writers, step, "train", metrics)
            if run.cadence.evaluates(step):
                with watch.paused():
                    _evaluate(run, results, state, step)
            # The best step so far is saved too, whatever the cadence of saving: its weights are wanted at the end.
            if run.cadence.saves(step) or results.best_step == step or stop.requested:
                with watch.paused():
                    _save(run, results, state, step, watch)
            if stop.requested:
                run.checkpoints.wait()
                raise Preempted(f"{stop.requested} received: saved at step {step}. Run the same command to continue.")
    run.checkpoints.wait()
    return state, watch


def _restore_or_create(run: Run, results: Results) -> tuple[TrainState, int, Stopwatch]:
    restored = run.checkpoints.restore_state(run.program.abstract_state)
    if restored is None:
        state, step, marks, seconds = run.program.create(), 0, {}, 0.0
    else:
        state, meta = restored
        step, marks, seconds = meta["step"], meta["marks"], meta["seconds"]
        results.restore(meta["results"], run.checkpoints.steps())
        logger.info("Continuing from step %d of %d.", step, run.cadence.total)
    # By name: a run may go on with other writers, and a new one begins where it is.
    for writer in run.writers:
        writer.open(results.run_dir, step, run.cadence.total, marks.get(type(writer).__name__))
    return state, step, Stopwatch(run.batch_size, seconds)


def _evaluate(run: Run, results: Results, state: TrainState, step: int) -> None:
    """The monitored split; on the last step the test split too, with the last weights and with the best."""
    for split in results.splits_due(step == run.cadence.total):
        metrics, _ = run.program.evaluate(state.evaluated, run.loader.evaluation(split))
        _write(run.writers, step, split, metrics)
        results.add(step, split, metrics)
    if step == run.cadence.total and results.best_is_untested(step):
        best = best_weights(run, results)
        metrics, _ = run.program.evaluate(best, run.loader.evaluation("test"))
        _write(run.writers, results.best_step, "test", metrics)
        results.add_best_test(metrics)


def best_weights(run: Run, results: Results) -> Any:
    """The weights of the best step, from its checkpoint."""
    run.checkpoints.wait()
    return run.checkpoints.restore_weights(results.best_step, run.program.abstract_state.evaluated)[0]


def _save(run: Run, results: Results, state: TrainState, step: int, watch: Stopwatch) -> None:
    meta = {
        "marks": {type(writer).__name__: writer.mark() for writer in run.writers},
        "results": results.record(),
        "seconds": watch.seconds(),
    }
    run.checkpoints.save(step, state, meta)


def _write(writers: Sequence[Writer], step: int, split: str, metrics: Mapping[str, float]) -> None:
    for writer in writers:
        writer.write(step, split, metrics)


@contextlib.contextmanager
def _closing(iterator: Iterator[Any]) -> Iterator[Iterator[Any]]:
    try:
        yield iterator
    finally:
        iterator.close()
