"""`python -m spectrax.evaluate checkpoint=RUN [split=test] [dataset=NAME]`: the metrics of a checkpoint."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import leave, plain_command
from spectrax.core.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from etils import epath
    from omegaconf import DictConfig

    from spectrax.core.protocols import Experiment
    from spectrax.training.checkpoints import Checkpoints

_KEYS = {
    "checkpoint": "the run directory",
    "split": "train, validation or test (default: test, or validation where there is no test split)",
    "step": "best (default), last, or the number of a saved step",
    "output": "file for the metrics as JSON (default: evaluation_<split>_<step>.json in the run directory)",
}


@dataclasses.dataclass(frozen=True)
class LoadedRun:
    """A run opened for use.

    Attributes:
        config: its resolved config.
        model: the `flax.nnx` module holding the weights of `step` (the moving average where the run kept one).
        step: which checkpoint this is.
        run_dir: its directory, or of a run in a bucket a copy of its records.
    """

    config: "DictConfig"
    experiment: "Experiment"
    model: Any
    step: int
    run_dir: Path
    _inference: Any
    _weights: Any

    @property
    def dataset(self) -> Any:
        """The run's dataset."""
        return self.experiment.dataset

    @property
    def task(self) -> Any:
        """The run's task."""
        return self.experiment.task

    def predict(self, inputs: Any) -> Any:
        """Outputs of the task for model inputs (batch first) as NumPy arrays."""
        return self._inference.predict(self._weights, inputs)

    def evaluate(self, split: str = "test") -> dict[str, float]:
        """Metrics over a whole split.

        Raises:
            ConfigError: when the dataset has no such split, or a batch does not divide over the devices here.
        """
        from spectrax.parallel.layout import check_batch

        loader = self.experiment.loader
        names = ("train", "validation", "test")
        self._check_split(split, [name for name in names if loader.examples(name)])
        check_batch(self.experiment.layout, self.config.trainer.eval_batch_size, "trainer.eval_batch_size")
        metrics, _ = self._inference.evaluate(self._weights, loader.evaluation(split))
        return metrics

    def _check_split(self, split: str, there: "Iterable[str]") -> None:
        if split not in there:
            raise ConfigError(f"The dataset has no split {split!r}. Choose one of: {', '.join(there)}.")


@dataclasses.dataclass(frozen=True)
class FittedRun(LoadedRun):
    """A run that fitted in closed form: `model` is what it fitted, such as a Koopman spectrum with its residuals."""

    def predict(self, inputs: Any) -> Any:
        """Raises `ConfigError`: what was fitted has methods of its own."""
        raise ConfigError(
            f"This run fitted a {type(self.model).__name__}, which is asked itself: see `.model` of the loaded run."
        )

    def evaluate(self, split: str = "test") -> dict[str, float]:
        """Metrics over a whole split. Raises `ConfigError` when the dataset has no such split."""
        self._check_split(split, self.dataset.spec.splits)
        return self._inference(split)


def load_run(run: str, step: int | str = "best", overrides: list[str] | None = None) -> LoadedRun:
    """Open a run directory.

    Args:
        run: the directory, or gs://BUCKET/PATH.
        step: "best" (the last step where nothing chose), "last", or the number of a saved step.
        overrides: changes to the run's config, such as `["dataset=fashion_mnist"]`; at another `dataset.image_size`
            the gates of wavelet mixers are interpolated.

    Raises:
        CheckpointError: when there is no checkpoint, or it does not fit.
        ConfigError: when the config with its overrides is wrong.
        RunDirectoryError: when the bucket cannot be read.
    """
    from omegaconf import OmegaConf

    from spectrax.core import remote
    from spectrax.saved_config import reopen

    path = remote.opened(run)
    config = reopen(path, overrides or [])
    OmegaConf.resolve(config)
    return _open(path, config, step)


