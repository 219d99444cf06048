"""`python -m spectrax.train [+experiment=NAME] [key=value ...]`: train, or continue, or find everything done."""

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import command, leave

if TYPE_CHECKING:
    from collections.abc import Callable

    from omegaconf import DictConfig

    from spectrax.core.protocols import Experiment, Summary
    from spectrax.core.remote import Records


def run(config: "DictConfig", overrides: list[str]) -> int:
    """One run, from its config to its summary; the exit code."""
    from spectrax.parallel import processes
    from spectrax.training.preemption import ending_at_once

    with ending_at_once():
        try:
            return _train(config, overrides)
        except Exception as error:
            processes.end_if_another_is_lost(error)
            raise


def _train(config: "DictConfig", overrides: list[str]) -> int:
    from spectrax.assembly import assemble, with_class_names
    from spectrax.config.build import build
    from spectrax.core import remote
    from spectrax.parallel import agreement, devices, startup
    from spectrax.saved_config import agree, agree_on_data
    from spectrax.training import run_directory

    build(config.processes).join()
    if agreement.is_writer():
        run_directory.log_to_console()
    startup.start(Path(config.data_dir) / "compiled")
    config.run_dir = agreement.of_first(config.run_dir)  # that of `debug=` is named by the time
    agreement.agree_on(_facts(config))
    trainer = build(config.trainer)
    _check_read(overrides, config.trainer, getattr(trainer, "unread", ()))
    # What is refused here leaves no run directory that would look unfinished.
    with run_directory.disk_errors(Path(config.run_dir)):
        experiment = _begun(assemble(config), config)
        if hasattr(trainer, "check"):
            trainer.check(experiment)
    records = remote.records(config.run_dir, config.data_dir)
    run_dir = records.directory
    with contextlib.ExitStack() as held:
        agreement.on_first(lambda: held.enter_context(run_directory.claim(records)))
        agreement.on_first(lambda: agree(run_dir, config, overrides))
        agreement.on_first(records.push)  # a bucket that refuses does so before anything is compiled
        run_directory.logger.info("%s on %s.", config.experiment, devices.describe_devices())
        warning = devices.idle_accelerator()
        if warning:
            run_directory.logger.warning(warning)
        experiment = _with_records(experiment, records)
        agreement.on_first(experiment.dataset.prepare)
        agreement.on_all(lambda: experiment.dataset.prepare(progress=False))  # where the disk is not shared
        agreement.on_first(lambda: agree_on_data(run_dir, experiment.dataset))
        if agreement.is_writer():
            run_directory.record_environment(run_dir, devices.describe_devices())
        summary = trainer.run(with_class_names(experiment))
        if agreement.is_writer():
            _print_summary(summary, run_dir)
    return 0


def _check_read(overrides: list[str], trainer: "DictConfig", unread: tuple[str, ...]) -> None:
    """Raise `ConfigError` where a word of the command line sets what this trainer does not read."""
    from spectrax.core.errors import ConfigError

    for word in overrides:
        node = word.lstrip("+~").partition("=")[0].partition(".")[0]
        if node in unread:
            raise ConfigError(f"{word}: {trainer._target_} reads no {node}, so this changes nothing. Leave it out.")


def _with_records(experiment: "Experiment", records: "Records") -> "Experiment":
    """The experiment with its records where they are written."""
    from spectrax.core.remote import WorkingCopy
    from spectrax.writers.bucket import BucketWriter

    more = [BucketWriter(records.push)] if isinstance(records, WorkingCopy) else []
    return dataclasses.replace(experiment, run_dir=records.directory, writers=[*experiment.writers, *more])


def _begun(experiment: "Experiment", config: "DictConfig") -> "Experiment":
    """The experiment with what it begins with, if that is not just drawn: another run's weights, its data's moments."""
    from spectrax.models.normalised import fitted

    experiment = _from_another_run(experiment, config)
    if getattr(experiment.dataset, "normalise", None) is None:
        return experiment
    begin = experiment.begin or (lambda weights: weights)
    return dataclasses.replace(experiment, begin=lambda weights: fitted(begin(weights), experiment.dataset.moments()))


