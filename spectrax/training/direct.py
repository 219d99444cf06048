"""The direct trainer: an answer in closed form, fitted once, judged on the splits that it has not seen."""

import contextlib
import dataclasses
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import jax
import numpy as np

from spectrax.core import array_files, remote
from spectrax.core.direct_protocols import DirectTask, Estimator, Judgement
from spectrax.core.errors import CheckpointError, ConfigError, NonFiniteLoss
from spectrax.core.files import atomic_write, write_json
from spectrax.core.protocols import Experiment, Summary
from spectrax.parallel import agreement
from spectrax.parallel.devices import describe_devices
from spectrax.training import figures
from spectrax.training.writing import Writers

logger = logging.getLogger("spectrax")

_STEP = 1  # an answer in closed form takes one
FILE = f"checkpoints/step_{_STEP}/fitted.npz"  # of a run directory: what was fitted


@dataclasses.dataclass(frozen=True)
class Direct:
    """Fitting in closed form: EDMD and its kin.

    The run directory is that of every run. What was fitted lies in `checkpoints/step_1/fitted.npz`, documents of the
    task, such as `certificate.json`, beside the summary. A run that was interrupted goes on with what it had fitted.
    Estimators compute on the host of each process; the log tells of devices that a mesh leaves idle.

    Attributes:
        eval_batch_size: examples per batch where a task forecasts; changes no metric by more than rounding.
        select_by: the metric by which `report` compares runs of this kind; nothing is chosen within one.
        select_mode: whether more or less of it is better.
        figures: whether the task's figures are drawn.

    Raises:
        ConfigError: for a batch of no examples.
    """

    takes: ClassVar[dict[str, type]] = {"model": Estimator, "task": DirectTask}  # in the place of the usual nouns
    unread: ClassVar[tuple[str, ...]] = ("loader", "optimizer", "schedule", "precision", "callback")  # of the config

    eval_batch_size: int = 128
    select_by: str = "loss"
    select_mode: Literal["max", "min"] = "min"
    figures: bool = True

    def __post_init__(self) -> None:
        if self.eval_batch_size < 1:
            raise ConfigError(f"trainer.eval_batch_size={self.eval_batch_size} must be at least 1.")

    def check(self, experiment: Experiment) -> None:
        """What can be known before data are there.

        Raises:
            ConfigError: when the estimator refuses its arguments, the run is to begin with weights, or the mesh is to
                split what has no parts.
        """
        experiment.make_model()
        if experiment.begin is not None:
            raise ConfigError("init_from gives a network its first weights, and trainer=direct has none. Leave it out.")
        for axis, size in experiment.layout.mesh.shape.items():
            if axis != "data" and size > 1:
                raise ConfigError(
                    f"mesh.{axis}={size} splits parameters over devices, and trainer=direct has none: it fits on the "
                    "host. Leave it out."
                )

    def run(self, experiment: Experiment) -> Summary:
        """Fit, judge, draw and write; or find that it was done.

        Raises:
            ConfigError: see `check`; and when there are no training examples, or the task cannot take what the
                estimator will find of them.
            NonFiniteLoss: when what was fitted is not finite.
        """
        self.check(experiment)
        if not experiment.dataset.spec.splits.get("train"):
            raise ConfigError("The dataset has no training examples. Choose another dataset.")
        home = remote.home(experiment.run_dir)
        finished = _finished(home)
        if finished is not None:
            return finished
        _tell_of_idle(experiment.layout.mesh.size)
        began = time.perf_counter()
        writers = Writers(experiment.writers if agreement.is_writer() else [])
        with _warnings_logged(), contextlib.ExitStack() as opened:
            opened.callback(writers.close)
            writers.open(experiment.run_dir, 0, _STEP, {})
            fitted, rate = self._fitted(experiment, home)
            metrics = self._judged(experiment, fitted, writers)
            writers.marks()
        summary = Summary(
            experiment=experiment.name,
            run_dir=str(home),
            step=_STEP,
            parameters=count(fitted),
            metrics=metrics,
            best_step=None,
            selected_on=None,
            examples_per_second=rate,
            seconds=time.perf_counter() - began,
            compile_seconds=0.0,
            device=describe_devices(),
        )
        if agreement.is_writer():
            write_json(experiment.run_dir / "summary.json", dataclasses.asdict(summary))
        return summary

    def opened(self, experiment: Experiment, home: Any) -> tuple[Any, Callable[[str], dict[str, float]]]:
        """What a run fitted, and its metrics by split.

        Raises:
            CheckpointError: when it has fitted nothing yet, or the file cannot be read.
        """
        if not (home / FILE).exists():
            raise CheckpointError(f"{home} holds nothing fitted yet. Run its training command first.")
        fitted, estimator = _read(experiment, home), experiment.make_model()

        def judged(split: str) -> dict[str, float]:
            judgement = experiment.task.judge(fitted, experiment.dataset, split, estimator, experiment.seed)
            return dict(judgement.metrics)

        return fitted, judged

    def _fitted(self, experiment: Experiment, home: Any) -> tuple[Any, float]:
        """What is fitted to the training split, saved; and how many of its parts were taken per second, 0 when it had
        been fitted before."""
        if (home / FILE).exists():
            logger.info("Going on with what was fitted before.")
            return _read(experiment, home), 0.0
        given, estimator = experiment.task.given(experiment.dataset, "train"), experiment.make_model()
        if hasattr(experiment.task, "check_estimator"):
            experiment.task.check_estimator(estimator, given)
        logger.info("Fitting to %s ...", f"{len(given):,} examples")
        start = time.perf_counter()
        fitted = estimator.fit(given, experiment.seed)
        seconds = time.perf_counter() - start
        _refuse_what_is_not_finite(fitted)
        logger.info("Fitted in %.2f s.", seconds)
        agreement.on_first(lambda: _write(home, array_files.to_bytes(fitted)))
        return fitted, len(given) / max(seconds, 1e-9)

    def _judged(self, experiment: Experiment, fitted: Any, writers: Writers) -> dict[str, float]:
        """Metrics of every split but that of training; figures and documents of the last one, the test split."""
        splits = [name for name in ("validation", "test") if name in experiment.dataset.spec.splits] or ["train"]
        metrics: dict[str, float] = {}
        for split in splits:
            judgement = experiment.task.judge(
                fitted, experiment.dataset, split, experiment.make_model(), experiment.seed
            )
            writers.write(_STEP, split, judgement.metrics)
            metrics |= {f"final.{split}.{name}": float(value) for name, value in judgement.metrics.items()}
            if split == splits[-1]:
                self._shown(experiment.run_dir, split, judgement)
        return metrics

    def _shown(self, run_dir: Path, split: str, judgement: Judgement) -> None:
        for name, document in judgement.documents.items():
            if agreement.is_writer():
                write_json(run_dir / f"{name}.json", document)
        if self.figures:
            for name, draw in judgement.figures.items():
                figures.save_figure(draw(), run_dir / "figures" / f"{split}_{name}.png")


