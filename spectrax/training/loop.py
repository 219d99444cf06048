"""The training algorithm on one screen."""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any

from spectrax.core.errors import Preempted
from spectrax.core.protocols import Loader
from spectrax.training import finite, stalled
from spectrax.training.cadence import Cadence
from spectrax.training.checkpoints import Checkpoints
from spectrax.training.observing import Observers
from spectrax.training.preemption import Preemption
from spectrax.training.program import Program
from spectrax.training.results import Results
from spectrax.training.state import TrainState
from spectrax.training.stopwatch import Stopwatch
from spectrax.training.writing import Writers

logger = logging.getLogger("spectrax")


@dataclasses.dataclass
class Run:
    """What the loop needs, ready made.

    Attributes:
        share: which part of each batch this process feeds, see `Layout.process_share`.
        patience: seconds that a call of steps may take before the stacks of all threads are printed; None for any.
        begin: the weights to begin with where nothing is restored, see `Experiment`.
    """

    program: Program
    loader: Loader
    checkpoints: Checkpoints
    writers: Writers
    observers: Observers
    cadence: Cadence
    batch_size: int
    share: tuple[int, int] = (0, 1)
    patience: float | None = None
    begin: Callable[[Any], Any] | None = None


@dataclasses.dataclass
class Trained:
    """Where training ended.

    Attributes:
        stopped: why before the last step; None when it went all the way.
    """

    state: TrainState
    step: int
    stopped: str | None
    watch: Stopwatch


def fit(run: Run, results: Results) -> Trained:
    """Train from the newest checkpoint, or from the start, to the last step; everything is saved on return.

    Raises:
        NonFiniteLoss: training diverged; nothing after the last good checkpoint was saved.
        Preempted: a signal came; the state was saved.
    """
    state, step, ending, watch = _restore_or_create(run, results)
    report, metrics = None, {}
    with Preemption() as stop, _closing(run.loader.feeds(step, run.share)) as feeds:
        while step < run.cadence.total and ending is None:
            count = run.cadence.next_call(step)
            with stalled.told(run.patience):
                with watch.waiting_for_input():
                    call = [next(feeds) for _ in range(count)]
                previous, (state, report) = report, run.program.train(state, call, stop.asked is not None)
                # While the devices are at this call, the report of the one before is read: nobody waits.
                stop.hear(finite.check(previous, run.program.leaf_names))
                step += count
                watch.stepped(step, count, run.writers)
                if stop.agreed or run.cadence.something_falls_on(step):
                    metrics, report = stop.hear(finite.check(report, run.program.leaf_names)), None
            if run.cadence.logs(step):
                run.writers.write(step, "train", metrics)
            with watch.paused():
                if run.cadence.evaluates(step):
                    _evaluate(run, results, state, step, results.monitored_splits())
                if run.cadence.observes(step):
                    ending = run.observers.observe(state, step, metrics, results, run.writers)
                if ending is not None or step == run.cadence.total:
                    _evaluate_at_the_end(run, results, state, step)
                # The best step so far is saved too, whatever the cadence of saving: its weights are wanted at the end.
                wanted = run.cadence.saves(step) or results.best_step == step or ending is not None
                if wanted or stop.agreed:
                    _save(run, results, state, step, ending, watch)
            if stop.agreed:
                run.checkpoints.wait()
                raise Preempted(f"{stop.agreed} received: saved at step {step}. Run the same command to continue.")
    run.checkpoints.wait()
    return Trained(state, step, ending, watch)


def _restore_or_create(run: Run, results: Results) -> tuple[TrainState, int, str | None, Stopwatch]:
    restored = run.checkpoints.restore_state(run.program.abstract_state)
    if restored is None:
        state, step, marks, seconds, ending = run.program.create(run.begin), 0, {}, 0.0, None
    else:
        state, meta = restored
        step, marks, seconds, ending = meta["step"], meta["marks"], meta["seconds"], meta.get("ending")
        results.restore(meta["results"], run.checkpoints.steps())
        logger.info("Continuing from step %d of %d.", step, run.cadence.total)
    run.writers.open(results.run_dir, step, run.cadence.total, marks)
    return state, step, ending, Stopwatch(run.batch_size, seconds)


def _evaluate(run: Run, results: Results, state: TrainState, step: int, splits: list[str]) -> None:
    for split in splits:
        metrics, _ = run.program.evaluate(state.evaluated, run.loader.evaluation(split, run.share))
        run.writers.write(step, split, metrics)
        results.add(step, split, metrics)


def _evaluate_at_the_end(run: Run, results: Results, state: TrainState, step: int) -> None:
    """The splits not yet evaluated at this step, and the test split with the best weights too."""
    _evaluate(run, results, state, step, results.unseen_splits(step))
    if results.best_is_untested(step):
        best = best_weights(run, results)
        metrics, _ = run.program.evaluate(best, run.loader.evaluation("test", run.share))
        run.writers.write(results.best_step, "test", metrics)
        results.add_best_test(metrics)


def best_weights(run: Run, results: Results) -> Any:
    """The weights of the best step, from its checkpoint."""
    run.checkpoints.wait()
    return run.checkpoints.restore_weights(results.best_step, run.program.abstract_state.evaluated)[0]


def _save(run: Run, results: Results, state: TrainState, step: int, ending: str | None, watch: Stopwatch) -> None:
    meta = {
        "marks": run.writers.marks(),
        "results": results.record(),
        "ending": ending,
        "seconds": watch.seconds(),
    }
    run.checkpoints.save(step, state, meta)


@contextlib.contextmanager
def _closing(iterator: Iterator[Any]) -> Iterator[Iterator[Any]]:
    try:
        yield iterator
    finally:
        iterator.close()