def _open(path: Path, config: "DictConfig", step: int | str) -> LoadedRun:
    import jax

    from spectrax.assembly import assemble
    from spectrax.config.build import build
    from spectrax.core import remote, trees
    from spectrax.fitted_weights import restored
    from spectrax.training.checkpoints import Checkpoints
    from spectrax.training.inference import Inference
    from spectrax.training.state import abstract_weights

    experiment, trainer = assemble(config), build(config.trainer)
    if hasattr(trainer, "opened"):
        if str(step) not in ("best", "last", "1"):
            raise CheckpointError(f"{path} was fitted in one step, and has no step {step}. Choose best, last or 1.")
        fitted, judged = trainer.opened(experiment, remote.home(path))
        return FittedRun(config, experiment, fitted, 1, path, judged, None)
    graph, weights = abstract_weights(experiment.make_model, experiment.layout)
    home = remote.home(path)
    checkpoints = Checkpoints(home / "checkpoints", read_only=True)
    try:
        number = _step_number(checkpoints, str(home), step)
        with jax.set_mesh(experiment.layout.mesh):
            weights = restored(checkpoints, number, weights, experiment.layout)
    finally:
        checkpoints.close()
    return LoadedRun(
        config=config,
        experiment=experiment,
        model=trees.merge_module(graph, **weights),
        step=number,
        run_dir=path,
        _inference=Inference(graph, experiment.task, experiment.layout),
        _weights=weights,
    )


def _step_number(checkpoints: "Checkpoints", path: str, wanted: int | str) -> int:
    steps = checkpoints.steps()
    if not steps:
        raise CheckpointError(f"{path} holds no finished checkpoint yet. Let it train until its first save.")
    if wanted == "last":
        return steps[-1]
    if wanted == "best":
        best = checkpoints.best_step()
        return best if best in steps else steps[-1]
    if not str(wanted).isdigit() or int(wanted) not in steps:
        raise CheckpointError(f"{path} has no checkpoint of step {wanted}. Choose best, last or one of {steps}.")
    return int(wanted)


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Evaluate a run's checkpoint, print its metrics and write them as JSON."""
    from spectrax.core import remote
    from spectrax.parallel import startup
    from spectrax.saved_config import same_data
    from spectrax.training import run_directory

    run_directory.log_to_console()
    loaded = load_run(keys["checkpoint"], keys.get("step", "best"), overrides)
    startup.start(Path(loaded.config.data_dir) / "compiled")
    loaded.dataset.prepare()
    own = not any(word.startswith("dataset") for word in overrides)
    if own and not same_data(loaded.run_dir, loaded.dataset):
        run_directory.logger.warning(
            "The data changed since this run began: what is evaluated here may be what it was trained on."
        )
    splits = loaded.dataset.spec.splits
    split = keys.get("split") or ("test" if "test" in splits else "validation")
    metrics = loaded.evaluate(split)
    record = {"checkpoint": keys["checkpoint"], "step": loaded.step, "split": split, "metrics": metrics}
    default = remote.home(loaded.run_dir) / f"evaluation_{split}_{loaded.step}.json"
    output = remote.place(keys.get("output") or default)
    _print(record)
    # The run may lie where only reading is allowed: the metrics are above all the same.
    _write(output, {**record, "overrides": overrides})
    print(f"Written: {output}")
    return 0


def _write(output: "Path | epath.Path", record: "Mapping[str, Any]") -> None:
    import json

    from spectrax.core import remote
    from spectrax.core.files import told_if_unwritable, write_json

    if remote.is_remote(output):
        with remote.told(output, "written"):
            output.write_text(json.dumps(record, indent=2) + "\n")
    else:
        with told_if_unwritable(output):
            write_json(output, record)


def _print(record: "Mapping[str, Any]") -> None:
    from rich.table import Table

    from spectrax.core.screen import digits, standard_output

    table = Table(title=f"{record['split']} split, step {record['step']}", show_header=False, title_justify="left")
    for name, value in record["metrics"].items():
        table.add_row(name, digits(value, 6))
    standard_output().print(table)


main = plain_command(run, __doc__, _KEYS, required=["checkpoint"], config="run")

if __name__ == "__main__":
    leave(main())