@contextlib.contextmanager
def _warnings_logged() -> Iterator[None]:
    """What an estimator warns of, such as a condition number, is a line of the log, each text once."""
    told: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in told:
            told.add(str(message))
            logger.warning("%s", message)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def count(fitted: Any) -> int:
    """Numbers in what was fitted: the largest of its arrays, such as the matrix of an operator."""
    return max((leaf.size for leaf in _arrays(fitted)), default=0)


def _tell_of_idle(devices: int) -> None:
    """Told and not refused: a mesh takes all devices of a machine unless it is told otherwise."""
    if devices > 1:
        logger.warning("trainer=direct fits on the host: the %d devices of the mesh stay idle.", devices)


def _arrays(value: Any) -> list[np.ndarray]:
    """All arrays of a result, those of its parts too."""
    if isinstance(value, np.ndarray | jax.Array):
        return [np.asarray(value)]
    if isinstance(value, list | tuple):
        return [array for part in value for array in _arrays(part)]
    if dataclasses.is_dataclass(value) or hasattr(value, "arguments"):
        return [array for part in array_files.arguments(value).values() for array in _arrays(part)]
    return []


def _refuse_what_is_not_finite(fitted: Any) -> None:
    if not all(np.isfinite(array).all() for array in _arrays(fitted) if array.dtype.kind in "fc"):
        raise NonFiniteLoss(
            "What was fitted is not finite. Look at the data (NaN, constant columns), or choose another dictionary, "
            "another solver or more regularisation."
        )


def _write(home: Any, content: bytes) -> None:
    path = home / FILE
    if remote.is_remote(path):
        with remote.told(path, "written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    else:
        with atomic_write(path) as file:
            file.write(content)


def _read(experiment: Experiment, home: Any) -> Any:
    """The saved result, made of classes of Spectrax or of the estimator's own package."""
    kind = getattr(experiment.make_model, "func", experiment.make_model)
    return array_files.from_bytes(
        (home / FILE).read_bytes(), ("spectrax", kind.__module__.partition(".")[0]), f"{home}/{FILE}"
    )


def _finished(home: Any) -> Summary | None:
    """The summary of a run that has nothing left to do, read where all processes find the same."""
    path = home / "summary.json"
    if not path.exists() or not (home / FILE).exists():
        return None
    return dataclasses.replace(Summary(**json.loads(path.read_text())), already_finished=True)
