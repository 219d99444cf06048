"""Learned dynamics: a model encodes states, moves the code by a linear map, and decodes what it has become."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch
from spectrax.models.normalised import PATH
from spectrax.tasks import dynamics_figures, dynamics_metrics
from spectrax.tasks.dynamics_metrics import Measures


@dataclasses.dataclass(frozen=True)
class Dynamics:
    """Forecasts of a dynamical system: batches hold "window" (batch, frames, *state), float32.

    A model is called with a window and gives "latent" (batch, frames, latent), "reconstruction" (batch, frames,
    *state), and of its first frame "predicted_latent" (batch, frames - 1, latent) and "prediction" (batch, frames - 1,
    *state), see `spectrax.models.koopman_autoencoder`. Where it has units of its own (`scaled`), errors count in those:
    with `dataset.normalise=channel`, in deviations of each coordinate.

    Attributes:
        reconstruction, prediction, linearity: weights of the mean squares that are minimised: of what is decoded at
            once, of `steps` steps decoded, and of the same steps in the latent space.
        steps: predicted in training, of a part of each window whose place is drawn; None for all of the window.
            Evaluation predicts all frames of the window.
        horizons: steps at which the error is told; those beyond the window are left out.
        dt: units of time between frames.
        lyapunov: largest exponent per unit of time, by which the valid time is told; None: in units of time.
        valid_below: the error up to which a forecast is valid: root mean square over the coordinates, in the model's
            units. 0.4 deviations is the usual choice; without normalisation the units are the data's.
        free_steps: of the free run whose histogram is compared with that of the data; 0 for none. Histograms go over
            deviations of the data, so they need `dataset.normalise=channel`.
        reencode: decode and encode again after so many steps of the free run; None: linear all the way.
        coordinates: names of the state's numbers, for figures; None for numbers.

    Raises:
        ConfigError: for values that make no sense.
    """

    reconstruction: float = 1.0
    prediction: float = 1.0
    linearity: float = 1.0
    steps: int | None = None
    horizons: Sequence[int] = (1, 5, 20, 50)
    dt: float = 1.0
    lyapunov: float | None = None
    valid_below: float = 0.4
    free_steps: int = 0
    reencode: int | None = 1
    coordinates: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if min(self.reconstruction, self.prediction, self.linearity) < 0:
            raise ConfigError("task.reconstruction, task.prediction and task.linearity must not be negative.")
        if min([self.steps or 1, self.reencode or 1, *self.horizons]) < 1 or self.free_steps < 0:
            raise ConfigError("task.steps, task.reencode and task.horizons must be at least 1, task.free_steps 0.")
        if self.dt <= 0 or self.valid_below <= 0 or (self.lyapunov is not None and self.lyapunov <= 0):
            raise ConfigError(
                "task.dt, task.valid_below and task.lyapunov must be above 0 (task.lyapunov may be null)."
            )

    @property
    def measures(self) -> Measures:
        """How forecasts are measured."""
        return Measures(tuple(self.horizons), self.dt, self.lyapunov, self.valid_below, self.free_steps, self.reencode)

    def inputs(self, batch: Batch) -> jax.Array:
        """The window."""
        return batch["window"]

    def init(self, model: Any, key: jax.Array) -> dict[str, Any]:
        """No state of its own. Raises `ConfigError` for a free run of a model that knows no deviations of the data."""
        if self.free_steps and not hasattr(model, PATH):
            raise ConfigError(
                f"task.free_steps={self.free_steps} compares histograms over {dynamics_metrics.REACH:g} deviations of "
                "the data to each side, which an unnormalised model does not know: set dataset.normalise=channel, or "
                "task.free_steps=0."
            )
        return {}

    def loss(
        self, phase: str, model: Any, batch: Batch, extra: Any, key: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Mapping[str, jax.Array]]]:
        """The weighted sum of `terms`, and each of them."""
        window = self._part(batch["window"], randomness.stream(key, "window"))
        outputs = model(window, train=True, key=randomness.stream(key, "model"))
        terms = self.terms(model, window, outputs)
        return self.weighted(terms), (extra, terms)

    def terms(self, model: Any, window: jax.Array, outputs: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """What is minimised, by name and without weights: means over the batch. Tasks of their own losses add to it."""
        target, scaled = scaled_by(model, window), lambda name: scaled_by(model, outputs[name])
        return {
            "reconstruction": jnp.mean((scaled("reconstruction") - target) ** 2),
            "prediction": jnp.mean((scaled("prediction") - target[:, 1:]) ** 2),
            "linearity": jnp.mean((outputs["predicted_latent"] - outputs["latent"][:, 1:]) ** 2),
        }

    def weights(self) -> dict[str, float]:
        """Of `terms`; a term without a weight is told and not minimised."""
        return {"reconstruction": self.reconstruction, "prediction": self.prediction, "linearity": self.linearity}

    def weighted(self, terms: Mapping[str, jax.Array]) -> jax.Array:
        """The sum of the terms that have a weight other than 0, which alone may be of no use, such as NaN."""
        weights = self.weights()
        counted = [weights[name] * value for name, value in terms.items() if weights.get(name)]
        return functools.reduce(operator.add, counted) if counted else jnp.zeros(())

    def metrics(self, model: Any, batch: Batch) -> dict[str, jax.Array]:
        """Sums over the unmasked windows of an evaluation batch, see `dynamics_metrics`."""
        window = batch["window"]
        outputs = model(window, train=False, key=None)
        sums = self.measures(model, window, outputs, batch["mask"])
        return sums | dynamics_metrics.added(self.terms_by_example(model, window, outputs), batch["mask"])

    def terms_by_example(self, model: Any, window: jax.Array, outputs: Any) -> dict[str, jax.Array]:
        """`terms` of each window's first steps, as many as in training, and "loss", (batch,) each."""
        count = self._steps(window)

        def one(window: jax.Array, outputs: Any) -> dict[str, jax.Array]:
            window = window[None, : count + 1]
            lengths = {name: count + 1 if name in ("latent", "reconstruction") else count for name in outputs}
            cut = {name: values[None, : lengths[name]] for name, values in outputs.items()}
            terms = self.terms(model, window, cut)
            return {"loss": self.weighted(terms), **terms}

        return jax.vmap(one)(window, {name: outputs[name] for name in dynamics_metrics.BY_FRAME})

    def reduce(self, totals: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Means over the windows, and what is computed from whole sums."""
        return self.measures.reduce(totals)

    def predict(self, model: Any, inputs: jax.Array) -> dict[str, jax.Array]:
        """Of a window: its later frames as forecast from the first, its frames decoded again, and its code."""
        outputs = model(inputs, train=False, key=None)
        return {name: outputs[name] for name in ("prediction", "reconstruction", "latent")}

    def rows(self, outputs: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Of each example its forecast, an array."""
        return [{"prediction": prediction} for prediction in outputs["prediction"]]

    def sheet(self, inputs: np.ndarray, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
        """Forecasts of the first files beside what the files hold."""
        forecasts = np.stack([row["prediction"] for row in rows])
        return dynamics_figures.sheet(inputs, forecasts, self.dt, self.coordinates, names)

    def figures(self, predict: Callable[[Any], Any], batch: Batch, totals: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Forecasts of some windows, the error against time, the operator's eigenvalues, what the free run visits."""
        window = np.asarray(batch["window"])
        prediction = predict(window)["prediction"]
        drawn = {
            "predictions": dynamics_figures.forecasts(window, prediction, self.dt, self.coordinates),
            "error_against_time": dynamics_figures.errors(self.measures.curves(totals), self.measures),
        }
        return drawn | dynamics_figures.of_sums(totals, self.measures, self.coordinates)

    def _part(self, window: jax.Array, key: jax.Array) -> jax.Array:
        """The frames that a training step sees, (batch, steps + 1, *state); they begin anywhere, alike for a batch."""
        count = self._steps(window) + 1
        first = jax.random.randint(key, (), 0, window.shape[1] - count + 1)
        return jax.lax.dynamic_slice_in_dim(window, first, count, axis=1)

    def _steps(self, window: jax.Array) -> int:
        longest = window.shape[1] - 1
        if longest < 1 or (self.steps or 1) > longest:
            raise ConfigError(
                f"task.steps={self.steps} needs windows of {(self.steps or 1) + 1} frames; they have {longest + 1}. "
                "Set dataset.frames, or fewer steps."
            )
        return self.steps or longest


def scaled_by(model: Any, x: jax.Array) -> jax.Array:
    """States in the units in which a model's errors count."""
    return model.scaled(x) if hasattr(model, "scaled") else x
