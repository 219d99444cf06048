"""The `gradient` trainer: what its yaml says, turned into the pieces that the loop runs."""

import contextlib
import dataclasses
import functools
import json
import logging
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import optax

from spectrax.core import remote
from spectrax.core.errors import ConfigError
from spectrax.core.files import write_json
from spectrax.core.protocols import Experiment, Loader, Summary
from spectrax.parallel import agreement, processes
from spectrax.parallel.devices import describe_devices
from spectrax.parallel.layout import check_batch
from spectrax.training import debugging, figures, observing, schedules
from spectrax.training.cadence import Cadence, own_period
from spectrax.training.checkpoints import Checkpoints
from spectrax.training.limits import Limited
from spectrax.training.loop import Run, Trained, best_weights, fit
from spectrax.training.observing import Observers
from spectrax.training.optimizers import Optimizer
from spectrax.training.pmapped import Pmapped
from spectrax.training.program import Program, StepCost
from spectrax.training.results import Results
from spectrax.training.state import model_graph
from spectrax.training.step import StepRule
from spectrax.training.writing import Writers

logger = logging.getLogger("spectrax")

_COUNTS = (
    "steps", "batch_size", "eval_batch_size", "steps_per_call", "accumulate", "log_every", "evaluate_every_steps",
    "save_every_steps", "keep", "limit_train_batches", "limit_eval_batches",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Gradient:
    """Training by gradients.

    Attributes:
        optimizer: see `Optimizer`.
        schedule: `(total_steps, steps_per_epoch) -> optax.Schedule`, see `schedules`.
        steps: optimizer steps in all; wins over `epochs`.
        epochs: passes over the training split, when `steps` is None.
        batch_size: examples per step over all devices and processes.
        eval_batch_size: examples per evaluation batch; changes no metric by more than rounding.
        steps_per_call: steps inside one jitted call; more than 1 pays for small models, where dispatch dominates.
        accumulate: micro-batches per step.
        average: decay of the moving average of the parameters, which evaluation then uses; None for none.
        remat: models that offer it recompute activations of their blocks in the backward pass, to save memory.
        log_every: steps between two rows of training metrics.
        evaluate_every_steps: steps between two evaluations of the monitored split; wins over epochs.
        evaluate_every_epochs: the same in epochs, when `evaluate_every_steps` is None.
        save_every_steps: steps between two checkpoints; None saves at every evaluation.
        keep: how many of the latest checkpoints to keep, beside the best.
        select_on: the split that chooses the best checkpoint; None for "validation" if the dataset has one. Choosing
            by "test" must be said here, and the summary says it too.
        select_by: the metric that chooses.
        select_mode: whether more or less of it is better.
        parallel: "jit", one program over a named mesh; "pmap", the same step once per device with explicit sums.
        limit_train_batches: train on the first so many batches again and again; None for all.
        limit_eval_batches: of each evaluation, only the first so many batches; None for all.
        figures: whether the task's figures are drawn at the end.
        patience: seconds that a call of steps, with its input, may take before the stacks of all threads are printed;
            None for any number.
        debug: a slower way to run that shows more, see `debugging`; None for the usual one.
    """

    optimizer: Optimizer
    schedule: Callable[..., optax.Schedule]
    steps: int | None = None
    epochs: float | None = None
    batch_size: int = 128
    eval_batch_size: int = 128
    steps_per_call: int = 1
    accumulate: int = 1
    average: float | None = None
    remat: bool = False
    log_every: int = 50
    evaluate_every_steps: int | None = None
    evaluate_every_epochs: float = 1.0
    save_every_steps: int | None = None
    keep: int = 2
    select_on: Literal["validation", "test"] | None = None
    select_by: str = "accuracy"
    select_mode: Literal["max", "min"] = "max"
    parallel: Literal["jit", "pmap"] = "jit"
    limit_train_batches: int | None = None
    limit_eval_batches: int | None = None
    debug: Literal["nans", "profile", "eager"] | None = None
    patience: float | None = None
    figures: bool = True

    def __post_init__(self) -> None:
        """Raises `ConfigError` for values that make no sense, all of them at once."""
        problems = [
            f"trainer.{name}={getattr(self, name)} must be at least 1."
            for name in _COUNTS
            if getattr(self, name) is not None and getattr(self, name) < 1
        ]
        if self.steps is None and self.epochs is None:
            problems.append("Neither trainer.steps nor trainer.epochs is set. Set one, such as trainer.epochs=10.")
        for name in ("epochs", "evaluate_every_epochs", "patience"):
            if getattr(self, name) is not None and not 0 < getattr(self, name) < math.inf:
                problems.append(f"trainer.{name}={getattr(self, name)} must be above 0.")
        if self.average is not None and not 0 <= self.average < 1:
            problems.append(f"trainer.average={self.average} must be at least 0 and below 1.")
        if self.accumulate >= 1 and self.batch_size % self.accumulate:
            problems.append(
                f"trainer.accumulate={self.accumulate} does not divide trainer.batch_size={self.batch_size}."
            )
        if self.debug and self.parallel != "jit":
            problems.append(f"trainer.debug={self.debug} needs trainer.parallel=jit.")
        if self.debug in ("nans", "eager") and self.steps_per_call != 1:
            problems.append(f"trainer.debug={self.debug} takes one step at a time: set trainer.steps_per_call=1.")
        if problems:
            raise ConfigError("\n  ".join(problems))

    def run(self, experiment: Experiment) -> Summary:
        """Train to the end, or continue, or find that nothing is left to do."""
        experiment = self._limited(experiment)
        self._check(experiment)
        splits = [name for name in ("train", "validation", "test") if experiment.loader.examples(name)]
        results = Results(experiment.run_dir, splits, self.select_on, self.select_by, self.select_mode == "max")
        home = remote.home(experiment.run_dir)
        checkpoints = Checkpoints(home / "checkpoints", keep=self.keep, best_step=lambda: results.best_step)
        observing.check(experiment.callbacks, results.selected_on)
        cadence = self.cadence(experiment)
        finished = _finished(home / "summary.json", checkpoints, cadence.total)
        if finished is not None:
            checkpoints.close()
            return finished
        writers = Writers(experiment.writers if agreement.is_writer() else [])
        with debugging.around_run(self.debug), jax.set_mesh(experiment.layout.mesh), contextlib.ExitStack() as opened:
            opened.callback(checkpoints.close)
            opened.callback(writers.close)
            program = self.program(experiment, cadence.total)
            opened.callback(program.close)
            opened.push(_end_if_another_is_lost)  # closing would wait for it
            results.check_choice(program.metrics())
            _compile(program)
            run = self._run(experiment, program, checkpoints, writers, cadence)
            trained = fit(run, results)
            if self.figures:
                _draw(experiment, run, trained, results, "test" if "test" in splits else results.monitored)
        summary = _summary(experiment.name, str(home), program, results, trained)
        if agreement.is_writer():
            write_json(experiment.run_dir / "summary.json", dataclasses.asdict(summary))
        return summary

    def _run(
        self, experiment: Experiment, program: Program, checkpoints: Checkpoints, writers: Writers, cadence: Cadence
    ) -> Run:
        """What the loop needs, of a program that is compiled."""
        loader = experiment.loader
        return Run(
            program=program,
            loader=loader,
            checkpoints=checkpoints,
            writers=writers,
            observers=Observers(
                experiment.callbacks, program.graph, loader, program.layout, experiment.run_dir, cadence
            ),
            cadence=cadence,
            batch_size=self.batch_size,
            share=experiment.layout.process_share,
            patience=self.patience,
            begin=experiment.begin,
        )

    def total_steps(self, loader: Loader) -> int:
        """The length of the run in steps."""
        if self.steps is not None:
            return self.steps
        return math.ceil(self.epochs * loader.examples("train") / self.batch_size)

    def cadence(self, experiment: Experiment) -> Cadence:
        """When to log, evaluate, save and let callbacks look."""
        loader = experiment.loader
        per_epoch = loader.examples("train") / self.batch_size
        evaluate = self.evaluate_every_steps or max(1, round(self.evaluate_every_epochs * per_epoch))
        periods = [own_period(callback, per_epoch) for callback in experiment.callbacks.values()]
        return Cadence(
            total=self.total_steps(loader),
            log=self.log_every,
            evaluate=evaluate,
            save=self.save_every_steps or evaluate,
            call=self.steps_per_call,
            observe=tuple(period for period in periods if period),
            epoch=per_epoch,
        )

    def step_cost(self, experiment: Experiment) -> Callable[[], StepCost]:
        """What one training step costs, without its checks for values that are not finite: traced now, compiled when
        the result is called, which leaves Python free for other threads. Needs no data and allocates nothing."""
        program = self._unchecked(experiment)
        with jax.set_mesh(experiment.layout.mesh):
            program.trace()
        return program.cost

    def lowered_step(self, experiment: Experiment) -> jax.stages.Lowered:
        """A training step (a call of `steps_per_call` of them) traced for the experiment's layout, whose devices need
        not be here; without its checks for values that are not finite."""
        program = self._unchecked(experiment)
        with jax.set_mesh(experiment.layout.mesh):
            return program.lower()

    def _unchecked(self, experiment: Experiment) -> Program:
        self._check(experiment)
        with jax.set_mesh(experiment.layout.mesh):
            # Looking for what is not finite costs a fifth of the compilation, and next to nothing in a step.
            return self.program(experiment, self.total_steps(experiment.loader), checked=False)

    def program(self, experiment: Experiment, total_steps: int, checked: bool = True) -> Program:
        """The jitted functions of a run, nothing compiled yet; see `StepRule` for `checked`."""
        epoch = experiment.loader.examples("train") / self.batch_size
        schedule = schedules.in_float32(self.schedule(total_steps=total_steps, steps_per_epoch=epoch))
        rule = StepRule(
            graph=model_graph(experiment.make_model, self.optimizer.freezing.still),
            task=experiment.task,
            optimizer=self.optimizer.build(schedule),
            schedule=schedule,
            seed=experiment.seed,
            accumulate=self.accumulate,
            average_decay=self.average,
            callbacks=tuple(experiment.callbacks.values()),
            checked=checked,
            held=self.optimizer.freezing.held,
            gathered=experiment.layout.gathered if self.parallel == "jit" else lambda parameters: parameters,
        )
        make = {"jit": Program, "pmap": Pmapped}[self.parallel]
        if self.debug:
            make = functools.partial(debugging.program, self.debug, experiment.run_dir)
        return make(rule, experiment.make_model, experiment.loader, experiment.layout, self.steps_per_call)

    def _limited(self, experiment: Experiment) -> Experiment:
        limits = (self.limit_train_batches, self.limit_eval_batches)
        if limits == (None, None):
            return experiment
        return dataclasses.replace(experiment, loader=Limited(experiment.loader, *limits))

    def _check(self, experiment: Experiment) -> None:
        if self.debug in ("nans", "eager") and jax.process_count() > 1:
            raise ConfigError(f"trainer.debug={self.debug} is for one process. Start one alone.")
        if not experiment.loader.examples("train"):
            raise ConfigError("The dataset has no training examples. Choose another dataset.")
        check_batch(experiment.layout, self.batch_size, "trainer.batch_size", self.accumulate)
        check_batch(experiment.layout, self.eval_batch_size, "trainer.eval_batch_size")


def _end_if_another_is_lost(kind: type | None, error: BaseException | None, trace: Any) -> None:
    if error is not None:
        processes.end_if_another_is_lost(error)


def _compile(program: Program) -> None:
    logger.info("Compiling the training step ...")
    program.compile()
    memory = program.memory_bytes()
    logger.info(
        "Compiled in %.1f s: %s parameters%s.",
        program.compile_seconds,
        f"{program.parameters:,}",
        f", about {memory / 2**20:,.0f} MiB per device" if memory else "",
    )


def _draw(experiment: Experiment, run: Run, trained: Trained, results: Results, split: str) -> None:
    """The task's figures of a split, with the best weights where something chose."""
    last_is_best = results.best_step in (None, trained.step)
    weights = trained.state.evaluated if last_is_best else best_weights(run, results)
    figures.save(experiment, run.program, weights, split)


def _summary(name: str, run_dir: str, program: Program, results: Results, trained: Trained) -> Summary:
    return Summary(
        experiment=name,
        run_dir=run_dir,
        step=trained.step,
        parameters=program.parameters,
        metrics=results.metrics(),
        best_step=results.best_step,
        selected_on=results.selected_on,
        examples_per_second=trained.watch.examples_per_second(),
        seconds=trained.watch.seconds(),
        compile_seconds=program.compile_seconds,
        device=describe_devices(),
        stopped=trained.stopped,
    )


def _finished(path: Any, checkpoints: Checkpoints, total: int) -> Summary | None:
    """The summary of a run that has nothing left to do, read where all processes find the same."""
    if not path.exists():
        return None
    summary = Summary(**json.loads(path.read_text()))
    if summary.step not in checkpoints.steps():
        return None
    done = summary.step == total or summary.stopped
    return dataclasses.replace(summary, already_finished=True) if done else None
