"""Autoregressive prediction of a flow: the model maps the latest frames to the next ones, and its own predictions are
fed back to it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch
from spectrax.diagnostics import field_errors, field_spectra
from spectrax.ops.choices import check_choice
from spectrax.parallel import global_batch
from spectrax.plots import field_animation, field_curves
from spectrax.tasks import field_figures, field_metrics
from spectrax.tasks.field_metrics import Measures
from spectrax.tasks.operator_learning import EXAMPLES_DRAWN, OperatorLearning, check_shapes
from spectrax.tasks.stepping import advance

Training = Literal["unrolled", "push_forward", "one_step"]
Quantities = Literal["scalar", "vorticity"]
PERSISTENCE = "persistence"


@dataclasses.dataclass(frozen=True)
class RollOut(OperatorLearning):
    """Time stepping of a scalar field on a grid, its frames being channels: batches hold "input" (batch, *space, frames
    in) and "target" (batch, *space, frames out), which follow each other.

    A model has as many input channels as there are frames in, and gives `frames_per_step` of them: its window then
    loses so many of its first frames and ends with the model's own.

    Attributes:
        frames_per_step: output channels of the model.
        steps: how often it is applied in training by `unrolled`, and how many steps are taken by `one_step`; None for
            all of the target. Of no meaning to `push_forward`. Evaluation rolls out all.
        predicted_frames: how many frames `predict` gives, and exports do; None for as many as the window has. The
            config sets it to what evaluation scores.
        training: "unrolled": from the window given on, the gradient going through all steps; the loss is the sum over
            steps (LSM's and FNO's released recipe). "push_forward": of `push_forward_steps` steps, from a window that
            is drawn among the true frames, the first and the last count, and no gradient goes from one to the other:
            one-step loss and stability loss of Brandstetter et al., "Message passing neural PDE solvers", ICLR 2022.
            "one_step": every step from its true window.
        push_forward_steps: 1 is a single step from a window that is drawn.
        pushed_noise: standard deviation of normal noise on the window that training begins with, in parts of the root
            mean square of each example's window (Sanchez-Gonzalez et al., ICML 2020).
        remat: recompute each step's activations in the backward pass: memory of one step instead of all. On the CPU,
            where XLA undoes it, it helps with `looped` alone.
        looped: compile one step and loop over it: less to compile, but slow on the CPU, see `advance`.
        increments: the model gives by how much the new frames differ from the window's last one, which is then added.
            An untrained model is near persistence, and what it errs by is a part of a step's change and not of the
            field. Not with dataset.normalise.
        quantities: whose drift is told: "scalar", mean and energy; "vorticity", of a plane flow on a periodic grid,
            mean, kinetic energy and enstrophy.

    Raises:
        ConfigError: for words that are none of those above, and values that do not go together.
    """

    frames_per_step: int = 1
    steps: int | None = None
    predicted_frames: int | None = None
    training: Training = "unrolled"
    push_forward_steps: int = 2
    pushed_noise: float = 0.0
    remat: bool = False
    looped: bool = False
    increments: bool = False
    quantities: Quantities = "scalar"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("task.training", self.training, get_args(Training))
        check_choice("task.quantities", self.quantities, get_args(Quantities))
        if self.compare_in != "space" or self.geometry != "grid":
            raise ConfigError("task=roll_out is for grids in space: set task.compare_in=space and task.geometry=grid.")
        counts = [self.frames_per_step, self.push_forward_steps, self.steps, self.predicted_frames]
        if min(count for count in counts if count is not None) < 1 or self.pushed_noise < 0:
            raise ConfigError(
                "task.frames_per_step, task.steps, task.predicted_frames and task.push_forward_steps must be at least "
                "1, task.pushed_noise 0."
            )
        if self.quantities == "vorticity" and not self.periodic:
            raise ConfigError("task.quantities=vorticity needs a periodic grid: set task.periodic=true.")

    def init(self, model: Any, key: jax.Array) -> dict[str, Any]:
        """As other tasks; raises `ConfigError` where the model's outputs cannot be changes of a field."""
        if self.increments and hasattr(model, "normaliser"):
            raise ConfigError(
                "task.increments=true adds what the model gives to the last frame, and with dataset.normalise it gives "
                "whole frames. Set dataset.normalise=null, or task.increments=false."
            )
        return super().init(model, key)

    @property
    def measures(self) -> Measures:
        """How whole blocks of frames are measured."""
        return dataclasses.replace(super().measures, by_channel=False)

    def loss(
        self, phase: str, model: Any, batch: Batch, extra: Any, key: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Mapping[str, jax.Array]]]:
        """The objective summed over the steps that count, and the mean relative L2 over their frames together."""
        self._check_frames(batch)
        run = {"unrolled": self._unrolled, "push_forward": self._pushed, "one_step": self._forced}[self.training]
        prediction, target = run(model, batch, key)
        check_shapes(prediction, target)
        prediction = self._in_space(prediction, batch)
        parts = [self.errors(p, t) for p, t in zip(self._split(prediction), self._split(target), strict=True)]
        told = {"relative_l2": jnp.mean(field_errors.relative_l2(prediction, target))}
        return self.reduced(sum(parts[1:], parts[0])), (extra, told)

    def _unrolled(self, model: Any, batch: Batch, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        steps = self._steps(batch)
        window = self._noisy(batch["input"], key)
        target = batch["target"][..., : steps * self.frames_per_step]
        return self._advance(model, window, steps, key), target

    def _pushed(self, model: Any, batch: Batch, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The first and the last of the steps from a window drawn for each example, with their true frames.

        Both count: a model that has only ever followed its own predictions errs where it is given the truth, and so at
        every other step of a roll-out.
        """
        frames = jnp.concatenate([batch["input"], batch["target"]], -1)
        width, step = batch["input"].shape[-1], self.frames_per_step
        reach = self.push_forward_steps * step
        latest = batch["target"].shape[-1] - reach
        if latest < 0:
            raise ConfigError(
                f"task.push_forward_steps={self.push_forward_steps} of {step} frames reach beyond the target's "
                f"{batch['target'].shape[-1]} frames. Choose fewer."
            )
        taken = _cut_at_random(frames, width + reach, randomness.stream(key, "start"))
        window = self._noisy(taken[..., :width], key)
        first, told = self._advance(model, window, 1, key), taken[..., width : width + step]
        if self.push_forward_steps == 1:
            return first, told
        window = jnp.concatenate([window, jax.lax.stop_gradient(first)], -1)[..., -width:]
        if self.push_forward_steps > 2:
            pushed = self._advance(model, window, self.push_forward_steps - 2, randomness.stream(key, "pushed"), False)
            window = jnp.concatenate([window, pushed], -1)[..., -width:]
        last = self._advance(model, window, 1, randomness.stream(key, "last"))
        return jnp.concatenate([first, last], -1), jnp.concatenate([told, taken[..., -step:]], -1)

    def _forced(self, model: Any, batch: Batch, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Every step from its true window."""
        frames = jnp.concatenate([batch["input"], batch["target"]], -1)
        width, step = batch["input"].shape[-1], self.frames_per_step
        predictions = []
        for number in range(self._steps(batch)):
            own = jax.random.fold_in(key, number)
            window = self._noisy(frames[..., number * step : number * step + width], own)
            predictions.append(self._advance(model, window, 1, own))
        prediction = jnp.concatenate(predictions, -1)
        return prediction, batch["target"][..., : prediction.shape[-1]]

    def _advance(self, model: Any, window: jax.Array, steps: int, key: jax.Array, gradient: bool = True) -> jax.Array:
        own = randomness.stream(key, "model")
        memory = {"remat": self.remat, "gradient": gradient}
        return advance(model, window, steps, train=True, key=own, **memory, **self._stepping)

    @property
    def _stepping(self) -> dict[str, bool]:
        return {"looped": self.looped, "increments": self.increments}

    def _noisy(self, window: jax.Array, key: jax.Array) -> jax.Array:
        if not self.pushed_noise:
            return window
        noise = global_batch.draw(jax.random.normal, randomness.stream(key, "noise"), window.shape)
        space = tuple(range(1, window.ndim))
        return window + self.pushed_noise * jnp.sqrt(jnp.mean(window**2, space, keepdims=True)) * noise

    def _split(self, frames: jax.Array) -> list[jax.Array]:
        """(batch, *space, frames) by steps."""
        return jnp.split(frames, frames.shape[-1] // self.frames_per_step, -1)

    def _steps(self, batch: Batch) -> int:
        whole = batch["target"].shape[-1] // self.frames_per_step
        return whole if self.steps is None else self.steps

    def _check_frames(self, batch: Batch) -> None:
        given, wanted = batch["input"].shape[-1], batch["target"].shape[-1]
        if wanted % self.frames_per_step or self.frames_per_step > given:
            raise ConfigError(
                f"task.frames_per_step={self.frames_per_step} must divide the target's {wanted} frames, and be at most "
                f"the {given} of the input."
            )
        if self._steps(batch) * self.frames_per_step > wanted:
            raise ConfigError(f"task.steps={self.steps} reach beyond the target's {wanted} frames. Choose fewer.")

    def metrics(self, model: Any, batch: Batch) -> dict[str, jax.Array]:
        """Sums over the unmasked examples of an evaluation batch: of the whole block, by step, and of its last step."""
        self._check_frames(batch)
        target = batch["target"]
        field = self._block(model, batch, train=False)
        check_shapes(field, target)
        still = jnp.broadcast_to(batch["input"][..., -1:], target.shape)
        by_step = {"": self._by_step(field, target), f"{PERSISTENCE}_": self._by_step(still, target)}
        last = by_step[""].shape[1]
        each = {
            "loss": sum(self.errors(p, t) for p, t in zip(self._split(field), self._split(target), strict=True)),
            **self.measures(field, target, batch.get("domain")),
            f"{PERSISTENCE}_relative_l2": field_errors.relative_l2(still, target),
            **{f"{field_metrics.CURVES}{name}relative_l2": errors for name, errors in by_step.items()},
            **{f"relative_l2_step_{step + 1}": by_step[""][:, step] for step in range(last)},
            f"{PERSISTENCE}_relative_l2_step_{last}": by_step[f"{PERSISTENCE}_"][:, -1],
            **self.measures.spectra(field[..., -1:], target[..., -1:]),
            **self._drift(field[..., -1:], target[..., -1:]),
        }
        sums = field_metrics.added(each, batch["mask"])
        if self.evaluate_with_batch_statistics:
            error = field_errors.relative_l2(self._block(model, batch, train=True), target)
            sums |= field_metrics.of_full_batches({"relative_l2_batch_statistics": error}, batch["mask"])
        return sums

    def _block(self, model: Any, batch: Batch, train: bool) -> jax.Array:
        """All frames of the target, from the model's own predictions."""
        steps = batch["target"].shape[-1] // self.frames_per_step
        key = jax.random.key(0) if train else None
        field = advance(model, batch["input"], steps, train=train, key=key, **self._stepping)
        return self._in_space(field, batch)

    def _by_step(self, field: jax.Array, target: jax.Array) -> jax.Array:
        """Relative L2 of each step, (batch, steps)."""
        pairs = zip(self._split(field), self._split(target), strict=True)
        return jnp.stack([field_errors.relative_l2(p, t) for p, t in pairs], 1)

    def _drift(self, field: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        """By how much quantities of the last frame are not the truth's, in parts of these; of the mean, which may be
        zero, in parts of the truth's root mean square."""
        measure = {"scalar": field_spectra.scalar_quantities, "vorticity": field_spectra.vorticity_quantities}
        found, true = (measure[self.quantities](frames) for frames in (field, target))
        size = {**true, "mean": jnp.sqrt(2 * field_spectra.scalar_quantities(target)["energy"])}
        return {f"{name}_drift": jnp.abs(found[name] - true[name])[:, 0] / size[name][:, 0] for name in true}

    def predict(self, model: Any, inputs: Any) -> dict[str, jax.Array]:
        """The frames that follow, (batch, *space, frames): `predicted_frames`, or as many as the window has."""
        frames = self.predicted_frames or inputs.shape[-1]
        steps = -(-frames // self.frames_per_step)
        field = advance(model, inputs, steps, train=False, key=None, **self._stepping)
        return {"field": field[..., :frames]}

    def rows(self, outputs: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Of each example its frames and, of the last one, least, mean and largest value."""
        last = field_figures.rows(outputs["field"][..., -1:], None)
        return [{**row, "field": frames} for row, frames in zip(last, outputs["field"], strict=True)]

    def sheet(self, inputs: np.ndarray, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
        """The last frame that was predicted of the first files."""
        last = [{**row, "field": row["field"][..., -1:]} for row in rows]
        return super().sheet(inputs, last, names)

    def figures(self, predict: Callable[[Any], Any], batch: Batch, totals: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Frames of the median of some examples, also as an animation; energy by wavenumber at the last step beside
        the error of all steps by band; the error against time."""
        batch = {name: np.asarray(values)[:EXAMPLES_DRAWN] for name, values in batch.items()}
        target = batch["target"]
        field = self._continued(predict, batch)
        field = field * batch["domain"] if "domain" in batch else field
        errors = field_figures.relative(field, target)
        median = np.argsort(errors)[(len(errors) - 1) // 2]
        truth, frames = target[median], field[median]
        steps = [
            np.linalg.norm(f - t) / np.linalg.norm(t) for f, t in zip(_frames(frames), _frames(truth), strict=True)
        ]
        means = field_metrics.curves(totals, field_metrics.CURVES)
        lines = {"model": means["relative_l2"], "persistence": means[f"{PERSISTENCE}_relative_l2"]}
        drawn = {"error_against_time": field_curves.error_against_time(lines)}
        if truth.ndim <= 3:
            drawn["predictions"] = field_animation.strips(truth, frames, steps)
        if truth.ndim == 3:
            drawn["roll_out"] = field_animation.animation(truth, frames, steps)
        return drawn | field_figures.spectra(totals, self.measures, titles=("the last step", "all steps together"))

    def _continued(self, predict: Callable[[Any], Any], batch: Batch) -> np.ndarray:
        """Predictions as long as the target: what `predict` gives, and again from its last frames."""
        window, frames = batch["input"], []
        while sum(part.shape[-1] for part in frames) < batch["target"].shape[-1]:
            frames.append(predict(window)["field"])
            window = np.concatenate([window, frames[-1]], -1)[..., -window.shape[-1] :]
        return np.concatenate(frames, -1)[..., : batch["target"].shape[-1]]


def _frames(block: np.ndarray) -> np.ndarray:
    """Time first."""
    return np.moveaxis(block, -1, 0)


def _cut_at_random(frames: jax.Array, length: int, key: jax.Array) -> jax.Array:
    """(batch, *space, frames) -> (batch, *space, length): of each example the frames from a time of its own on."""
    latest = frames.shape[-1] - length
    starts = global_batch.draw(
        lambda key, shape: jax.random.randint(key, shape, 0, latest + 1), key, (frames.shape[0],)
    )
    axis = frames.ndim - 2
    return jax.vmap(lambda own, start: jax.lax.dynamic_slice_in_dim(own, start, length, axis))(frames, starts)
