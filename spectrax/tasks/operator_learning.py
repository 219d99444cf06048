"""Operator learning: from fields to fields, compared by relative norms."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch, FieldSpec
from spectrax.diagnostics import field_errors
from spectrax.ops import cosine
from spectrax.ops.choices import check_choice
from spectrax.parallel import global_batch
from spectrax.plots import field_panels
from spectrax.tasks import field_figures, field_metrics
from spectrax.tasks.field_metrics import Measures

Objective = Literal["relative_l2", "h1", "mean_squared"]
Reduction = Literal["mean", "sum"]
Space = Literal["space", "cosine"]
Geometry = Literal["grid", "mesh", "points"]
EXAMPLES_DRAWN = 16  # of the probe batch: figures choose among these, for whole fields cost much


@dataclasses.dataclass(frozen=True)
class OperatorLearning:
    """Maps between fields: batches hold "input" and "target", (batch, *space, channels) float32.

    On a point cloud that is (batch, points, channels), the input's first two channels being coordinates; a batch may
    also hold "code" (batch, numbers), which the model then is given too, and "domain" (batch, *space, 1), by which
    outputs are multiplied before they are compared: it is 1 where the target counts.

    Attributes:
        objective: what is minimised of each example: the relative L2 norm of the error, the relative H1 norm, or the
            mean square.
        reduction: over the batch; the released LSM and FNO train by the sum. It is that of a micro-batch where
            `trainer.accumulate` makes some. Metrics are means always.
        compare_in: "cosine" for a model whose outputs are orthonormal cosine coefficients (type II): the target is
            transformed too, and outputs are brought back to space for metrics, predictions and figures alone. Relative
            L2 and the mean square are the same in both (Parseval).
        geometry: "grid", uniform; "mesh", a grid whose input's first two channels are its points' coordinates;
            "points", a cloud of them.
        periodic: whether grids are, which decides how spectra and derivatives are taken.
        bands: rising edges of bands of radial wavenumbers for which errors are told, see `errors_by_band`.
        channels: names of the target's channels; None for numbers.
        evaluate_with_batch_statistics: report beside the honest metrics `relative_l2_batch_statistics`, of the model
            called as in training: LSM's released Navier-Stokes script never leaves that mode, so that its batch norms
            see the statistics of each test batch. Full batches alone count, since padding would be among what is
            averaged: let `trainer.eval_batch_size` (20 in that script) divide the split.
        view: (x from, x to, y from, y to), the part of meshes and clouds that figures show; None for all.

    Raises:
        ConfigError: for words that are none of those above, and values that do not go together.
    """

    objective: Objective = "relative_l2"
    reduction: Reduction = "mean"
    compare_in: Space = "space"
    geometry: Geometry = "grid"
    periodic: bool = False
    bands: Sequence[float] = (4, 12)
    channels: Sequence[str] | None = None
    evaluate_with_batch_statistics: bool = False
    view: Sequence[float] | None = None

    def __post_init__(self) -> None:
        check_choice("task.objective", self.objective, get_args(Objective))
        check_choice("task.reduction", self.reduction, get_args(Reduction))
        check_choice("task.compare_in", self.compare_in, get_args(Space))
        check_choice("task.geometry", self.geometry, get_args(Geometry))
        if self.objective == "h1" and (self.geometry == "points" or self.compare_in == "cosine"):
            raise ConfigError("task.objective=h1 needs a grid and task.compare_in=space. Choose relative_l2.")
        if self.compare_in == "cosine" and self.geometry == "points":
            raise ConfigError("task.compare_in=cosine needs a grid: set task.compare_in=space for points.")
        if list(self.bands) != sorted(set(self.bands)) or (self.bands and min(self.bands) < 0):
            raise ConfigError(f"task.bands={list(self.bands)} must be rising wavenumbers, 0 or more.")
        if self.view is not None and len(self.view) != 4:
            raise ConfigError(f"task.view={list(self.view)} must be four numbers: x from, x to, y from, y to.")

    @property
    def measures(self) -> Measures:
        """How predictions are measured."""
        return Measures(self.geometry != "points", self.periodic, tuple(self.bands), tuple(self.channels or ()))

    def check_fields(self, fields: Mapping[str, FieldSpec]) -> None:
        """Raises `ConfigError` for a dataset of inputs alone."""
        if "target" not in fields:
            raise ConfigError(
                "The dataset has no target to learn or to compare with, only meshes: set dataset=airfoil_potential, or "
                "another that has one."
            )

    def inputs(self, batch: Batch) -> Any:
        """The input field, or {"input", "code"} where examples have a code."""
        if "code" in batch:
            return {"input": batch["input"], "code": batch["code"]}
        return batch["input"]

    def init(self, model: Any, key: jax.Array) -> dict[str, Any]:
        """No state of its own. Raises `ConfigError` for a model that says it gives something else than is compared."""
        given = getattr(model, "output", None)
        wanted = "field" if self.compare_in == "space" else "spectrum"
        if given in ("field", "spectrum") and given != wanted:
            raise ConfigError(
                f"model.output={given} cannot be compared in task.compare_in={self.compare_in}. "
                f"Set model.output={wanted}, or task.compare_in={'cosine' if given == 'spectrum' else 'space'}."
            )
        return {}

    def loss(
        self, phase: str, model: Any, batch: Batch, extra: Any, key: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Mapping[str, jax.Array]]]:
        """The objective over the batch, and the mean relative L2."""
        output = model(self.inputs(batch), train=True, key=randomness.stream(key, "model"))
        prediction, target = self._comparable(output, batch)
        told = {"relative_l2": jnp.mean(field_errors.relative_l2(prediction, target))}
        return self.reduced(self.errors(prediction, target)), (extra, told)

    def errors(self, prediction: jax.Array, target: jax.Array) -> jax.Array:
        """The objective of each example, (batch,)."""
        if self.objective == "h1":
            return field_errors.relative_h1(prediction, target, self.periodic)
        measure = field_errors.relative_l2 if self.objective == "relative_l2" else field_errors.mean_squared
        return measure(prediction, target)

    def reduced(self, errors: jax.Array) -> jax.Array:
        """Their mean or sum over the batch, of which a device in a region by hand sees a part."""
        return jnp.mean(errors) if self.reduction == "mean" else jnp.sum(errors) * global_batch.parts()

    def _comparable(self, output: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """Output and target where they are compared. Raises `ConfigError` for a domain among coefficients."""
        check_shapes(output, batch["target"])
        if self.compare_in == "space":
            return self._in_space(output, batch), batch["target"]
        if "domain" in batch:
            raise ConfigError("task.compare_in=cosine cannot cut a domain out of coefficients: choose space.")
        return output.astype(jnp.float32), cosine.dctn(batch["target"], norm="ortho")

    def _in_space(self, output: jax.Array, batch: Batch) -> jax.Array:
        """An output of the model as a field, zero outside the domain where there is one."""
        field = output.astype(jnp.float32)
        if self.compare_in == "cosine":
            field = cosine.idctn(field, norm="ortho")
        return field * batch["domain"] if "domain" in batch else field

    def metrics(self, model: Any, batch: Batch) -> dict[str, jax.Array]:
        """Sums over the unmasked examples of an evaluation batch, and of their spectra."""
        field, target = self._in_space(model(self.inputs(batch), train=False, key=None), batch), batch["target"]
        check_shapes(field, target)
        each = {"loss": self.errors(field, target), **self.measures(field, target, batch.get("domain"))}
        sums = field_metrics.added(each, batch["mask"])
        if self.evaluate_with_batch_statistics:
            # After the honest call: this one moves the running statistics of the model at hand.
            output = model(self.inputs(batch), train=True, key=jax.random.key(0))
            error = field_errors.relative_l2(self._in_space(output, batch), target)
            sums |= field_metrics.of_full_batches({"relative_l2_batch_statistics": error}, batch["mask"])
        return sums

    def reduce(self, totals: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Means over the examples."""
        return field_metrics.means(totals)

    def predict(self, model: Any, inputs: Any) -> dict[str, jax.Array]:
        """The predicted field, (batch, *space, channels) float32; nothing is cut out of it."""
        return {"field": self._in_space(model(inputs, train=False, key=None), {})}

    def rows(self, outputs: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Of each example its field and, per channel, least, mean and largest value."""
        return field_figures.rows(outputs["field"], self.channels)

    def sheet(self, inputs: Any, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> field_panels.Figure:
        """What was predicted of the first files, the first channel of each."""
        return field_figures.sheet(_field(inputs), rows, names, self.geometry, self.view)

    def figures(self, predict: Callable[[Any], Any], batch: Batch, totals: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Truth, prediction and error of the best, the median and the worst of some examples; energy by wavenumber."""
        batch = {name: np.asarray(values)[:EXAMPLES_DRAWN] for name, values in batch.items()}
        field = predict(self.inputs(batch))["field"]
        field = field * batch["domain"] if "domain" in batch else field
        drawn = {"predictions": field_figures.examples(batch, field, self.geometry, self.channels, self.view)}
        return drawn | field_figures.spectra(totals, self.measures)


def check_shapes(output: jax.Array, target: jax.Array) -> None:
    """Raises `ConfigError` when the model gives fields of another shape than the target's: one that can be stretched to
    it would be compared all the same."""
    if output.shape != target.shape:
        raise ConfigError(
            f"The model gives {list(output.shape[1:])} where the target is {list(target.shape[1:])}. Set "
            "model.out_channels (for task=roll_out to task.frames_per_step), and let the model crop what it pads."
        )


def _field(inputs: Any) -> np.ndarray:
    return inputs["input"] if isinstance(inputs, Mapping) else inputs
