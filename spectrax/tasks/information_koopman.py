"""Training of an information Koopman model: forecasts of a step, with latent states that know of each other and differ.

Source: X. Cheng et al., "Information shapes Koopman representation", ICLR 2026, arXiv 2510.13025, and the code released
with it, which differ; the differences are kept apart here.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch
from spectrax.models.information_koopman import InformationKoopman, OneStep
from spectrax.nn.latent_operators.batch_ridge import BatchRidge
from spectrax.ops.choices import check_choice
from spectrax.ops.latent_contrast import contrast_in_batch, contrast_in_window
from spectrax.ops.latent_entropy import Floor, entropy_of_variances, latent_entropy
from spectrax.tasks import dynamics_metrics
from spectrax.tasks.dynamics import Dynamics
from spectrax.tasks.dynamics_moments import moments

_SIGNS = {"paper": -1, "released": 1, "none": 0}
_LEAST = 1e-8  # variance of latent states, which at first may be one state

Variant = Literal["spectrax", "paper", "released"]
Sign = Literal["paper", "released", "none"]


@dataclasses.dataclass(frozen=True)
class InformationKoopmanTask(Dynamics):
    """A weighted sum of errors of what is decoded one step ahead and at once, how far latent steps are from linear, the
    estimate of what a latent state knows of its neighbours (InfoNCE), and the entropy of latent states.

    Evaluation tells these terms too, and their weighted sum, which do not depend on the batches that a split comes in.
    The entropy, and the variance by which "spectrax" divides, are those of the latent states of the whole split: a
    window of few frames has next to no variance, and one state has no entropy. The other terms are means over windows,
    each by itself: a regression (`model.operator=batch`) is that of the window, and the contrast of "paper" is with the
    states of the same window.

    Attributes:
        variant: "released": errors of a step are means over batch and numbers, summed over a window's steps; the
            estimate is within windows; dead directions have no entropy. It needs `model.operator=batch`. "spectrax":
            the same, but for dead directions, with any operator, and with latent steps' error over the variance of
            latent states: the other latent terms do not see their scale, so small states would make that error small,
            and leave steps that are decoded well but cannot be repeated. "paper": errors are squared
            norms, sums over the numbers of a state or of a latent state, means over batch and steps; the estimate is
            over the batch, whose latent states are gathered on several devices. A variational model needs it, and its
            errors are the negative logarithms of normal likelihoods. The paper's loss of an autoencoder (algorithm 2)
            has no error of decoded steps, which the release puts in the place of latent ones: for that loss to the
            letter set task.prediction=0.
        information: weight of InfoNCE (the paper's alpha).
        linearity: of the latent steps' error (beta); of a variational model, of the divergence of a frame's posterior
            from the step's normal distribution.
        entropy: weight (gamma) of the von Neumann entropy.
        entropy_sign: "paper": the entropy is maximised. "released": it is minimised, as that code does.
            "none": it has no part in the loss, as with a weight of 0.
        radius: frames to either side that InfoNCE takes for neighbours.
        temperature: by which InfoNCE divides similarities. The released yamls say 0.07, and the code runs with 0.1.
        prior: weight of the divergence of a variational model's posteriors from a standard normal distribution.

    Raises:
        ConfigError: for values that make no sense, or do not go with the model.
    """

    variant: Variant = "spectrax"
    information: float = 2.0
    entropy: float = 0.1
    entropy_sign: Sign = "paper"
    radius: int = 3
    temperature: float = 0.1
    prior: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("task.variant", self.variant, ("spectrax", "paper", "released"))
        check_choice("task.entropy_sign", self.entropy_sign, tuple(_SIGNS))
        if min(self.information, self.entropy, self.prior) < 0 or self.radius < 1 or self.temperature <= 0:
            raise ConfigError(
                "task.information, task.entropy and task.prior must not be negative, task.radius at least 1, "
                "task.temperature above 0. The sign of the entropy is task.entropy_sign."
            )

    def loss(
        self, phase: str, model: Any, batch: Batch, extra: Any, key: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Mapping[str, jax.Array]]]:
        """The weighted sum of the terms, and each of them."""
        window = self._part(batch["window"], randomness.stream(key, "window"))
        self.check(model)
        terms = self.one_step_terms(model.one_step(window, train=True, key=randomness.stream(key, "model")))
        return self.weighted(terms), (extra, terms)

    def weights(self) -> dict[str, float]:
        """Of the terms; that of the entropy is negative where it is maximised."""
        entropy = _SIGNS[self.entropy_sign] * self.entropy
        told = {"contrast": self.information, "entropy": entropy, "prior": self.prior}
        return {**super().weights(), **told}

    def one_step_terms(self, step: OneStep) -> dict[str, jax.Array]:
        """Without weights, of a batch of windows."""
        terms = {**self._means(step), "entropy": latent_entropy(step.latent, floor=self._floor)}
        if self.variant == "spectrax":
            terms["linearity"] /= jnp.mean(jnp.var(step.later, axis=(0, 1))) + _LEAST
        return terms

    @property
    def _floor(self) -> Floor:
        return "clamped" if self.variant == "released" else "mixed"

    def _means(self, step: OneStep) -> dict[str, jax.Array]:
        """The terms that are means over windows, and linearity before it is divided by a variance."""
        contrast = contrast_in_batch if self.variant == "paper" else contrast_in_window
        terms = {
            "prediction": self._error(step.prediction, step.target_next),
            "reconstruction": self._error(step.reconstruction, step.target),
            "contrast": contrast(step.latent, radius=self.radius, temperature=self.temperature),
        }
        if step.mean is None:
            return {**terms, "linearity": self._linearity(step)}
        mean, log_variance = step.mean, step.log_variance
        likelihoods = {name: terms[name] / 2 for name in ("prediction", "reconstruction")}
        return {
            **terms,
            **likelihoods,
            "linearity": _divergence(mean[:, 1:], log_variance[:, 1:], step.predicted, step.log_noise),
            "prior": _divergence(mean[:, :-1], log_variance[:, :-1], 0.0, jnp.zeros(())),
        }

    def terms_by_example(self, model: Any, window: jax.Array, outputs: Any) -> dict[str, jax.Array]:
        """The terms that are means over windows, of each window's first steps, as many as in training, without dropout,
        (batch,) each; linearity before it is divided by a variance. The others and the loss are in `reduce`."""
        self.check(model)
        count = self._steps(window)
        return jax.vmap(lambda one: self._means(model.one_step(one[None, : count + 1], train=False)))(window)

    def reduce(self, totals: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Means over the windows, what is computed from whole sums, and "loss", the weighted sum of the terms."""
        found = super().reduce(totals)
        means = {name: value / totals[dynamics_metrics.COUNT] for name, value in totals.items()}
        covariance = moments("latent", means)[1]
        variances = np.maximum(np.linalg.eigvalsh(covariance), 0)
        found["entropy"] = float(entropy_of_variances(variances, floor=self._floor))
        if self.variant == "spectrax":
            found["linearity"] /= float(np.mean(variances)) + _LEAST
        terms = {name: found[name] for name in self.weights() if name in found}
        return {"loss": float(self.weighted(terms)), **found}

    def check(self, model: Any) -> None:
        """Raises `ConfigError` when the model is none that this can train."""
        if not isinstance(model, InformationKoopman):
            raise ConfigError("task=information_koopman needs model=information_koopman, or choose task=dynamics.")
        if self.variant == "released" and not isinstance(model.operator, BatchRidge):
            raise ConfigError("task.variant=released needs model.operator=batch; or set task.variant=spectrax.")
        if model.form == "variational" and self.variant != "paper":
            raise ConfigError("model.form=variational needs task.variant=paper: the release has no such model.")

    def _linearity(self, step: OneStep) -> jax.Array:
        """The mean square of what latent steps are off; of "paper" summed over a latent state's numbers (beta's term in
        algorithm 2)."""
        square = (step.later - step.predicted) ** 2
        return jnp.mean(jnp.sum(square, axis=-1) if self.variant == "paper" else square)

    def _error(self, states: jax.Array, target: jax.Array) -> jax.Array:
        """Of states (batch, steps, *state)."""
        square = (states - target) ** 2
        if self.variant == "paper":
            return jnp.sum(square) / (square.shape[0] * square.shape[1])
        return jnp.mean(square) * square.shape[1]


def _divergence(mean: jax.Array, log_variance: jax.Array, centre: jax.Array | float, log_noise: jax.Array) -> jax.Array:
    """Kullback and Leibler's of normal distributions (batch, steps, latent) from others about a centre, in nats: summed
    over the latent numbers, mean over batch and steps."""
    excess = log_noise - log_variance - 1 + (jnp.exp(log_variance) + (mean - centre) ** 2) * jnp.exp(-log_noise)
    return jnp.mean(jnp.sum(excess, axis=-1)) / 2