def _from_another_run(experiment: "Experiment", config: "DictConfig") -> "Experiment":
    """The experiment with the weights that it begins with, if they are another run's."""
    if config.init_from is None:
        return experiment
    from spectrax.config.origin import find
    from spectrax.core.errors import CheckpointError, RunDirectoryError
    from spectrax.fitted_weights import Beginning

    try:
        source = find(config.init_from)
    except (CheckpointError, RunDirectoryError) as error:
        # A run that is continued does not need them any more; one that has to begin is told what is wrong.
        return dataclasses.replace(experiment, begin=_raising(error))
    begin = Beginning(
        run=config.init_from,
        origin=source,
        num_classes=config.dataset.get("num_classes"),
        fresh=None if config.init_fresh is None else list(config.init_fresh),
        layout=experiment.layout,
    )
    return dataclasses.replace(experiment, begin=begin)


def _raising(error: Exception) -> "Callable[[Any], Any]":
    def begin(_: Any) -> Any:
        raise error

    return begin


def _facts(config: "DictConfig") -> dict[str, Any]:
    """What all processes of a run must be started with alike."""
    import importlib.metadata

    from omegaconf import OmegaConf

    from spectrax.config.compose import NOT_HASHED_ANYWHERE
    from spectrax.config.explain import flat

    everything = dict(flat(OmegaConf.to_container(config, resolve=False)))
    # Where data lie may differ from machine to machine, and the place among the processes must.
    facts = {
        key: value
        for key, value in everything.items()
        if not key.startswith("processes.") and key.rpartition(".")[2] not in NOT_HASHED_ANYWHERE
    }
    versions = {f"version of {name}": importlib.metadata.version(name) for name in ("spectrax", "jax", "jaxlib")}
    return {**facts, **versions}


def _print_summary(summary: "Summary", run_dir: Path) -> None:
    from rich.table import Table

    from spectrax.core.screen import standard_output

    console = standard_output()
    if summary.already_finished:
        console.print(f"This run was finished before at step {summary.step}; nothing was left to do.")
    table = Table(title=summary.experiment, show_header=False, title_justify="left")
    for name, value in _rows(summary):
        table.add_row(name, value)
    console.print(table)
    for figure in sorted(Path(run_dir, "figures").glob("*_predictions.png")):
        console.print(f"Predictions: {figure}", highlight=False)


def _rows(summary: "Summary") -> list[tuple[str, str]]:
    from spectrax.core.screen import digits

    kept = "best" if summary.best_step is not None else "final"
    shown = {name: value for name, value in summary.metrics.items() if name.startswith(f"{kept}.")}
    step = summary.best_step if kept == "best" else summary.step
    minutes, seconds = divmod(round(summary.seconds + summary.compile_seconds), 60)
    # A run that was continued at its last step trained nothing this time.
    rate = f"{summary.examples_per_second:,.0f} examples/s " if summary.examples_per_second else ""
    chosen = f" (chosen on {summary.selected_on})" if kept == "best" else ""
    return [
        *[(name.removeprefix(f"{kept}.").replace(".", " "), digits(value)) for name, value in shown.items()],
        ("at step", f"{step} of {summary.step}{chosen}"),
        *([("stopped", summary.stopped)] if summary.stopped else []),
        ("parameters", f"{summary.parameters:,}"),
        ("training", f"{rate}on {summary.device}"),
        ("time", f"{minutes}:{seconds:02d} with {summary.compile_seconds:.0f} s of compilation"),
        ("run", summary.run_dir),
    ]


def sweep(overrides: list[str]) -> int:
    """Many runs; the first exit code that is not 0."""
    from spectrax.sweeps.driver import sweep

    return sweep(run, overrides)


main = command(run, __doc__, sweep)

if __name__ == "__main__":
    code = main()
    if "spectrax.parallel.processes" in sys.modules:  # nothing was computed otherwise
        sys.modules["spectrax.parallel.processes"].part(code)
    leave(code)
